//! IMAP clients and servers, as far as logging in and what is behind it.

mod certificate;
mod failing;
mod gateways;
mod homes;
mod login;
mod strikes;
mod tls;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ClientConfig;
use sekisho_tests::{ImapServer, LineClient, Rig, numbered};

/// A client of IMAP.
struct Client(LineClient);

impl Deref for Client {
    type Target = LineClient;

    fn deref(&self) -> &LineClient {
        &self.0
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut LineClient {
        &mut self.0
    }
}

impl Client {
    /// Connects and reads the greeting.
    fn greeted(rig: &Rig, from: &str) -> (Self, String) {
        let mut client = LineClient::connect(from, rig.address("v"));
        let greeting = client.line();
        (Self(client), greeting)
    }

    fn new(rig: &Rig) -> Self {
        Self::greeted(rig, "127.0.0.1").0
    }

    /// By TLS from the first byte.
    fn secured(rig: &Rig, config: &Arc<ClientConfig>) -> (Self, String) {
        let mut client = LineClient::connect_secured(config, "mail.example.org", rig.address("v"));
        let greeting = client.line();
        (Self(client), greeting)
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
    format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'imap'\npool = 'p'\npersist = ['user']\n{options}\n\
         [pool.p]\n{pool}\nservers = {{ {} }}\n",
        numbered(servers.iter().map(|server| server.address()))
    )
}

fn three() -> [ImapServer; 3] {
    ["one", "two", "three"].map(ImapServer::start)
}

fn home(rig: &Rig, user: &str) -> String {
    Client::new(rig).log_in(user)
}
