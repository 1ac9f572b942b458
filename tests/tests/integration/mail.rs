//! The siblings of IMAP: POP3, ManageSieve and submission, beside it and with servers that fail.

use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_tests::{Authority, ImapServer, LineClient, Rig, Script, ScriptServer, folder, numbered};

/// What is different from protocol to protocol.
#[derive(Clone, Copy, Debug)]
struct Kind {
    protocol: &'static str,
    /// How a server greets.
    greeting: &'static str,
    /// The question for what it can, and its answer.
    question: &'static str,
    abilities: &'static str,
    /// How a login by PLAIN begins and ends, what accepts and what refuses it.
    begin: &'static str,
    end: &'static str,
    yes: &'static str,
    no: &'static str,
    /// What is said before the login.
    hello: &'static str,
    /// How an answer behind the login begins.
    good: &'static str,
    /// The answer of the gateway if there is no server, or it has failed.
    unavailable: &'static str,
    start_tls: &'static str,
    begin_tls: &'static str,
}

const POP3: Kind = Kind {
    protocol: "pop3",
    greeting: "+OK ready\r\n",
    question: "CAPA",
    abilities: "+OK\r\nSASL PLAIN\r\n.\r\n",
    begin: "AUTH PLAIN ",
    end: "",
    yes: "+OK in\r\n",
    no: "-ERR [AUTH] no\r\n",
    hello: "",
    good: "+OK",
    unavailable: "-ERR [SYS/TEMP] Temporary failure, try again",
    start_tls: "STLS",
    begin_tls: "+OK Begin TLS negotiation now",
};

const MANAGESIEVE: Kind = Kind {
    protocol: "managesieve",
    greeting: "\"SASL\" \"PLAIN\"\r\n\"XCLIENT\" \"ADDR PORT\"\r\nOK \"ready\"\r\n",
    question: "CAPABILITY",
    abilities: "\"SASL\" \"PLAIN\"\r\nOK\r\n",
    begin: "AUTHENTICATE \"PLAIN\" \"",
    end: "\"",
    yes: "OK \"in\"\r\n",
    no: "NO \"no\"\r\n",
    hello: "",
    good: "OK",
    unavailable: "NO (TRYLATER) \"Temporary failure, try again\"",
    start_tls: "STARTTLS",
    begin_tls: "OK \"Begin TLS negotiation now\"",
};

const SUBMISSION: Kind = Kind {
    protocol: "submission",
    greeting: "220 ready\r\n",
    question: "EHLO",
    abilities: "250-ready\r\n250-XCLIENT NAME ADDR PORT\r\n250 AUTH PLAIN\r\n",
    begin: "AUTH PLAIN ",
    end: "",
    yes: "235 2.7.0 in\r\n",
    no: "535 5.7.8 no\r\n",
    hello: "EHLO client.example.org\r\n",
    good: "250",
    unavailable: "454 4.7.0 Temporary failure, try again",
    start_tls: "STARTTLS",
    begin_tls: "220 2.0.0 Ready to start TLS",
};

const ALL: [Kind; 3] = [POP3, MANAGESIEVE, SUBMISSION];

impl Kind {
    /// A server that believes everybody whose password is `pw`, and answers what comes then by its name.
    fn server(self, name: &str) -> ScriptServer {
        self.server_with(name, &[])
    }

    /// As `server`, with answers that come before its own.
    fn server_with(self, name: &str, answers: &[(&'static str, &str)]) -> ScriptServer {
        let greeting = self.greeting.to_owned();
        let wrong = [(self.question, self.abilities), ("XCLIENT", &format!("{} updated\r\n", self.good))];
        let answers = answers.iter().chain(&wrong).map(|(begin, text)| (*begin, (*text).to_owned()));
        let login = (self.begin, self.yes.to_owned());
        let answers = answers.chain([login]).collect();
        ScriptServer::start(Script { greeting, answers, otherwise: format!("{} {name}\r\n", self.good) })
    }

    /// A VIP named after the protocol before these servers.
    fn farm(self, options: &str, pool: &str, servers: &[SocketAddr]) -> String {
        let name = self.protocol;
        format!(
            "[vip.{name}]\nlisten = '127.0.0.1:0'\nprotocol = '{name}'\npool = '{name}'\npersist = ['user']\n\
             {options}\n[pool.{name}]\n{pool}\nservers = {{ {} }}\n",
            numbered(servers.iter().copied())
        )
    }

    fn login(self, user: &str, password: &str) -> String {
        let response = STANDARD.encode(format!("\0{user}\0{password}"));
        format!("{}{response}{}", self.begin, self.end)
    }

    fn client(self, rig: &Rig, from: &str) -> Client {
        let mut client = Client { lines: LineClient::connect(from, rig.address(self.protocol)), kind: self };
        client.list();
        client.say(self.hello);
        if !self.hello.is_empty() {
            client.list();
        }
        client
    }

    /// The server behind a login.
    fn home(self, rig: &Rig, user: &str) -> String {
        let mut client = self.client(rig, "127.0.0.1");
        assert_eq!(client.ask(&self.login(user, "pw")), self.yes.trim_end(), "{}", self.protocol);
        client.who()
    }
}

/// A client of one of them.
struct Client {
    lines: LineClient,
    kind: Kind,
}

impl Deref for Client {
    type Target = LineClient;

    fn deref(&self) -> &LineClient {
        &self.lines
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut LineClient {
        &mut self.lines
    }
}

impl Client {
    /// A greeting or an answer to EHLO: lines up to the last one.
    fn list(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let last = !line.starts_with('"') && line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    /// The server behind an accepted login.
    fn who(&mut self) -> String {
        let answer = self.ask("WHO");
        answer.strip_prefix(self.kind.good).unwrap_or_else(|| panic!("{answer}")).trim().to_owned()
    }
}

#[test]
fn person_has_one_home_over_all_protocols_of_mail() {
    let names = ["one", "two", "three"];
    let boxes = names.map(ImapServer::start);
    let mut text = format!(
        "[vip.imap]\nlisten = '127.0.0.1:0'\nprotocol = 'imap'\npool = 'imap'\npersist = ['user']\n\
         [pool.imap]\nservers = {{ {} }}\n",
        numbered(boxes.iter().map(ImapServer::address))
    );
    let servers = ALL.map(|kind| (kind, names.map(|name| kind.server(name))));
    for (kind, servers) in &servers {
        text += &kind.farm("", "", &servers.each_ref().map(ScriptServer::address));
    }
    let rig = Rig::start(&text);
    let mut homes = HashSet::new();
    for user in ["anna", "ben", "carla"] {
        let mut client = LineClient::connect("127.0.0.1", rig.address("imap"));
        client.line();
        assert!(client.ask(&format!("a LOGIN {user} pw")).starts_with("a OK"));
        let who = client.ask("b WHO");
        let home = who.strip_prefix("* WHO ").unwrap().split(' ').next().unwrap().to_owned();
        for kind in ALL {
            for spelling in [user.to_owned(), user.to_uppercase(), format!("{user}@mail.example")] {
                assert_eq!(kind.home(&rig, &spelling), home, "{} {spelling}", kind.protocol);
            }
        }
        homes.insert(home);
    }
    assert_eq!(homes.len(), 3);
}

#[test]
fn servers_that_are_not_ready_cost_the_user_nothing() {
    for kind in ALL {
        let mut dead = kind.server("dead");
        dead.kill();
        let bad = ["-ERR no\r\n", "BYE \"no\"\r\n", "421 no\r\n", "HTTP/1.1 400 Bad Request\r\n", ""].map(
            |greeting| {
                let (greeting, otherwise) = (greeting.to_owned(), String::new());
                ScriptServer::start(Script { greeting, answers: Vec::new(), otherwise })
            },
        );
        let well = kind.server("well");
        let servers: Vec<SocketAddr> =
            [&dead].into_iter().chain(&bad).chain([&well]).map(ScriptServer::address).collect();
        let options = "limits = { attempts = 8 }\ntimeouts = { greeting = '1s' }";
        let rig = Rig::start(&kind.farm(options, "method = 'first-available'", &servers));
        assert_eq!(kind.home(&rig, "anna"), "well", "{}", kind.protocol);
        let secret = kind.login("anna", "pw");
        for server in &bad {
            assert!(server.heard().iter().all(|line| *line != secret), "{}", kind.protocol);
        }
    }
}

#[test]
fn password_is_told_to_one_server_only_and_the_client_may_try_again() {
    for kind in ALL {
        let fatal = kind.server_with("fatal", &[(kind.begin, "")]);
        let well = kind.server("well");
        let pool = "method = 'first-available'";
        let rig = Rig::start(&kind.farm("", pool, &[fatal.address(), well.address()]));
        let mut client = kind.client(&rig, "127.0.0.1");
        let login = kind.login("anna", "pw");
        assert_eq!(client.ask(&login), kind.unavailable);
        assert_eq!(well.heard(), Vec::<String>::new(), "{}", kind.protocol);
        assert_eq!(fatal.heard().iter().filter(|line| **line == login).count(), 1);
        // The connection stays, and what is said on it is understood.
        assert_eq!(client.ask(&login), kind.unavailable);
    }
}

#[test]
fn refused_user_hears_the_server_and_may_log_in_on_the_same_connection() {
    for kind in ALL {
        let wrong = kind.login("anna", "wrong");
        let server = kind.server_with("one", &[(Box::leak(wrong.as_str().into()), kind.no)]);
        let rig = Rig::start(&kind.farm("", "", &[server.address()]));
        let mut client = kind.client(&rig, "127.0.0.1");
        assert_eq!(client.ask(&wrong), kind.no.trim_end());
        assert_eq!(client.ask(&kind.login("anna", "pw")), kind.yes.trim_end());
        assert_eq!(client.who(), "one");
    }
}

#[test]
fn everything_behind_the_login_reaches_the_server_once_and_in_order() {
    for kind in ALL {
        let server = kind.server("one");
        let rig = Rig::start(&kind.farm("", "", &[server.address()]));
        let mut client = kind.client(&rig, "127.0.0.1");
        let mail: Vec<String> = (0..20_000).map(|n| format!("line {n}")).collect();
        let text = format!("{}\r\n{}\r\n", kind.login("anna", "pw"), mail.join("\r\n"));
        let mut writer = client.tcp().try_clone().unwrap();
        let thread = std::thread::spawn(move || writer.write_all(text.as_bytes()));
        assert_eq!(client.line(), kind.yes.trim_end());
        for _ in &mail {
            assert_eq!(client.line(), format!("{} one", kind.good));
        }
        thread.join().unwrap().unwrap();
        assert!(server.heard().ends_with(&mail), "{}", kind.protocol);
    }
}

#[test]
fn servers_are_told_where_the_client_comes_from_unless_the_pool_says_otherwise() {
    for kind in [MANAGESIEVE, SUBMISSION] {
        let told = |pool: &str| {
            let server = kind.server("one");
            let rig = Rig::start(&kind.farm("", pool, &[server.address()]));
            let mut client = kind.client(&rig, "127.0.3.7");
            assert_eq!(client.ask(&kind.login("anna", "pw")), kind.yes.trim_end());
            let port = client.tcp().local_addr().unwrap().port();
            let heard = server.heard().into_iter().find(|line| line.starts_with("XCLIENT"));
            (heard, format!("XCLIENT ADDR=127.0.3.7 PORT={port}"))
        };
        let (heard, expected) = told("");
        assert!(heard.is_some_and(|heard| heard.starts_with(&expected)), "{}", kind.protocol);
        assert_eq!(told(&format!("{} = {{ client-address = 'off' }}", kind.protocol)).0, None);
    }
}

#[test]
fn what_is_injected_behind_the_request_for_tls_is_never_executed() {
    for kind in ALL {
        let authority = Authority::new();
        let folder = folder(kind.protocol);
        authority.issue(&["mail.example.org"], &folder);
        let server = kind.server("one");
        let options = "tls = { certificates = ['mail.example.org.pem'], mode = 'starttls' }";
        let rig = Rig::start_in(&kind.farm(options, "", &[server.address()]), folder);
        let mut client = kind.client(&rig, "127.0.0.1");
        assert_ne!(client.ask(&kind.login("evil", "pw")), kind.yes.trim_end());
        client.say(&format!("{}\r\n{}{}\r\n", kind.start_tls, kind.hello, kind.login("evil", "pw")));
        assert_eq!(client.line(), kind.begin_tls);
        client.secure(&authority.client(), "mail.example.org");
        if kind.protocol == "managesieve" {
            assert!(client.list().contains(&"\"SASL\" \"PLAIN LOGIN\"".to_owned()));
        }
        if !kind.hello.is_empty() {
            client.say(kind.hello);
            assert!(client.list().contains(&"250 AUTH PLAIN LOGIN".to_owned()));
        }
        assert_eq!(client.ask(&kind.login("anna", "pw")), kind.yes.trim_end(), "{}", kind.protocol);
        assert_eq!(client.who(), "one");
        let evil = kind.login("evil", "pw");
        assert!(server.heard().iter().all(|line| *line != evil), "{:?}", server.heard());
    }
}

#[test]
fn probes_tell_servers_that_are_well_from_those_that_are_not() {
    for kind in ALL {
        let well = kind.server("well");
        let (answers, otherwise) = (Vec::new(), String::new());
        let deaf =
            ScriptServer::start(Script { greeting: "HTTP/1.1 400\r\n".to_owned(), answers, otherwise });
        let probe = if kind.protocol == "submission" { "smtp" } else { kind.protocol };
        let pool = format!("probe = {{ kind = '{probe}', interval = '100ms', rise = 1, fall = 1 }}");
        let rig = Rig::start(&kind.farm("", &pool, &[well.address(), deaf.address()]));
        rig.until_state(kind.protocol, "s1", "down");
        rig.until_state(kind.protocol, "s0", "up");
    }
}
