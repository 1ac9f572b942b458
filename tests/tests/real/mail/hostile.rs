//! Clients that mean no good, and one that does meanwhile.

use sekisho_tests::until;

use super::farm::{Farm, Plan};
use super::talk::Talk;

const BAD: &str = "127.0.8.160";

/// Somebody logs in beside them, and nobody called `evil` ever has.
fn others_are_served(farm: &Farm) {
    for url in ["imap://", "imaps://"] {
        let listed = farm.curl("127.0.8.161", url, "anna:secret", &[]);
        assert_eq!(listed, Ok("* LIST (\\HasNoChildren) \".\" INBOX\r\n".to_owned()), "{url}");
    }
    assert!(farm.dovecots.iter().all(|dovecot| !dovecot.folder.read("log").contains("evil")));
}

#[test]
fn nothing_said_before_tls_is_obeyed_after_it() {
    let farm = Farm::start(90);
    for injected in [
        "b LOGIN evil secret\r\n",
        "b LOGIN evil ",
        "b LOGIN {4+}\r\nevil",
        "b AUTHENTICATE PLAIN\r\n",
        "b STARTTLS\r\n\x16\x03",
    ] {
        let mut client = Talk::clear(&farm, BAD);
        // What it says of itself in clear is forgotten as well.
        assert_eq!(client.ask(b"i ID (\"name\" \"evil\")"), "i OK ID completed");
        client.say(format!("a STARTTLS\r\n{injected}").as_bytes());
        assert_eq!(client.line(), "a OK Begin TLS negotiation now");
        client.secure(&farm.authority.client());
        assert_eq!(client.ask(b"c NOOP"), "c OK Noop completed", "{injected:?}");
        assert!(client.ask(b"d LOGIN anna secret").starts_with("d OK "), "{injected:?}");
    }
    let mut client = Talk::clear(&farm, BAD);
    for command in ["a LOGIN evil secret", "a AUTHENTICATE PLAIN AGV2aWwAc2VjcmV0"] {
        assert_eq!(client.ask(command.as_bytes()), "a NO [PRIVACYREQUIRED] Start TLS first");
    }
    others_are_served(&farm);
}

#[test]
fn commands_within_literals_are_nobodys_commands_and_what_is_too_large_ends_the_connection() {
    let farm = Farm::start(100);
    let smuggled = "x LOGIN evil secret\r\ny LOGOUT\r\n";
    let fields = format!("\"{}\" \"{}\" ", "k".repeat(30), "v".repeat(1024)).repeat(60);
    for (said, expected) in [
        (format!("a LOGIN {{5000+}}\r\n{smuggled}"), "* BYE Literal too large"),
        (format!("a LOGIN {{4294967297+}}\r\n{smuggled}"), "* BYE Literal too large"),
        (format!("a LOGIN {{99999999999999999999+}}\r\n{smuggled}"), "* BYE Literal too large"),
        (format!("a LOGIN {}", "x".repeat(200_000)), "* BYE Line too long"),
        (format!("a ID ({fields}"), "* BYE Line too long"),
        (format!("a AUTHENTICATE PLAIN {}", "A".repeat(200_000)), "* BYE Line too long"),
        (format!("a LOGIN{}", " {9+}\r\nx LOGOUT\r".repeat(100)), "* BYE Command too long"),
    ] {
        let mut client = Talk::secured(&farm, BAD);
        // It may be cut off in the middle.
        let _ = client.try_say(said.as_bytes());
        assert_eq!(client.rest(), [expected], "{:.40}", said);
    }
    for (said, expected) in [
        (
            format!("a LOGIN {{{}+}}\r\n{smuggled} secret\r\n", smuggled.len()),
            "a NO [AUTHENTICATIONFAILED] No such user",
        ),
        ("a LOGIN {5000}\r\n".to_owned(), "a BAD Literal too large"),
        ("a LOGIN {-1}\r\n".to_owned(), "a BAD Wrong arguments"),
        ("a LOGIN evil\0 secret\r\n".to_owned(), "a BAD Wrong arguments"),
        ("a LOGIN \"evil\\x\" secret\r\n".to_owned(), "a BAD Wrong arguments"),
        (format!("a ID ({})\r\n", "\"k\" \"v\" ".repeat(31)), "a BAD Wrong arguments"),
        ("a AUTHENTICATE PLAIN evil*\r\n".to_owned(), "a BAD Invalid base64"),
        ("GET / HTTP/1.1\r\n".to_owned(), "GET BAD Unknown command, or log in first"),
    ] {
        let mut client = Talk::secured(&farm, BAD);
        client.say(said.as_bytes());
        assert_eq!(client.line(), expected);
        // The same client, with better manners.
        assert!(client.ask(b"b LOGIN anna secret").starts_with("b OK "), "{said:?}");
    }
    // Password and name end where they end: what is in them is no command of the session either.
    let mut client = Talk::secured(&farm, BAD);
    client.say(b"a LOGIN anna {6+}\r\nsecret\r\nb NOOP\r\nc LOGOUT\r\n");
    assert!(client.line().starts_with("a OK "));
    assert!(client.line().starts_with("b OK NOOP completed"));
    others_are_served(&farm);
}

#[test]
fn whoever_is_slow_to_log_in_has_to_go_and_slows_nobody() {
    let vip = "timeouts = { head = '4s', handshake = '4s' }\nlimits = { max-connections-per-client = 300 }";
    let farm = Farm::planned(110, &Plan { vip, ..Plan::default() });
    let halves = [
        "a LOGIN evil",
        "a LOGIN {4}\r\n",
        "a AUTHENTICATE LOGIN\r\n",
        "a STARTTLS\r\n\x16\x03\x01",
        "",
        "a NOOP\r\n",
    ];
    let mut slow: Vec<Talk> = (0..240)
        .map(|n| {
            let mut client = Talk::clear(&farm, BAD);
            client.say(halves[n % halves.len()].as_bytes());
            client
        })
        .collect();
    others_are_served(&farm);
    // More of them from there are too many; everybody else is still welcome.
    let more: Vec<Talk> = (0..100).filter_map(|_| Talk::try_clear(&farm, BAD)).collect();
    assert_eq!(more.len(), 60);
    others_are_served(&farm);
    for (n, client) in slow.iter_mut().enumerate() {
        // In the midst of a handshake there is nothing to say.
        if n % halves.len() != 3 {
            assert_eq!(
                client.rest().last().map(String::as_str),
                Some("* BYE Too slow"),
                "{}",
                halves[n % halves.len()]
            );
        }
    }
    drop(more);
    until("all are gone", || (farm.metric("sekisho_connections") == 0.0).then_some(()));
    others_are_served(&farm);
}
