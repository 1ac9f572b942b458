//! Every way of logging in, and every byte of a password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_tests::until;

use super::dovecot::{Login, PASSWORDS, Service};
use super::farm::{Farm, Plan};
use super::talk::Talk;
use super::tokens::Tokens;

const FROM: &str = "127.0.8.131";

/// In an IMAP string with quotes.
fn quoted(text: &[u8]) -> Vec<u8> {
    let escaped =
        text.iter().flat_map(|&byte| [&b"\\"[usize::from(!b"\"\\".contains(&byte))..], &[byte]].concat());
    std::iter::once(b'"').chain(escaped).chain(std::iter::once(b'"')).collect()
}

/// Logs in by one of seven ways; the answer.
fn by(way: usize, client: &mut Talk, user: &str, password: &[u8]) -> String {
    let name = user.as_bytes();
    let plain = STANDARD.encode([b"\0", name, b"\0", password].concat()).into_bytes();
    let [user64, password64] = [name, password].map(|text| STANDARD.encode(text).into_bytes());
    match way {
        0 => client.ask(&[b"a LOGIN ", quoted(name).as_slice(), b" ", &quoted(password)].concat()),
        1 => {
            assert_eq!(client.ask(format!("a LOGIN {{{}}}", name.len()).as_bytes()), "+ OK");
            let size = format!(" {{{}}}", password.len()).into_bytes();
            assert_eq!(client.ask(&[name, &size].concat()), "+ OK");
            client.ask(password)
        }
        2 => {
            let sizes = [name, password].map(|text| format!("{{{}+}}\r\n", text.len()).into_bytes());
            client.ask(&[b"a login ", &sizes[0][..], name, b" ", &sizes[1], password].concat())
        }
        3 => client.ask(&[b"a AUTHENTICATE PLAIN ", &plain[..]].concat()),
        4 => {
            assert_eq!(client.ask(b"a authenticate plain"), "+");
            client.ask(&plain)
        }
        5 => {
            assert_eq!(client.ask(b"a AUTHENTICATE LOGIN"), "+ VXNlcm5hbWU6");
            assert_eq!(client.ask(&user64), "+ UGFzc3dvcmQ6");
            client.ask(&password64)
        }
        _ => {
            assert_eq!(client.ask(&[b"a AUTHENTICATE LOGIN ", &user64[..]].concat()), "+ UGFzc3dvcmQ6");
            client.ask(&password64)
        }
    }
}

#[test]
fn password_of_any_bytes_reaches_dovecot_by_every_command_that_can_say_it() {
    let farm = Farm::start(50);
    for (user, password) in PASSWORDS {
        for way in 0..7 {
            let mut client = Talk::secured(&farm, FROM);
            let answer = by(way, &mut client, user, password);
            assert!(answer.starts_with("a OK [CAPABILITY IMAP4rev1 "), "{user} {way}: {answer}");
            assert!(client.ask(b"b LOGOUT").starts_with("b OK "));
        }
        farm.home(user);
    }
    // One byte less is another password, and the server says so.
    let (user, password) = PASSWORDS[0];
    let answer = by(0, &mut Talk::secured(&farm, "127.0.8.132"), user, &password[1..]);
    assert_eq!(answer, "a NO [AUTHENTICATIONFAILED] Authentication failed.");
    for way in 0..7 {
        let mut client = Talk::secured(&farm, FROM);
        let user = if way % 2 == 0 { "jörg" } else { "JÖRG@mail.example" };
        assert!(by(way, &mut client, user, b"secret").starts_with("a OK "), "{way}");
    }
    // Dovecot folds no other letters than ASCII's, so that these are two to it.
    until("both are in a log", || {
        farm.dovecots.iter().any(|dovecot| dovecot.has("jörg") && dovecot.has("jÖrg")).then_some(())
    });
    assert_eq!(farm.home("jörg"), farm.home("jÖrg"));
}

#[test]
fn token_is_judged_by_dovecot_which_says_why_it_refuses_one() {
    let vip = "imap = { mechanisms = ['plain', 'xoauth2', 'oauthbearer'] }";
    let farm = Farm::planned(60, &Plan { vip, ..Plan::default() });
    let tokens = Tokens::start(farm.host);
    // Those who are refused come from addresses of their own, for Dovecot lets such addresses wait.
    let curl =
        |from, url, token: &str| farm.curl(from, url, "Anna@mail.example", &["--oauth2-bearer", token]);
    for url in ["imap://", "imaps://"] {
        let listed = curl(FROM, url, &tokens.of("anna"));
        assert_eq!(listed, Ok("* LIST (\\HasNoChildren) \".\" INBOX\r\n".to_owned()), "{url}");
    }
    let refused = curl("127.0.8.132", "imap://", "forged").unwrap_err();
    assert!(refused.contains("Login denied"), "{refused}");
    for (mechanism, elsewhere, response) in [
        ("XOAUTH2", "127.0.8.134", "user=anna\x01auth=Bearer TOKEN\x01\x01"),
        (
            "OAUTHBEARER",
            "127.0.8.135",
            "n,a=anna,\x01host=mail.example.org\x01port=143\x01auth=Bearer TOKEN\x01\x01",
        ),
    ] {
        let with = |token: &str| STANDARD.encode(response.replace("TOKEN", token));
        let mut client = Talk::secured(&farm, elsewhere);
        assert_eq!(client.ask(format!("a AUTHENTICATE {mechanism}").as_bytes()), "+");
        let why = client.ask(with("forged").as_bytes());
        let why = STANDARD.decode(why.strip_prefix("+ ").unwrap()).unwrap();
        let why = String::from_utf8(why).unwrap();
        assert!(why.starts_with("{\"status\":"), "{why}");
        assert_eq!(client.ask(b"AQ=="), "a NO [AUTHENTICATIONFAILED] Authentication failed.");
        // And with a token of 5 kB.
        let mut client = Talk::secured(&farm, FROM);
        let long = format!("{}.{}", tokens.of("anna"), "x".repeat(5000));
        let answer = client.ask(format!("b AUTHENTICATE {mechanism} {}", with(&long)).as_bytes());
        assert!(answer.starts_with("b OK [CAPABILITY "), "{answer}");
    }
    farm.home("anna");
}

/// `USER PASSWORD`: logs in by SCRAM-SHA-256, and has the server prove that it knows the password as well.
const SCRAM: &str = r#"
user, password = told
for kind in (Started, Secured):
    client, scram = kind("127.0.8.136"), Scram(user, password)
    try:
        client.authenticate("SCRAM-SHA-256", scram)
        print(scram.proved, client.select()[0])
        client.logout()
    except imaplib.IMAP4.error as error:
        print(error)
        break
"#;

#[test]
fn scram_is_between_the_client_and_dovecot_alone() {
    let vip = "imap = { mechanisms = ['plain', 'scram-sha-256'] }";
    let farm = Farm::planned(140, &Plan { vip, ..Plan::default() });
    for user in ["anna", "ANNA", "anna@mail.example"] {
        assert_eq!(farm.python(SCRAM, &[user, "secret"]), "True OK\nTrue OK");
    }
    farm.mutt_obeys("set imap_authenticators='scram-sha-256'");
    for secured in [false, true] {
        farm.mutt_sends("anna", secured, "by SCRAM");
    }
    let home = &farm.dovecots[farm.home("anna")];
    until("every login is in the log", || {
        let by = |login: &&Login| login.user == "anna" && login.method == "SCRAM-SHA-256";
        (home.logins().iter().filter(by).count() == 8).then_some(())
    });
    let refused = farm.python(SCRAM, &["anna", "wrong"]);
    assert!(refused.contains("[AUTHENTICATIONFAILED] Authentication failed."), "{refused}");
    farm.home("anna");
}

#[test]
fn certificate_logs_in_whom_it_names_and_nobody_else() {
    // Dovecot takes the certificate of its own connection where that has TLS, and here it would be the gateway's.
    let plan = Plan {
        service: Service::Proxied,
        clear: true,
        tls: ", client-certificates = 'request', client-ca = 'authority.pem'",
        vip: "imap = { mechanisms = ['plain', 'external'] }",
        pool: "proxy-protocol = 'v2'\nimap = { client-address = 'off' }",
        ..Plan::default()
    };
    let farm = Farm::planned(150, &plan);
    let mut anna = Talk::certified(&farm, FROM, "anna");
    assert!(anna.ask(b"a AUTHENTICATE EXTERNAL =").starts_with("a OK "));
    let mut anna = Talk::certified(&farm, FROM, "anna");
    assert_eq!(anna.ask(b"a AUTHENTICATE EXTERNAL"), "+");
    let answer = anna.ask(b"");
    assert!(answer.starts_with("a OK "), "{answer}");
    let mut other = Talk::certified(&farm, "127.0.8.137", "carla");
    let answer = other.ask(b"a AUTHENTICATE EXTERNAL YW5uYQ==");
    assert!(answer.starts_with("a NO "), "{answer}");
    let mut nobody = Talk::secured(&farm, "127.0.8.138");
    let answer = nobody.ask(b"a AUTHENTICATE EXTERNAL YW5uYQ==");
    assert_eq!(answer, "a NO [CANNOT] Unsupported authentication mechanism");
    // With a password, the same person is on the same server.
    assert!(nobody.ask(b"b LOGIN anna secret").starts_with("b OK "));
    let home = &farm.dovecots[farm.home("anna")];
    until("every login is in the log", || {
        let methods: Vec<String> = home.logins().into_iter().map(|login| login.method).collect();
        (methods == ["EXTERNAL", "EXTERNAL", "PLAIN"]).then_some(())
    });
    assert!(!farm.dovecots.iter().any(|dovecot| dovecot.has("carla")));
}
