//! Wrong passwords, by connection and by address.

use sekisho_tests::{ImapServer, ImapTalk, Rig, until};

use super::{Client, farm};

/// Says a wrong password.
fn guess(client: &mut Client) -> String {
    client.ask("x LOGIN anna wrong")
}

const REFUSED: &str = "x NO [AUTHENTICATIONFAILED] one says no";

#[test]
fn who_guesses_waits_and_nobody_else_does_and_no_server_is_held_meanwhile() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("", "", &[&server]));
    let (mut guesser, _) = Client::greeted(&rig, "127.0.21.1");
    assert_eq!(guess(&mut guesser), REFUSED);
    assert_eq!(guess(&mut guesser), REFUSED);
    // The third costs two seconds, in which others log in.
    guesser.say("x LOGIN anna wrong\r\n");
    let refused = || server.heard().iter().filter(|line| *line == "|anna|wrong").count() == 3;
    until("the third guess is judged", || refused().then_some(()));
    let (mut other, _) = Client::greeted(&rig, "127.0.21.2");
    assert_eq!(other.log_in("anna"), "one");
    let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
    until("the guesser holds no server", || (pool.server("s0").unwrap().active() == 1).then_some(()));
    guesser.tcp().set_nonblocking(true).unwrap();
    let heard = guesser.tcp().peek(&mut [0]).map_err(|error| error.kind());
    assert_eq!(
        heard,
        Err(std::io::ErrorKind::WouldBlock),
        "the guesser heard before anybody else was served"
    );
    guesser.tcp().set_nonblocking(false).unwrap();
    assert_eq!(guesser.line(), REFUSED);
    assert_eq!(guesser.log_in("anna"), "one");
}

#[test]
fn address_with_too_many_strikes_is_turned_away_by_name() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("limits = { max-strikes = 3 }", "", &[&server]));
    let (mut guesser, _) = Client::greeted(&rig, "127.0.22.1");
    for _ in 0..3 {
        guesser.say("x LOGIN anna wrong\r\n");
    }
    let said = guesser.rest();
    assert_eq!(said, [REFUSED, REFUSED, REFUSED, "* BYE Too many failed logins"]);
    assert_eq!(rig.line(|_| true)["end"], "max-strikes");
    let (mut again, greeting) = Client::greeted(&rig, "127.0.22.1");
    assert_eq!(greeting, "* BYE Too many failed logins");
    assert_eq!(again.rest(), Vec::<String>::new());
    let (mut other, _) = Client::greeted(&rig, "127.0.22.2");
    assert_eq!(other.log_in("anna"), "one");
}

#[test]
fn connection_ends_after_as_many_failed_logins_as_are_allowed() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("imap = { max-failed-logins = 2 }", "", &[&server]));
    let (mut guesser, _) = Client::greeted(&rig, "127.0.23.1");
    guesser.say(&"x LOGIN anna wrong\r\n".repeat(3));
    assert_eq!(guesser.rest(), [REFUSED, REFUSED, "* BYE Too many failed logins"]);
    assert_eq!(server.heard().iter().filter(|line| line.contains("AUTHENTICATE")).count(), 2);
}

#[test]
fn client_that_leaves_while_the_server_decides_gives_it_up() {
    let server =
        ImapServer::talking(ImapTalk { verdict: Some("* OK still deciding"), ..ImapTalk::of("slow") });
    let rig = Rig::start(&farm("", "", &[&server]));
    let (mut client, _) = Client::greeted(&rig, "127.0.24.1");
    assert_eq!(client.ask("x LOGIN anna pw"), "* OK still deciding");
    let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
    assert_eq!(pool.server("s0").unwrap().active(), 1);
    drop(client);
    until("the server is given up", || (pool.server("s0").unwrap().active() == 0).then_some(()));
    assert_eq!(rig.line(|_| true)["end"], "client-left");
}

#[test]
fn user_has_as_many_connections_as_are_allowed_from_wherever_they_come() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("limits = { max-connections-per-user = 2 }", "", &[&server]));
    let mut clients: Vec<Client> =
        (1..4).map(|n| Client::greeted(&rig, &format!("127.0.25.{n}")).0).collect();
    assert_eq!(clients[0].log_in("anna"), "one");
    assert_eq!(clients[1].log_in("ANNA@mail.example"), "one");
    assert_eq!(clients[2].ask("x LOGIN anna pw"), "x NO [LIMIT] Too many connections of this user");
    assert_eq!(clients[2].log_in("ben"), "one");
    clients.remove(0);
    let mut again = Client::new(&rig);
    until("there is room again", || again.ask("y LOGIN anna pw").starts_with("y OK").then_some(()));
}
