//! A gateway before a gateway, and one number of a connection in all logs.

use sekisho_tests::{ImapServer, Rig};

use super::{Client, farm, home};

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

#[test]
fn server_is_told_once_where_the_client_comes_from_and_clients_cannot_forge_it() {
    let (told, untold) = (ImapServer::start("told"), ImapServer::start("untold"));
    let rig = Rig::start(&farm("", "", &[&told]));
    let (mut client, _) = Client::greeted(&rig, "127.0.7.9");
    let id = "i ID (\"X-Originating-IP\" \"10.0.0.1\" \"name\" \"mutt\" \"x-proxy-ttl\" \"1\")";
    assert!(client.ask(id).starts_with("* ID"));
    assert_eq!(client.line(), "i OK ID completed");
    client.log_in("anna");
    let ids: Vec<String> = told.heard().into_iter().filter(|line| line.starts_with("S1 ID")).collect();
    assert_eq!(ids.len(), 1);
    assert!(
        ids[0].starts_with("S1 ID (\"x-originating-ip\" \"127.0.7.9\" \"x-originating-port\" "),
        "{ids:?}"
    );
    assert!(ids[0].ends_with(" \"name\" \"mutt\")") && !ids[0].contains("10.0.0.1"), "{ids:?}");
    let rig = Rig::start(&farm("", "imap = { client-address = 'off' }", &[&untold]));
    home(&rig, "anna");
    assert!(untold.heard().iter().all(|line| !line.contains(" ID ")));
}
