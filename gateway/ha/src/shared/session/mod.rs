//! A connection to the store, from greeting to end, without the connection: bytes and time in, bytes out.
//!
//! ```text
//! greeting   HELLO 3 (with the password) · SELECT · SCRIPT LOAD twice · SUBSCRIBE
//! then       SCAN and the page script, until the store has been gone over once: what was missed is learned
//!            the share script for each change, many under way at a time
//!            messages of the channel as they come: what others change
//! ```

#[cfg(test)]
mod store;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use sekisho_scheduler::Learned;

use crate::shared::message;
use crate::shared::resp::{Reader, Reply, RespError, command};
use crate::shared::script;
use crate::shared::tables::{Clocks, Tables, Told};

/// What a connection is made for.
#[derive(Clone)]
pub(in crate::shared) struct Terms {
    pub(in crate::shared) user: Option<String>,
    pub(in crate::shared) password: Option<Vec<u8>>,
    pub(in crate::shared) database: u32,
    pub(in crate::shared) prefix: String,
    /// Tells this connection's messages from those of others.
    pub(in crate::shared) origin: u64,
    pub(in crate::shared) connect_timeout: Duration,
    pub(in crate::shared) timeout: Duration,
    pub(in crate::shared) staleness: Duration,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The password stays out.
        f.debug_struct("Terms")
            .field("user", &self.user)
            .field("database", &self.database)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Why a connection cannot be used any longer.
#[derive(Debug, thiserror::Error)]
pub(in crate::shared) enum SessionError {
    /// The other side is no store.
    #[error(transparent)]
    Resp(#[from] RespError),
    /// The store refuses; what it says, cut short.
    #[error("it refuses: {0}")]
    Refused(String),
    /// An answer to something else.
    #[error("its answer is none to what was asked")]
    Answer,
    /// Something has not come in time.
    #[error("{0} took too long")]
    Late(&'static str),
}

/// What has happened, since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::shared) struct Counts {
    /// Entries written that were news to the store.
    pub(in crate::shared) written: u64,
    /// Entries of others that were news here.
    pub(in crate::shared) learned: u64,
    /// Entries that the store did not take, and what in it nobody could read.
    pub(in crate::shared) refused: u64,
}

/// A connection to the store.
#[derive(Debug)]
pub(in crate::shared) struct Session {
    terms: Terms,
    channel: Vec<u8>,
    reader: Reader,
    asked: VecDeque<Asked>,
    /// Changes under way.
    shares: usize,
    share: Vec<u8>,
    page: Vec<u8>,
    stage: Stage,
    began: Instant,
    heard: Instant,
    /// The store does not take entries now, as it last said.
    pub(in crate::shared) refusal: Option<String>,
    /// When it last took no entry: what it missed is told again.
    missed: Option<Instant>,
    /// Bytes to send.
    pub(in crate::shared) out: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    /// The store is gone over.
    Loading,
    Live,
}

/// What an answer is to.
#[derive(Debug)]
struct Asked {
    at: Instant,
    what: What,
}

#[derive(Debug)]
enum What {
    Greeting,
    Share(Vec<u8>),
    ShareScript,
    PageScript,
    Scan,
    /// The entries' names, and where the next page begins.
    Page(Vec<Vec<u8>>, Vec<u8>),
    Ping,
}

impl Session {
    /// Greets. `tables` are told to tell everything.
    pub(in crate::shared) fn new(terms: Terms, tables: &mut Tables, now: Instant) -> Self {
        tables.rewind();
        let channel = format!("{}changes:{}", terms.prefix, terms.database).into_bytes();
        let mut session = Self {
            channel,
            reader: Reader::default(),
            asked: VecDeque::new(),
            shares: 0,
            share: Vec::new(),
            page: Vec::new(),
            stage: Stage::Greeting,
            began: now,
            heard: now,
            refusal: None,
            missed: None,
            out: Vec::new(),
            terms,
        };
        session.greet(now);
        session
    }

    fn greet(&mut self, now: Instant) {
        let terms = self.terms.clone();
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"3"];
        if terms.user.is_some() || terms.password.is_some() {
            let password = terms.password.as_deref().unwrap_or_default();
            hello.extend([b"AUTH", terms.user.as_deref().unwrap_or("default").as_bytes(), password]);
        }
        self.ask(What::Greeting, &hello, now);
        self.ask(What::Greeting, &[b"SELECT", terms.database.to_string().as_bytes()], now);
        self.ask(What::ShareScript, &[b"SCRIPT", b"LOAD", script::SHARE], now);
        self.ask(What::PageScript, &[b"SCRIPT", b"LOAD", script::PAGE], now);
        // It is answered by a message.
        command(&[b"SUBSCRIBE", &self.channel], &mut self.out);
    }

    /// Whether changes go to and fro.
    pub(in crate::shared) fn is_up(&self) -> bool {
        self.stage != Stage::Greeting
    }

    /// Whether what the store had has been read.
    pub(in crate::shared) fn has_loaded(&self) -> bool {
        self.stage == Stage::Live
    }

    /// Changes under way, and since when the oldest is.
    pub(in crate::shared) fn pending(&self) -> (usize, Option<Instant>) {
        let oldest = self.asked.iter().find(|asked| matches!(asked.what, What::Share(_)));
        (self.shares, oldest.map(|asked| asked.at))
    }

    /// Takes in what has come.
    ///
    /// # Errors
    /// The connection is of no more use.
    pub(in crate::shared) fn receive(
        &mut self,
        bytes: &[u8],
        tables: &Tables,
        counts: &mut Counts,
        clocks: Clocks,
    ) -> Result<(), SessionError> {
        self.heard = clocks.now;
        self.reader.feed(bytes);
        while let Some(reply) = self.reader.next()? {
            match reply {
                Reply::Push(values) => self.pushed(&values, tables, counts, clocks),
                reply => {
                    let asked = self.asked.pop_front().ok_or(SessionError::Answer)?;
                    self.answered(asked.what, reply, tables, counts, clocks)?;
                }
            }
        }
        Ok(())
    }

    /// Sends changes, as many as may be under way. False if there are none left to send.
    pub(in crate::shared) fn tell(&mut self, tables: &mut Tables, now: Instant) -> bool {
        // Who knows nothing yet listens first.
        if self.stage == Stage::Greeting || tables.is_ignorant() && self.stage == Stage::Loading {
            return false;
        }
        if self.tells_again().is_some_and(|at| now >= at) {
            self.missed = None;
            tables.rewind();
        }
        while self.shares < UNDER_WAY && self.out.len() < OUT_FULL {
            let told = tables.tell(BATCH.min(UNDER_WAY - self.shares), now, |told| self.share(told, now));
            if told == 0 {
                return false;
            }
        }
        true
    }

    /// When everything is told again, because the store takes entries again and has missed some.
    fn tells_again(&self) -> Option<Instant> {
        self.missed.filter(|_| self.refusal.is_none()).map(|missed| missed + AGAIN)
    }

    fn share(&mut self, told: Told, now: Instant) {
        let Told { name, value, life, grain } = told;
        let head = message::head(self.terms.origin, life, &name);
        let (life, grain) = (life.as_millis().to_string(), grain.as_millis().to_string());
        let words: [&[u8]; 9] = [
            b"EVALSHA",
            &self.share,
            b"1",
            &name,
            &value,
            life.as_bytes(),
            grain.as_bytes(),
            &self.channel,
            &head,
        ];
        command(&words, &mut self.out);
        self.asked.push_back(Asked { at: now, what: What::Share(name) });
        self.shares += 1;
    }

    /// Looks at the time, and asks whether the store is well.
    ///
    /// # Errors
    /// Something has not come in time.
    pub(in crate::shared) fn tick(&mut self, now: Instant) -> Result<(), SessionError> {
        let since = |then| now.saturating_duration_since(then);
        if self.stage == Stage::Greeting && since(self.began) >= self.terms.connect_timeout {
            return Err(SessionError::Late("connecting"));
        }
        if self.asked.front().is_some_and(|asked| since(asked.at) >= self.terms.timeout) {
            return Err(SessionError::Late("an answer"));
        }
        if since(self.heard) >= self.terms.staleness {
            return Err(SessionError::Late("any word"));
        }
        if self.is_up() && self.asked.is_empty() && since(self.heard) >= self.terms.staleness / 2 {
            self.ask(What::Ping, &[b"PING"], now);
        }
        Ok(())
    }

    /// How long [`tick`](Self::tick) can wait.
    pub(in crate::shared) fn patience(&self, now: Instant) -> Duration {
        let mut until = self.heard + self.terms.staleness / if self.asked.is_empty() { 2 } else { 1 };
        if self.stage == Stage::Greeting {
            until = until.min(self.began + self.terms.connect_timeout);
        }
        if let Some(asked) = self.asked.front() {
            until = until.min(asked.at + self.terms.timeout);
        }
        if let Some(again) = self.tells_again() {
            until = until.min(again);
        }
        until.saturating_duration_since(now)
    }

    fn ask(&mut self, what: What, words: &[&[u8]], now: Instant) {
        command(words, &mut self.out);
        self.asked.push_back(Asked { at: now, what });
    }

    fn pushed(&mut self, values: &[Reply], tables: &Tables, counts: &mut Counts, clocks: Clocks) {
        match values {
            [kind, ..] if kind.bytes() == Some(b"subscribe") && self.stage == Stage::Greeting => {
                // From here on nothing of others is missed, so what is read now is all there is to be known.
                self.stage = Stage::Loading;
                self.scan(b"0", clocks.now);
            }
            [kind, _, Reply::Bytes(payload)] if kind.bytes() == Some(b"message") => {
                let Some(news) = message::read(payload) else {
                    counts.refused += 1;
                    return;
                };
                if news.origin != self.terms.origin {
                    count(tables.learn(news.name, news.value, news.life, clocks), counts);
                }
            }
            _ => {}
        }
    }

    fn scan(&mut self, cursor: &[u8], now: Instant) {
        let pattern = format!("{}*", self.terms.prefix).into_bytes();
        self.ask(What::Scan, &[b"SCAN", cursor, b"MATCH", &pattern, b"COUNT", PAGE], now);
    }

    fn answered(
        &mut self,
        what: What,
        reply: Reply,
        tables: &Tables,
        counts: &mut Counts,
        clocks: Clocks,
    ) -> Result<(), SessionError> {
        if let Reply::Refusal(words) = &reply {
            return self.refused(&what, words, counts, clocks.now);
        }
        match what {
            What::Greeting | What::Ping => {}
            What::ShareScript => self.share = reply.bytes().ok_or(SessionError::Answer)?.to_vec(),
            What::PageScript => self.page = reply.bytes().ok_or(SessionError::Answer)?.to_vec(),
            What::Share(name) => {
                self.shares -= 1;
                self.refusal = None;
                match reply {
                    Reply::Number(news) => counts.written += u64::from(news == 1),
                    Reply::List(later) => {
                        let (value, left) = value(later.iter()).ok_or(SessionError::Answer)?;
                        count(tables.learn(&name, value, left, clocks), counts);
                    }
                    _ => return Err(SessionError::Answer),
                }
            }
            What::Scan => {
                let Reply::List(page) = reply else { return Err(SessionError::Answer) };
                let [cursor, Reply::List(names)] = page.as_slice() else { return Err(SessionError::Answer) };
                let cursor = cursor.bytes().ok_or(SessionError::Answer)?.to_vec();
                let names: Vec<_> = names.iter().filter_map(Reply::bytes).map(<[u8]>::to_vec).collect();
                if names.is_empty() {
                    self.turn_page(&cursor, clocks.now);
                } else {
                    let (count, script) = (names.len().to_string(), self.page.clone());
                    let mut words: Vec<&[u8]> = vec![b"EVALSHA", &script, count.as_bytes()];
                    words.extend(names.iter().map(Vec::as_slice));
                    command(&words, &mut self.out);
                    self.asked.push_back(Asked { at: clocks.now, what: What::Page(names, cursor) });
                }
            }
            What::Page(names, cursor) => {
                let Reply::List(values) = reply else { return Err(SessionError::Answer) };
                let mut values = values.iter();
                for name in names {
                    // One that is gone by now, or no string, has no value.
                    if let Some((value, left)) = value(&mut values) {
                        count(tables.learn(&name, value, left, clocks), counts);
                    }
                }
                self.turn_page(&cursor, clocks.now);
            }
        }
        Ok(())
    }

    fn turn_page(&mut self, cursor: &[u8], now: Instant) {
        if cursor == b"0" {
            self.stage = Stage::Live;
        } else {
            self.scan(cursor, now);
        }
    }

    /// A store that is full, or whose disk is, goes on reading and telling: only its entries stay as they are. So does
    /// one in which something else stands under an entry's name.
    fn refused(
        &mut self,
        what: &What,
        words: &[u8],
        counts: &mut Counts,
        now: Instant,
    ) -> Result<(), SessionError> {
        let text: String = self.unechoed(words).chars().filter(|c| !c.is_control()).take(120).collect();
        let passing = ["OOM", "MISCONF", "WRONGTYPE", "NOREPLICAS"].iter().any(|code| text.contains(code));
        if !matches!(what, What::Share(_)) || !passing {
            return Err(SessionError::Refused(text));
        }
        self.shares -= 1;
        counts.refused += 1;
        // What stands under an entry's name is not gone by the next try.
        if !text.contains("WRONGTYPE") {
            self.missed = Some(now);
        }
        self.refusal = Some(text);
        Ok(())
    }

    /// A refusal without what it repeats of a command: a server that does not know HELLO says the password again.
    fn unechoed<'a>(&self, words: &'a [u8]) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(words);
        let text = match text.find(ECHO) {
            Some(at) => Cow::Owned(text.get(..at).unwrap_or_default().to_owned()),
            None => text,
        };
        let password = self.terms.password.as_deref().map(String::from_utf8_lossy);
        match password.filter(|password| !password.is_empty() && text.contains(&**password)) {
            Some(_) => Cow::Borrowed("its answer repeats the password"),
            None => text,
        }
    }
}

/// A value and the rest of its life.
fn value<'a>(mut values: impl Iterator<Item = &'a Reply>) -> Option<(&'a [u8], Duration)> {
    match (values.next()?, values.next()?) {
        (Reply::Bytes(value), Reply::Number(left)) => {
            Some((value, Duration::from_millis(u64::try_from(*left).unwrap_or(0))))
        }
        _ => None,
    }
}

fn count(learned: Option<Learned>, counts: &mut Counts) {
    match learned {
        Some(Learned::New | Learned::Moved | Learned::Renewed) => counts.learned += 1,
        Some(Learned::Known | Learned::Older | Learned::Refused) => {}
        None => counts.refused += 1,
    }
}

/// What stands before the words of a command that is not known.
const ECHO: &str = ", with args beginning with";
/// Changes under way at most: enough to fill the way to a store in another town.
const UNDER_WAY: usize = 512;
/// Changes taken from a table at once: its lock is held that long.
const BATCH: usize = 64;
/// More than this is not made before the store has read some.
const OUT_FULL: usize = 64 * 1024;
/// How long a store takes entries without refusing any before it is told again what it missed: one whose memory is
/// always full is not told everything again and again.
const AGAIN: Duration = Duration::from_secs(30);
/// Entries read at once, about: each costs the store two microseconds, during which it does nothing else.
const PAGE: &[u8] = b"200";
