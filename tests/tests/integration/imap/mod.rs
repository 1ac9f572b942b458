//! IMAP clients and servers, as far as logging in and what is behind it.

mod certificate;
mod failing;
mod gateways;
mod strikes;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use sekisho_tests::{Authority, Desktop, ImapServer, ImapTalk, Manner, Rig, tls_client, until};

use super::connect_from;

/// A client, with or without TLS.
struct Client {
    wire: Box<dyn Wire>,
    tcp: TcpStream,
}

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

impl Client {
    /// Connects and reads the greeting.
    fn greeted(rig: &Rig, from: &str) -> (Self, String) {
        let tcp = connect_from(from, rig.address("v"));
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut client = Self { wire: Box::new(tcp.try_clone().unwrap()), tcp };
        let greeting = client.line();
        (client, greeting)
    }

    fn new(rig: &Rig) -> Self {
        Self::greeted(rig, "127.0.0.1").0
    }

    /// By TLS from the first byte.
    fn secured(rig: &Rig, config: &Arc<ClientConfig>) -> (Self, String) {
        let stream = tls_client(config, "mail.example.org", rig.address("v")).unwrap();
        stream.sock.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let tcp = stream.sock.try_clone().unwrap();
        let mut client = Self { wire: Box::new(stream), tcp };
        let greeting = client.line();
        (client, greeting)
    }

    /// The handshake, STARTTLS having been answered.
    fn secure(&mut self, config: &Arc<ClientConfig>) {
        let name = "mail.example.org".try_into().unwrap();
        let session = ClientConnection::new(config.clone(), name).unwrap();
        self.wire = Box::new(StreamOwned::new(session, self.tcp.try_clone().unwrap()));
    }

    fn say(&mut self, text: &str) {
        self.wire.write_all(text.as_bytes()).unwrap();
        self.wire.flush().unwrap();
    }

    /// The next line; empty at the end.
    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") && self.wire.read(&mut byte).unwrap_or(0) == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Says a line and reads one.
    fn ask(&mut self, text: &str) -> String {
        self.say(&format!("{text}\r\n"));
        self.line()
    }

    /// What is said until the connection ends.
    fn rest(&mut self) -> Vec<String> {
        std::iter::repeat_with(|| self.line()).take_while(|line| !line.is_empty()).collect()
    }

    /// The server behind an accepted login, and whom it believes the client to be.
    fn who(&mut self) -> (String, String) {
        let line = self.ask("w WHO");
        assert_eq!(self.line(), "w OK done", "{line}");
        let mut words = line.strip_prefix("* WHO ").unwrap_or_else(|| panic!("{line}")).split(' ');
        (words.next().unwrap().to_owned(), words.next().unwrap().to_owned())
    }

    fn log_in(&mut self, user: &str) -> String {
        let answer = self.ask(&format!("a LOGIN \"{}\" pw", user.replace('\\', "\\\\")));
        assert_eq!(answer, "a OK [CAPABILITY IMAP4rev1 IDLE] in");
        self.who().0
    }
}

fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

/// A VIP before these servers.
fn farm(options: &str, pool: &str, servers: &[&ImapServer]) -> String {
    let list: Vec<String> =
        servers.iter().enumerate().map(|(i, s)| format!("s{i} = '{}'", s.address())).collect();
    format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'imap'\npool = 'p'\npersist = ['user']\n{options}\n\
         [pool.p]\n{pool}\nservers = {{ {} }}\n",
        list.join(", ")
    )
}

fn three() -> [ImapServer; 3] {
    ["one", "two", "three"].map(ImapServer::start)
}

fn home(rig: &Rig, user: &str) -> String {
    Client::new(rig).log_in(user)
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sekisho-imap-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

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
fn person_has_one_home_for_mail_and_desktop() {
    let servers = three();
    let desktops = ["one", "two", "three"].map(|name| Desktop::start(name, Manner::Confirms));
    let list: Vec<String> =
        desktops.iter().enumerate().map(|(i, s)| format!("s{i} = '{}'", s.address())).collect();
    let rig = Rig::start(&format!(
        "{}\n[vip.d]\nlisten = '127.0.0.1:0'\nprotocol = 'rdp'\npool = 'd'\npersist = ['user']\n\
         [pool.d]\nservers = {{ {} }}\n",
        farm("", "", &[&servers[0], &servers[1], &servers[2]]),
        list.join(", ")
    ));
    for user in ["anna", "ben", "carla", "david"] {
        let mail = home(&rig, &format!("{user}@mail.example"));
        let mut desk = TcpStream::connect(rig.address("d")).unwrap();
        let line = format!("Cookie: mstshash=CORP\\{user}\r\n");
        let length = u8::try_from(11 + line.len()).unwrap();
        desk.write_all(&[3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0]).unwrap();
        desk.write_all(line.as_bytes()).unwrap();
        let mut answer = [0; 20];
        desk.read_exact(&mut answer).unwrap();
        assert_eq!(answer[19], mail.as_bytes()[0], "{user}: not at {mail}");
    }
}

#[test]
fn user_moves_once_when_the_server_dies_and_nobody_else_does() {
    let mut servers = three();
    let rig = Rig::start(&farm("", "", &[&servers[0], &servers[1], &servers[2]]));
    let users: Vec<String> = (0..9).map(|n| format!("user{n}")).collect();
    let homes: Vec<String> = users.iter().map(|user| home(&rig, user)).collect();
    servers[0].kill();
    let moved: Vec<String> = users.iter().map(|user| home(&rig, user)).collect();
    for (before, after) in homes.iter().zip(&moved) {
        assert!(before == after || before == "one");
        assert_ne!(after, "one");
    }
    servers[0].restart();
    assert_eq!(users.iter().map(|user| home(&rig, user)).collect::<Vec<_>>(), moved);
}

#[test]
fn clients_of_a_server_that_dies_come_back_elsewhere_and_the_counts_are_right() {
    let mut servers = three();
    let rig = Rig::start(&farm("", "", &[&servers[0], &servers[1], &servers[2]]));
    let held = |wanted: [u32; 3]| {
        until(&format!("{wanted:?} connections"), || {
            let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
            let held = ["s0", "s1", "s2"].map(|name| pool.server(name).unwrap().active());
            (held == wanted).then_some(())
        });
    };
    let mut clients: Vec<(String, String, Client)> = (0..60)
        .map(|n| {
            let (user, mut client) = (format!("user{n}"), Client::new(&rig));
            (user.clone(), client.log_in(&user), client)
        })
        .collect();
    held([20; 3]);
    servers[1].kill();
    for (user, place, client) in &mut clients {
        if place == "two" {
            assert_eq!(client.line(), "");
            *client = Client::new(&rig);
            *place = client.log_in(user);
            assert_ne!(place, "two");
        }
    }
    let at =
        |name: &str| u32::try_from(clients.iter().filter(|(_, place, _)| place == name).count()).unwrap();
    held([at("one"), 0, at("three")]);
    for (_, place, mut client) in clients {
        assert_eq!(client.who().0, place);
    }
    held([0; 3]);
}

#[test]
fn servers_that_are_not_ready_cost_the_user_nothing() {
    let mut dead = ImapServer::start("dead");
    dead.kill();
    let talks = [Some("* BYE Too many connections"), Some("* PREAUTH come in"), Some("220 mail ESMTP"), None];
    let bad = talks.map(|greeting| ImapServer::talking(ImapTalk::greeting("bad", greeting)));
    let well = ImapServer::start("well");
    let options = "limits = { attempts = 8 }\ntimeouts = { response = '300ms' }";
    let rig = Rig::start(&farm(options, "", &[&dead, &bad[0], &bad[1], &bad[2], &bad[3], &well]));
    for user in ["anna", "ben", "carla", "david", "emma", "finn"] {
        assert_eq!(home(&rig, user), "well");
    }
    assert!(bad.iter().all(|server| server.heard().is_empty()));
}

#[test]
fn password_is_told_to_one_server_only_and_the_client_may_try_again() {
    for verdict in ["", "* BYE", "HTTP/1.1 400 Bad Request"] {
        let fatal = ImapServer::talking(ImapTalk { verdict: Some(verdict), ..ImapTalk::of("fatal") });
        let well = ImapServer::start("well");
        let rig = Rig::start(&farm("", "method = 'first-available'", &[&fatal, &well]));
        let mut client = Client::new(&rig);
        let answer = client.ask("x LOGIN anna pw");
        assert_eq!(answer, "x NO [UNAVAILABLE] Temporary failure, try again", "{verdict}");
        assert_eq!(well.heard(), Vec::<String>::new());
        assert_eq!(client.ask("y NOOP"), "y OK Noop completed");
        assert_eq!(fatal.heard().iter().filter(|line| line.contains("AUTHENTICATE")).count(), 1);
    }
}

#[test]
fn nobody_there_is_said_with_the_clients_tag() {
    let mut server = ImapServer::start("one");
    server.kill();
    let rig = Rig::start(&farm("", "", &[&server]));
    let mut client = Client::new(&rig);
    assert_eq!(client.ask("x.1 LOGIN anna pw"), "x.1 NO [UNAVAILABLE] Temporary failure, try again");
    server.restart();
    until("the server is tried again", || client.ask("x LOGIN anna pw").starts_with("x OK").then_some(()));
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
    let mut writer = client.tcp.try_clone().unwrap();
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
    client.tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let answers =
        ["a OK Noop completed", "b OK [CAPABILITY IMAP4rev1 IDLE] in", "* WHO one anna", "c OK done"];
    assert_eq!(client.rest(), [&answers[..], &["* BYE", "d OK bye"]].concat());
}

#[test]
fn tls_is_started_by_the_client_and_nothing_said_before_counts() {
    let server = ImapServer::start("one");
    let (authority, folder) = (Authority::new(), folder("vip"));
    authority.issue(&["mail.example.org"], &folder);
    let options = "tls = { certificates = ['mail.example.org.pem'], mode = 'starttls' }";
    let rig = Rig::start_in(&farm(options, "", &[&server]), folder);
    let (mut client, greeting) = Client::greeted(&rig, "127.0.0.1");
    let capabilities = "IMAP4rev1 LITERAL- SASL-IR ID IDLE ENABLE";
    assert_eq!(greeting, format!("* OK [CAPABILITY {capabilities} STARTTLS LOGINDISABLED] IMAP ready"));
    assert_eq!(client.ask("a LOGIN anna pw"), "a NO [PRIVACYREQUIRED] Start TLS first");
    assert_eq!(client.ask("b ID (\"name\" \"forged\")"), "* ID (\"name\" \"Sekisho\")");
    assert_eq!(client.line(), "b OK ID completed");
    // In one segment with the request: half a command, which must not become part of the first secured one.
    client.say("c STARTTLS\r\nd LOGIN evil");
    assert_eq!(client.line(), "c OK Begin TLS negotiation now");
    client.secure(&authority.client());
    assert_eq!(client.ask("e CAPABILITY"), format!("* CAPABILITY {capabilities} AUTH=PLAIN AUTH=LOGIN"));
    assert_eq!(client.line(), "e OK Capability completed");
    assert_eq!(client.ask("f STARTTLS"), "f BAD TLS cannot be started here");
    assert_eq!(client.log_in("anna"), "one");
    let heard = server.heard().join("\n");
    assert!(!heard.contains("evil") && !heard.contains("forged"), "{heard}");
}

#[test]
fn servers_start_tls_before_they_hear_anything_secret() {
    let (authority, stranger, folder) = (Authority::new(), Authority::new(), folder("pool"));
    authority.write(&folder);
    let talk = |name, start_tls, tls| ImapTalk { start_tls, tls, ..ImapTalk::of(name) };
    let config = authority.server(&["mail.example.org"]);
    let unwilling = ImapServer::talking(talk("unwilling", false, None));
    let forged = ImapServer::talking(talk("forged", true, Some(stranger.server(&["mail.example.org"]))));
    let well = ImapServer::talking(talk("well", true, Some(config)));
    let pool = "method = 'first-available'\n\
                tls = { ca = 'authority.pem', server-name = 'mail.example.org', mode = 'starttls' }";
    let rig = Rig::start_in(&farm("", pool, &[&unwilling, &forged, &well]), folder);
    assert_eq!(home(&rig, "anna"), "well");
    for server in [unwilling, forged] {
        assert_eq!(server.heard(), ["S0 STARTTLS"]);
    }
    let heard = well.heard();
    assert_eq!(heard[..2], ["S0 STARTTLS", "S0 CAPABILITY"]);
    assert!(heard.contains(&"|anna|pw".to_owned()), "{heard:?}");
}

#[test]
fn tls_from_the_first_byte_on_both_sides() {
    let (authority, folder) = (Authority::new(), folder("implicit"));
    authority.write(&folder);
    authority.issue(&["mail.example.org"], &folder);
    let config = authority.server(&["mail.example.org"]);
    let server = ImapServer::talking(ImapTalk { tls: Some(config), ..ImapTalk::of("one") });
    let options = "tls = { certificates = ['mail.example.org.pem'] }";
    let pool = "tls = { ca = 'authority.pem', server-name = 'mail.example.org' }";
    let rig = Rig::start_in(&farm(options, pool, &[&server]), folder);
    let (mut client, greeting) = Client::secured(&rig, &authority.client());
    assert!(greeting.contains("AUTH=PLAIN") && !greeting.contains("STARTTLS"), "{greeting}");
    assert_eq!(client.log_in("anna"), "one");
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
    let rig = Rig::start(&farm("timeouts = { head = '700ms' }", "", &[&server]));
    let mut client = Client::new(&rig);
    let mut drip = client.tcp.try_clone().unwrap();
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
    let rig = Rig::start(&farm("timeouts = { head = '300ms', response = '300ms' }", "", &[&server]));
    let mut client = Client::new(&rig);
    client.log_in("anna");
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(client.who(), ("one".to_owned(), "anna".to_owned()));
}

#[test]
fn drained_server_keeps_its_users_and_gets_no_others() {
    let servers = three();
    let rig = Rig::start(&farm("", "", &[&servers[0], &servers[1], &servers[2]]));
    let place = home(&rig, "anna");
    let index = ["one", "two", "three"].iter().position(|name| *name == place).unwrap();
    let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
    pool.server(&format!("s{index}")).unwrap().set_admin(sekisho_scheduler::Admin::Drain);
    assert_eq!(home(&rig, "ANNA"), place);
    for n in 0..6 {
        assert_ne!(home(&rig, &format!("new{n}")), place);
    }
}

#[test]
fn probe_takes_out_servers_that_listen_and_are_not_ready() {
    let well = ImapServer::start("well");
    let bad = [Some("* BYE Too many connections"), Some("220 mail ESMTP"), None]
        .map(|greeting| ImapServer::talking(ImapTalk::greeting("bad", greeting)));
    let refusing =
        ImapServer::talking(ImapTalk { verdict: Some("TAG NO no such user"), ..ImapTalk::of("refusing") });
    let probe = "probe = { kind = 'imap', user = 'probe', password = 'pw', interval = '100ms', timeout = '200ms', \
                 fall = 1, rise = 1 }";
    let rig = Rig::start(&farm("", probe, &[&well, &bad[0], &bad[1], &bad[2], &refusing]));
    rig.until_state("p", "s0", "up");
    for name in ["s1", "s2", "s3", "s4"] {
        rig.until_state("p", name, "down");
    }
    assert!((0..6).all(|n| home(&rig, &format!("user{n}")) == "well"));
    assert!(well.heard().contains(&"|probe|pw".to_owned()));
}
