//! Logging in, and what comes before and behind it.

use std::collections::HashSet;
use std::io::Write;
use std::time::Duration;

use sekisho_tests::{ImapServer, Rig};

use super::{Client, encode, farm, home, three};

/// Logs in by one of eight ways; the answer.
fn by(way: usize, client: &mut Client, user: &str) -> String {
    match way {
        0 => client.ask(&format!("a LOGIN {user} pw")),
        1 => client.ask(&format!("a login  \"{user}\" \"pw\" ")),
        2 => {
            assert_eq!(client.ask(&format!("a LOGIN {{{}}}", user.len())), "+ OK");
            client.ask(&format!("{user} {{2+}}\r\npw"))
        }
        3 => client.ask(&format!("a AUTHENTICATE PLAIN {}", encode(&format!("\0{user}\0pw")))),
        4 => {
            assert_eq!(client.ask("a AUTHENTICATE PLAIN"), "+");
            client.ask(&encode(&format!("{user}\0somebody\0pw")))
        }
        5 => {
            assert_eq!(client.ask("a AUTHENTICATE LOGIN"), "+ VXNlcm5hbWU6");
            assert_eq!(client.ask(&encode(user)), "+ UGFzc3dvcmQ6");
            client.ask(&encode("pw"))
        }
        6 => client.ask(&format!(
            "a AUTHENTICATE XOAUTH2 {}",
            encode(&format!("user={user}\x01auth=Bearer t\x01\x01"))
        )),
        _ => {
            client.say("a AUTHENTICATE OAUTHBEARER\r\n");
            assert_eq!(client.line(), "+");
            client.ask(&encode(&format!("n,a={user},\x01auth=Bearer t\x01\x01")))
        }
    }
}

#[test]
fn user_is_on_one_server_by_every_mechanism_in_every_spelling_and_from_anywhere() {
    let servers = three();
    let options = "imap = { mechanisms = ['plain', 'login', 'xoauth2', 'oauthbearer'] }";
    let rig = Rig::start(&farm(options, "", &[&servers[0], &servers[1], &servers[2]]));
    let mut homes = HashSet::new();
    for user in ["anna", "ben", "carla"] {
        let first = home(&rig, user);
        for way in 0..8 {
            for (host, spelling) in [user.to_uppercase(), format!("{user}@mail.example")].iter().enumerate() {
                let (mut client, _) = Client::greeted(&rig, &format!("127.0.{}.{way}", host + 1));
                let answer = by(way, &mut client, spelling);
                assert_eq!(answer, "a OK [CAPABILITY IMAP4rev1 IDLE] in", "{way}, {spelling}");
                let (server, who) = client.who();
                assert_eq!(server, first, "{way}, {spelling}");
                let told = if way == 4 { "somebody" } else { spelling };
                assert_eq!(who, told, "{way}");
            }
        }
        homes.insert(first);
    }
    assert_eq!(homes.len(), 3);
}

#[test]
fn refused_user_hears_the_server_and_the_next_one_goes_to_the_own_server() {
    let servers = three();
    let rig = Rig::start(&farm("", "", &[&servers[0], &servers[1], &servers[2]]));
    let (anna, ben) = (home(&rig, "anna"), home(&rig, "ben"));
    assert_ne!(anna, ben);
    let mut client = Client::new(&rig);
    let refused = format!("x NO [AUTHENTICATIONFAILED] {anna} says no");
    assert_eq!(client.ask("x LOGIN anna wrong"), refused);
    assert_eq!(client.log_in("ben"), ben);
}

#[test]
fn everything_behind_the_login_reaches_the_server_once_and_in_order() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("", "", &[&server]));
    let mut client = Client::new(&rig);
    let mail = "b LOGOUT\r\n".repeat(20_000);
    let mut writer = client.tcp().try_clone().unwrap();
    let text =
        format!("a LOGIN anna pw\r\nb APPEND INBOX {{{}+}}\r\n{mail}\r\nc NOOP\r\nd LOGOUT\r\n", mail.len());
    let thread = std::thread::spawn(move || writer.write_all(text.as_bytes()));
    assert_eq!(client.line(), "a OK [CAPABILITY IMAP4rev1 IDLE] in");
    let who = "* WHO one anna".to_owned();
    let expected =
        [who.clone(), "b OK done".into(), who, "c OK done".into(), "* BYE".into(), "d OK bye".into()];
    assert_eq!(client.rest(), expected);
    thread.join().unwrap().unwrap();
    let heard = server.heard();
    assert_eq!(
        heard[heard.len() - 3..],
        [format!("b APPEND INBOX {{{}+}}", mail.len()), "c NOOP".into(), "d LOGOUT".into()]
    );
}

#[test]
fn client_that_has_said_everything_hears_every_answer() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("", "", &[&server]));
    let mut client = Client::new(&rig);
    client.say("a NOOP\r\nb LOGIN anna pw\r\nc WHO\r\nd LOGOUT\r\n");
    client.tcp().shutdown(std::net::Shutdown::Write).unwrap();
    let answers =
        ["a OK Noop completed", "b OK [CAPABILITY IMAP4rev1 IDLE] in", "* WHO one anna", "c OK done"];
    assert_eq!(client.rest(), [&answers[..], &["* BYE", "d OK bye"]].concat());
}

#[test]
fn commands_within_literals_are_never_executed() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("", "", &[&server]));
    let smuggled = "x LOGIN evil pw\r\ny LOGOUT\r\n";
    for (text, expected) in [
        // Sent without waiting and too large: where it ends nobody knows.
        (format!("a LOGIN {{5000+}}\r\n{smuggled}"), "* BYE Literal too large"),
        (format!("a LOGIN {{99999999999999999999+}}\r\n{smuggled}"), "* BYE Literal too large"),
        (
            format!("a LOGIN {{{}+}}\r\n{smuggled} pw\r\nb LOGOUT\r\n", smuggled.len()),
            "a NO [AUTHENTICATIONFAILED] No such user",
        ),
        (format!("a LOGIN anna\0\r\n{}b LOGOUT\r\n", ""), "a BAD Wrong arguments"),
        (format!("a LOGIN {}", "x".repeat(10_000)), "* BYE Line too long"),
        (format!("a ID ({})\r\nb LOGOUT\r\n", "\"a\" \"b\" ".repeat(31)), "a BAD Wrong arguments"),
    ] {
        let mut client = Client::new(&rig);
        client.say(&text);
        let answer = client.rest();
        assert_eq!(answer[0], expected, "{answer:?}");
        assert!(answer.iter().all(|line| !line.starts_with('x') && !line.starts_with('y')), "{answer:?}");
    }
    // A client that waits has not sent what is refused.
    let mut client = Client::new(&rig);
    assert_eq!(client.ask("a LOGIN {5000}"), "a BAD Literal too large");
    assert_eq!(server.heard(), Vec::<String>::new());
    assert_eq!(client.log_in("anna"), "one");
}

#[test]
fn stopping_gateway_says_bye_to_whoever_has_not_logged_in_and_lets_the_others_finish() {
    let server = ImapServer::start("one");
    let mut rig = Rig::start(&farm("", "", &[&server]));
    let (mut waiting, mut working) = (Client::new(&rig), Client::new(&rig));
    working.log_in("anna");
    let gateway = rig.stop();
    assert_eq!(waiting.rest(), ["* BYE Shutting down"]);
    assert_eq!(working.who().0, "one");
    drop(working);
    gateway.wait();
}

#[test]
fn client_that_does_not_log_in_has_to_go_however_much_it_says() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("timeouts = { head = '2s' }", "", &[&server]));
    let mut client = Client::new(&rig);
    let mut drip = client.tcp().try_clone().unwrap();
    std::thread::spawn(move || {
        while drip.write_all(b"n NOOP\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let said = client.rest();
    assert_eq!(said.last().map(String::as_str), Some("* BYE Too slow"), "{said:?}");
    assert_eq!(rig.line(|_| true)["end"], "head-timeout");
    let mut client = Client::new(&rig);
    client.say(&"x WHAT\r\n".repeat(9));
    assert_eq!(client.rest().last().map(String::as_str), Some("* BYE Too many mistakes"));
}

#[test]
fn whoever_is_logged_in_may_be_silent_for_longer_than_a_login_may_take() {
    let server = ImapServer::start("one");
    let rig = Rig::start(&farm("timeouts = { head = '1s', response = '1s' }", "", &[&server]));
    let mut client = Client::new(&rig);
    client.log_in("anna");
    // Whoever comes after it and does not log in has had that time, and a little more.
    assert_eq!(Client::new(&rig).rest(), ["* BYE Too slow"]);
    assert_eq!(client.who(), ("one".to_owned(), "anna".to_owned()));
}
