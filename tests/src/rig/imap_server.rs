//! An IMAP server as far as the gateway can tell.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::listener::Listener;
use super::loopback;

/// A server that believes every password but `wrong`, and answers what it does not know by its own name and the user's:
/// `* WHO NAME USER`.
#[derive(Debug)]
pub struct ImapServer {
    talk: ImapTalk,
    listener: Listener,
    heard: Arc<Mutex<Vec<String>>>,
}

/// How a server talks.
#[derive(Clone, Debug)]
pub struct ImapTalk {
    /// What it calls itself.
    pub name: &'static str,
    /// Its first line; without one it is mute.
    pub greeting: Option<&'static str>,
    /// What it can, before login.
    pub capabilities: &'static str,
    /// What it answers to whatever is to log somebody in, instead of deciding; nothing: it leaves.
    pub verdict: Option<&'static str>,
    /// Its certificate.
    pub tls: Option<Arc<ServerConfig>>,
    /// TLS begins when it is asked for.
    pub start_tls: bool,
}

impl ImapTalk {
    /// As an ordinary server does.
    pub fn of(name: &'static str) -> Self {
        Self {
            name,
            greeting: Some("* OK ready"),
            capabilities: "IMAP4rev1 SASL-IR ID AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER",
            verdict: None,
            tls: None,
            start_tls: false,
        }
    }

    /// A server that greets like this.
    pub fn greeting(name: &'static str, greeting: Option<&'static str>) -> Self {
        Self { greeting, ..Self::of(name) }
    }
}

impl ImapServer {
    /// An ordinary server on a port of its own.
    pub fn start(name: &'static str) -> Self {
        Self::talking(ImapTalk::of(name))
    }

    /// A server on an address of its own.
    pub fn talking(talk: ImapTalk) -> Self {
        Self::start_at(talk, loopback())
    }

    fn start_at(talk: ImapTalk, address: SocketAddr) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (record, manner) = (heard.clone(), talk.clone());
        let serve = move |stream: TcpStream| {
            let closing = stream.try_clone();
            // Whoever leaves in mid-sentence is nothing to report.
            let _ = Visit::begin(stream, &manner, &record).and_then(Visit::serve);
            let _ = closing.and_then(|stream| stream.shutdown(Shutdown::Both));
        };
        Self { talk, listener: Listener::start(address, serve), heard }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The lines that it was told, responses of mechanisms decoded: NUL is `|` there, and 0x01 `^`.
    ///
    /// # Panics
    /// If one of its threads panicked.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// Stops listening and closes what is open.
    pub fn kill(&mut self) {
        self.listener.kill();
    }

    /// Listens again where it did.
    pub fn restart(&mut self) {
        *self = Self::start_at(self.talk.clone(), self.address());
    }
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

struct Visit<'a> {
    wire: Wire,
    talk: &'a ImapTalk,
    record: &'a Mutex<Vec<String>>,
    user: Option<String>,
}

impl<'a> Visit<'a> {
    fn begin(stream: TcpStream, talk: &'a ImapTalk, record: &'a Mutex<Vec<String>>) -> std::io::Result<Self> {
        let mut visit = Self { wire: Wire::Plain(stream), talk, record, user: None };
        if !talk.start_tls {
            visit.secure()?;
        }
        Ok(visit)
    }

    fn secure(&mut self) -> std::io::Result<()> {
        if let (Some(config), Wire::Plain(stream)) = (&self.talk.tls, &self.wire) {
            let session = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
            self.wire = Wire::Tls(Box::new(StreamOwned::new(session, stream.try_clone()?)));
        }
        Ok(())
    }

    fn serve(mut self) -> std::io::Result<()> {
        match self.talk.greeting {
            Some(greeting) => self.say(greeting)?,
            None => while self.line()?.is_some() {},
        }
        while let Some(line) = self.line()? {
            self.record.lock().unwrap().push(line.clone());
            let mut words = line.split(' ');
            let (tag, name) = (words.next().unwrap_or(""), words.next().unwrap_or("").to_uppercase());
            match (name.as_str(), &self.user) {
                ("CAPABILITY", None) => {
                    let list = if self.talk.start_tls && matches!(self.wire, Wire::Plain(_)) {
                        "IMAP4rev1 STARTTLS LOGINDISABLED"
                    } else {
                        self.talk.capabilities
                    };
                    self.say(&format!("* CAPABILITY {list}\r\n{tag} OK done"))?;
                }
                ("ID", None) => self.say(&format!("* ID NIL\r\n{tag} OK done"))?,
                ("STARTTLS", None) if self.talk.start_tls => {
                    self.say(&format!("{tag} OK begin"))?;
                    self.secure()?;
                }
                ("LOGIN" | "AUTHENTICATE", None) => match self.talk.verdict {
                    Some("") => return Ok(()),
                    Some(verdict) => self.say(&verdict.replace("TAG", tag))?,
                    None => self.log_in(tag, &line)?,
                },
                ("LOGOUT", _) => return self.say(&format!("* BYE\r\n{tag} OK bye")),
                (_, Some(user)) => {
                    let text = format!("* WHO {} {user}\r\n{tag} OK done", self.talk.name);
                    self.literal(&line)?;
                    self.say(&text)?;
                }
                _ => self.say(&format!("{tag} BAD what?"))?,
            }
        }
        Ok(())
    }

    /// Takes the literal that a line ends in.
    fn literal(&mut self, line: &str) -> std::io::Result<()> {
        let size = line.strip_suffix("+}").and_then(|line| line.rsplit('{').next()?.parse().ok());
        for _ in 0..size.unwrap_or(0) {
            self.byte()?;
        }
        if size.is_some() {
            self.line()?;
        }
        Ok(())
    }

    fn log_in(&mut self, tag: &str, line: &str) -> std::io::Result<()> {
        let words: Vec<&str> = line.split(' ').collect();
        let (user, wrong) = if words.get(1).is_some_and(|name| name.eq_ignore_ascii_case("LOGIN")) {
            (words.get(2).map_or("", |word| word.trim_matches('"')).to_owned(), line.ends_with("\"wrong\""))
        } else {
            let response = match words.get(3) {
                Some(response) => (*response).to_owned(),
                None => {
                    self.say("+ ")?;
                    self.line()?.unwrap_or_default()
                }
            };
            let text = STANDARD.decode(response).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).replace('\0', "|").replace('\u{1}', "^");
            self.record.lock().unwrap().push(text.clone());
            let user = match words.get(2) {
                Some(&"PLAIN") => text.split('|').nth(1),
                Some(&"EXTERNAL") => Some(text.as_str()),
                _ => text.split("user=").nth(1).or(text.split("a=").nth(1)),
            };
            let user = user.unwrap_or("").split(['^', ',']).next().unwrap_or("");
            (user.to_owned(), text.ends_with("|wrong"))
        };
        if wrong {
            return self.say(&format!("{tag} NO [AUTHENTICATIONFAILED] {} says no", self.talk.name));
        }
        self.user = Some(user);
        self.say(&format!("{tag} OK [CAPABILITY IMAP4rev1 IDLE] in"))
    }

    fn say(&mut self, text: &str) -> std::io::Result<()> {
        let text = format!("{text}\r\n");
        match &mut self.wire {
            Wire::Plain(wire) => wire.write_all(text.as_bytes()),
            Wire::Tls(wire) => wire.write_all(text.as_bytes()).and_then(|()| wire.flush()),
        }
    }

    fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                None => return Ok(None),
                Some(b'\n') => return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned())),
                Some(byte) => line.push(byte),
            }
        }
    }

    fn byte(&mut self) -> std::io::Result<Option<u8>> {
        let mut byte = [0];
        let read = match &mut self.wire {
            Wire::Plain(wire) => wire.read(&mut byte)?,
            Wire::Tls(wire) => wire.read(&mut byte)?,
        };
        Ok((read == 1).then_some(byte[0]))
    }
}
