//! Readable fixtures: what both sides say, what happens, what is expected.

use sekisho_api::{Deadline, Side, Unavailable};

/// The transcripts of these names in the folder `tests` of the crate that asks, `NAME.txt` each, for
/// [`Conversation::fixtures`](crate::Conversation::fixtures).
#[macro_export]
macro_rules! fixtures {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/", $name, ".txt")))),+]
    };
}

/// A conversation written down. One line each:
///
/// | line | meaning |
/// |---|---|
/// | `# …`, empty | a comment |
/// | `C: text\r\n`, `S: …` | the client, the server says this; escapes `\r \n \t \0 \\ \" \xNN` |
/// | `C\| 03 00 0a # length` | the same as hexadecimal, with a comment |
/// | `! connected NAME` | the dial succeeds; `! connected NAME starttls`: TLS is still to be started |
/// | `! issued TOKEN` | the token that was asked for |
/// | `! unavailable WHY` | there is no server: `all-down`, `full`, `queue-timeout`, `connect-failed`, `own-down`, `user-limit` |
/// | `! secured client`, `! secured server` | the handshake is done; a server name may follow |
/// | `! ended client`, `! ended server` | that side sends nothing more |
/// | `! failed` | the server is reset |
/// | `! draining`, `! barred`, `! expired head` | as in `Input` |
/// | `= route user=alice pool=1` | a server is asked for, with exactly these keys |
/// | `= issue user=alice` | a token is asked for, with exactly these keys |
/// | `= relay`, `= retry`, `= release`, `= fail`, `= strike`, `= starttls client`, `= close done` | the engine asks for this |
/// | `> client "text"`, `>\| server 03 00` | what that side was told since its last `>` |
/// | `secret: text` | never appears in the conversation's debug output |
///
/// Expectations come in the order of what happens. Every `=` must be written down, and what a side was told must be
/// if the transcript has a `>` for that side.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    pub(crate) lines: Vec<Line>,
    pub(crate) secrets: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    Says(Side, Vec<u8>),
    Happens(Event),
    Control(String),
    Told(Side, Vec<u8>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// Its name, and whether TLS is still to be started.
    Connected(String, bool),
    Issued(String),
    Unavailable(Unavailable),
    Secured(Side, Option<String>),
    Ended(Side),
    Failed,
    Draining,
    Barred,
    Expired(Deadline),
}

impl Transcript {
    /// Reads a transcript.
    ///
    /// # Errors
    /// The line that is not understood, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            transcript.line(line).ok_or_else(|| format!("line {}: not understood: {line}", number + 1))?;
        }
        Ok(transcript)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(secret) = line.strip_prefix("secret:") {
            self.secrets.push(unescape(secret.trim())?);
            return Some(());
        }
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        let line = match mark {
            "C:" => Line::Says(Side::Client, unescape(rest)?),
            "S:" => Line::Says(Side::Server, unescape(rest)?),
            "C|" => Line::Says(Side::Client, hex(rest)?),
            "S|" => Line::Says(Side::Server, hex(rest)?),
            "!" => Line::Happens(event(rest)?),
            "=" => Line::Control(rest.to_owned()),
            ">" => {
                let (to, text) = rest.split_once(' ')?;
                Line::Told(side(to)?, unescape(text.trim().strip_prefix('"')?.strip_suffix('"')?)?)
            }
            ">|" => {
                let (to, text) = rest.split_once(' ')?;
                Line::Told(side(to)?, hex(text)?)
            }
            _ => return None,
        };
        // What one side says in several lines is one flow: it is cut everywhere, the line ends included.
        match (self.lines.last_mut(), line) {
            (Some(Line::Says(a, before)), Line::Says(b, more)) if *a == b => before.extend(more),
            (Some(Line::Told(a, before)), Line::Told(b, more)) if *a == b => before.extend(more),
            (_, line) => self.lines.push(line),
        }
        Some(())
    }
}

/// Bytes written as hexadecimal, blanks between them and comments behind `#` allowed; `None` for anything else.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .lines()
        .flat_map(|line| line.split('#').next().unwrap_or("").chars())
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    let digits = digits?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|p| p.iter().fold(0, |byte, d| byte << 4 | d)).collect())
}

fn event(text: &str) -> Option<Event> {
    let mut words = text.split_whitespace();
    Some(match (words.next()?, words.next()) {
        ("connected", name) => {
            let start_tls = words.next();
            if start_tls.is_some_and(|word| word != "starttls") {
                return None;
            }
            Event::Connected(name.unwrap_or("one").to_owned(), start_tls.is_some())
        }
        ("issued", Some(token)) => Event::Issued(token.to_owned()),
        ("unavailable", why) => Event::Unavailable(*WHYS.iter().find(|w| why == Some(w.name()))?),
        ("secured", Some(to)) => Event::Secured(side(to)?, words.next().map(str::to_owned)),
        ("ended", Some(to)) => Event::Ended(side(to)?),
        ("failed", None) => Event::Failed,
        ("draining", None) => Event::Draining,
        ("barred", None) => Event::Barred,
        ("expired", Some(what)) => {
            Event::Expired(*DEADLINES.iter().find(|d| d.name().strip_suffix("-timeout") == Some(what))?)
        }
        _ => return None,
    })
}

fn side(name: &str) -> Option<Side> {
    match name {
        "client" => Some(Side::Client),
        "server" => Some(Side::Server),
        _ => None,
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match chars.next()? {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '0' => 0,
            '\\' => b'\\',
            '"' => b'"',
            'x' => (chars.next()?.to_digit(16)? << 4 | chars.next()?.to_digit(16)?) as u8,
            _ => return None,
        });
    }
    Some(bytes)
}

/// Every reason for there being no server.
pub(crate) const WHYS: [Unavailable; 6] = [
    Unavailable::AllDown,
    Unavailable::Full,
    Unavailable::QueueTimeout,
    Unavailable::ConnectFailed,
    Unavailable::OwnDown,
    Unavailable::UserLimit,
];

/// Every deadline.
pub(crate) const DEADLINES: [Deadline; 7] = [
    Deadline::Handshake,
    Deadline::Head,
    Deadline::Response,
    Deadline::Idle,
    Deadline::HalfClosed,
    Deadline::Drain,
    Deadline::Total,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_flows_joined() {
        let text = "# a comment\nC: a\\r\\n\nC| 62 0a # b\n= route user=x\n> client \"q\\\"\"\n! ended server\nsecret: pw";
        let transcript = Transcript::parse(text).unwrap();
        assert_eq!(
            transcript.lines,
            [
                Line::Says(Side::Client, b"a\r\nb\n".to_vec()),
                Line::Control("route user=x".into()),
                Line::Told(Side::Client, b"q\"".to_vec()),
                Line::Happens(Event::Ended(Side::Server)),
            ]
        );
        assert_eq!(transcript.secrets, [b"pw".to_vec()]);
        assert_eq!(Transcript::parse("\nC: \\q").unwrap_err(), "line 2: not understood: C: \\q");
    }
}
