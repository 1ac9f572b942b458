//! A client that logs in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::super::client::{Homes, Target};
use super::super::places::Front;
use super::super::{Outcome, failed};
use super::{USERS, password, user};

/// One connection.
#[derive(Debug)]
pub(crate) struct Mail<S> {
    stream: S,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Mail<S> {
    /// Waits for the greeting.
    pub(crate) async fn greeted(stream: S) -> Outcome<Self> {
        let mut client = Self { stream };
        let greeting = client.until(|heard| heard.ends_with(b"\r\n")).await?;
        if greeting.starts_with("* OK ") {
            Ok(client)
        } else {
            Err(format!("a greeting was expected: {greeting}"))
        }
    }

    /// Logs in the user with this number; the name of the server.
    pub(crate) async fn login(&mut self, number: usize) -> Outcome<u8> {
        let user = user(number);
        let verdict = self.authenticate(&user, &password(&user)).await?;
        let server =
            verdict.trim_end().strip_prefix("a OK ").and_then(|rest| rest.split_once(&format!("{user} at ")));
        let server = server.and_then(|(_, name)| name.bytes().next());
        server.ok_or_else(|| format!("{user} was told: {verdict}"))
    }

    /// The server's verdict on a user with this password.
    pub(super) async fn authenticate(&mut self, user: &str, password: &str) -> Outcome<String> {
        let response = STANDARD.encode(format!("\0{user}\0{password}"));
        self.say(&format!("a AUTHENTICATE PLAIN {response}\r\n")).await?;
        let heard = self.until(|heard| whole(heard, b"a ")).await?;
        Ok(heard.lines().rfind(|line| line.starts_with("a ")).unwrap_or_default().to_owned())
    }

    /// Waits for mail, as clients do all day.
    pub(crate) async fn idle(&mut self) -> Outcome {
        self.say("b IDLE\r\n").await?;
        self.until(|heard| whole(heard, b"+ ")).await.map(drop)
    }

    /// Logs out and waits for the end.
    pub(super) async fn logout(mut self) -> Outcome {
        self.say("c LOGOUT\r\n").await?;
        self.until(|heard| whole(heard, b"c OK ")).await?;
        match self.stream.read(&mut [0; 64]).await.map_err(failed("cannot wait for the end"))? {
            0 => Ok(()),
            _ => Err("something was said after the end".to_owned()),
        }
    }

    async fn say(&mut self, text: &str) -> Outcome {
        self.stream.write_all(text.as_bytes()).await.map_err(failed("cannot send a command"))?;
        self.stream.flush().await.map_err(failed("cannot send a command"))
    }

    async fn until(&mut self, enough: impl Fn(&[u8]) -> bool) -> Outcome<String> {
        let (mut heard, mut buffer) = (Vec::new(), [0; 1024]);
        while !enough(&heard) {
            match self.stream.read(&mut buffer).await.map_err(failed("cannot read an answer"))? {
                0 => return Err(format!("the connection ended after `{}`", String::from_utf8_lossy(&heard))),
                size => heard.extend_from_slice(buffer.get(..size).unwrap_or_default()),
            }
        }
        Ok(String::from_utf8_lossy(&heard).into_owned())
    }
}

/// Whether whole lines have come, and one of them starts with this.
fn whole(heard: &[u8], start: &[u8]) -> bool {
    heard.ends_with(b"\n") && heard.split(|&byte| byte == b'\n').any(|line| line.starts_with(start))
}

/// Client number `index` of `clients` logs in its share of the users, one after the other, again and again; calls
/// `done` after each.
pub(crate) async fn logins(index: usize, clients: usize, target: &Target, mut done: impl FnMut()) -> Outcome {
    let mut homes = Homes::default();
    for number in (index..USERS).step_by(clients.max(1)).cycle() {
        let mut client = Mail::greeted(target.plain(Front::Imap).await?).await?;
        homes.meets(number, client.login(number).await?)?;
        client.logout().await?;
        done();
    }
    Err("there is no user for this client".to_owned())
}
