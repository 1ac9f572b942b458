//! A gateway before a gateway, and one number of a connection in all logs.

use sekisho_tests::{ImapServer, Rig};

use super::{Client, farm};

/// What the server was told of a client.
fn told(server: &ImapServer) -> String {
    let ids: Vec<String> = server.heard().into_iter().filter(|line| line.contains(" ID (")).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0].clone()
}

#[test]
fn client_of_another_gateway_is_known_by_its_own_address_to_the_server() {
    let server = ImapServer::start("one");
    let trusting = "\n[gateway]\ntrusted-networks = ['127.0.0.1']\n";
    let inner = Rig::start(&(farm("", "", &[&server]) + trusting));
    let outer = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'imap'\npool = 'p'\n[pool.p]\nservers = {{ inner = '{}' }}\n",
        inner.address("v")
    ));
    let (mut client, _) = Client::greeted(&outer, "127.0.26.9");
    assert_eq!(client.log_in("anna"), "one");
    let id = told(&server);
    assert!(
        id.contains("\"x-originating-ip\" \"127.0.26.9\"") && id.contains("\"x-proxy-ttl\" \"4\""),
        "{id}"
    );
    drop(client);
    let line = outer.line(|_| true);
    let number = line["id"].as_str().unwrap();
    assert!(id.contains(&format!("\"x-session-id\" \"{number}\"")), "{id} {line}");
}

#[test]
fn address_that_clients_make_up_is_told_to_nobody() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&(farm("", "", &[&server]) + "\n[gateway]\ntrusted-networks = ['127.0.0.1']\n"));
    let (mut client, _) = Client::greeted(&rig, "127.0.27.1");
    assert!(client.ask("i ID (\"x-originating-ip\" \"10.0.0.1\")").starts_with("* ID"));
    assert_eq!(client.line(), "i OK ID completed");
    assert_eq!(client.log_in("anna"), "one");
    let id = told(&server);
    assert!(id.contains("\"x-originating-ip\" \"127.0.27.1\"") && !id.contains("10.0.0.1"), "{id}");
}
