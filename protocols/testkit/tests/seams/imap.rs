//! An IMAP login: the server speaks first, so the gateway does; STARTTLS, LOGIN with literals, credentials replayed.

use bytes::Bytes;
use sekisho_api::{Conversation, Fault, IdentityRules, Input, Route, Side, Step};

const LINE: usize = 1024;
const LITERAL: usize = 256;

#[derive(Default)]
struct Imap {
    stage: Stage,
    login: Option<Login>,
    secured: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Talking,
    Securing,
    Routing,
    Greeting,
    Verdict,
    Accepted,
    Released,
    Leaving,
}

#[derive(Clone)]
struct Login {
    tag: Vec<u8>,
    user: Vec<u8>,
    password: Vec<u8>,
}

impl std::fmt::Debug for Imap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Imap({:?})", self.stage)
    }
}

/// A line without CRLF and its length with it.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, Fault> {
    match bytes.windows(2).take(LINE).position(|w| w == b"\r\n") {
        Some(end) => Ok(Some((&bytes[..end], end + 2))),
        None if bytes.len() > LINE => Err(Fault::client("line-too-long").telling("* BYE line too long\r\n")),
        None => Ok(None),
    }
}

impl Imap {
    fn command(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some((text, len)) = line(bytes)? else { return Ok(Step::NeedMore) };
        let words: Vec<&[u8]> = text.split(|&b| b == b' ').collect();
        let tag = words[0];
        let reply = |what: &str| Ok(Step::Reply(len, [tag, what.as_bytes(), b"\r\n"].concat().into()));
        match words.as_slice() {
            [_, b"STARTTLS"] if !self.secured => {
                self.stage = Stage::Securing;
                reply(" OK begin")
            }
            [_, b"LOGIN", user, password] => self.login(tag, user, password, len),
            [_, b"LOGOUT"] => {
                self.stage = Stage::Leaving;
                reply(" OK bye")
            }
            _ => reply(" BAD what?"),
        }
    }

    /// `LOGIN user {n}` CRLF and n bytes, CRLF: the literal is asked for and then read with the line before it.
    fn login(&mut self, tag: &[u8], user: &[u8], last: &[u8], len: usize) -> Result<Step, Fault> {
        let literal = last.strip_prefix(b"{").and_then(|l| l.strip_suffix(b"}"));
        let (password, used) = match literal.map(|n| std::str::from_utf8(n).ok().and_then(|n| n.parse().ok()))
        {
            None => (last, len),
            Some(Some(size)) if size <= LITERAL => {
                // The line is consumed with the invitation and kept, so that the invitation goes out once.
                self.login = Some(Login { tag: tag.into(), user: user.into(), password: vec![0; size] });
                return Ok(Step::Reply(len, Bytes::from_static(b"+ go on\r\n")));
            }
            Some(_) => return Ok(Step::Reply(len, [tag, b" BAD literal\r\n"].concat().into())),
        };
        self.routed(Login { tag: tag.into(), user: user.into(), password: password.into() }, used)
    }

    fn literal(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(mut login) = self.login.take() else { return Err(Fault::gateway("no-login")) };
        let size = login.password.len();
        if bytes.len() < size + 2 {
            self.login = Some(login);
            return Ok(Step::NeedMore);
        }
        if &bytes[size..size + 2] != b"\r\n" {
            return Err(Fault::client("literal-without-end"));
        }
        login.password = bytes[..size].into();
        self.routed(login, size + 2)
    }

    fn routed(&mut self, login: Login, used: usize) -> Result<Step, Fault> {
        let route = Route::new().with_key(IdentityRules::default().user(&login.user));
        (self.login, self.stage) = (Some(login), Stage::Routing);
        Ok(Step::Route(used, Box::new(route)))
    }

    fn server(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let found = line(bytes).map_err(|_| Fault::server("line-too-long"))?;
        let (Some((text, len)), Some(login)) = (found, &self.login) else { return Ok(Step::NeedMore) };
        match self.stage {
            Stage::Greeting if text.starts_with(b"* OK") => {
                self.stage = Stage::Verdict;
                let size = login.password.len().to_string();
                let login = [
                    b"s LOGIN ",
                    &login.user[..],
                    b" {",
                    size.as_bytes(),
                    b"+}\r\n",
                    &login.password,
                    b"\r\n",
                ];
                Ok(Step::Reply(len, login.concat().into()))
            }
            Stage::Verdict if text.starts_with(b"* ") => Ok(Step::Drop(len)),
            Stage::Verdict if text.starts_with(b"s ") => {
                let accepted = text.starts_with(b"s OK");
                let verdict = [&login.tag, &bytes[1..len]].concat();
                self.stage = if accepted { Stage::Accepted } else { Stage::Released };
                self.login = None;
                Ok(Step::Replace(len, verdict.into()))
            }
            _ => Err(Fault::server("not-imap")),
        }
    }
}

impl Conversation for Imap {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (self.stage, input) {
            (_, Input::Open(_)) => Ok(Step::Reply(0, Bytes::from_static(b"* OK gateway\r\n"))),
            (_, Input::Ended(Side::Client)) | (Stage::Leaving, _) => Ok(Step::Close),
            (_, Input::Ended(Side::Server)) => Ok(Step::Reply(0, Bytes::new())),
            (_, Input::Expired(_)) => Ok(Step::Reply(0, Bytes::from_static(b"* BYE too slow\r\n"))),
            (_, Input::Connected(_)) => {
                self.stage = Stage::Greeting;
                Ok(Step::NeedMore)
            }
            (_, Input::Unavailable(_)) => {
                self.stage = Stage::Talking;
                let tag = self.login.take().map(|l| l.tag).unwrap_or_default();
                Ok(Step::Reply(0, [&tag[..], b" NO [UNAVAILABLE] try again\r\n"].concat().into()))
            }
            (_, Input::Secured(..)) => {
                *self = Self { secured: true, ..Self::default() };
                Ok(Step::NeedMore)
            }
            (Stage::Securing, _) => Ok(Step::StartTls(0)),
            (Stage::Accepted, Input::Server(_)) => Ok(Step::Relay),
            (Stage::Released, Input::Server(_)) => {
                self.stage = Stage::Talking;
                Ok(Step::Release(0))
            }
            (Stage::Talking, Input::Client(bytes)) if self.login.is_some() => self.literal(bytes),
            (Stage::Talking, Input::Client(bytes)) => self.command(bytes),
            (Stage::Greeting | Stage::Verdict, Input::Server(bytes)) => self.server(bytes),
            _ => Ok(Step::Wait),
        }
    }
}

#[test]
fn imap_login_keeps_every_law() {
    sekisho_testkit::conversation(|| Box::new(Imap::default()))
        .fixture("starttls, a literal, a refusal, another try", include_str!("imap.txt"))
        .fixture("a server that dies before the verdict is replaced", include_str!("imap-failover.txt"))
        .laws();
}

#[test]
fn imap_survives_seeded_scripts() {
    let words: [&[u8]; 5] = [b"a LOGIN u {3}\r\n", b"pwd\r\n", b"a STARTTLS\r\n", b"* OK\r\n", b"s OK\r\n"];
    sekisho_testkit::seeded(2000, &words, |data| {
        sekisho_testkit::oracle(|| Box::new(Imap::default()), data);
    });
}
