//! A store for tests, as far as gateways use one.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::shared::resp::{Reader, Reply};
use crate::shared::script;

/// What stands in it, and who is connected.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Values, and when they go.
    pub(super) entries: BTreeMap<Vec<u8>, (Vec<u8>, Instant)>,
    clients: Vec<Client>,
    /// It takes no entries.
    pub(super) full: bool,
}

#[derive(Debug, Default)]
struct Client {
    reader: Reader,
    subscribed: bool,
    /// What it has not read yet.
    said: VecDeque<u8>,
}

impl Store {
    /// Another client.
    pub(super) fn connect(&mut self) -> usize {
        self.clients.push(Client::default());
        self.clients.len() - 1
    }

    /// What a client is told, at most so many bytes of it.
    pub(super) fn says(&mut self, client: usize, most: usize) -> Vec<u8> {
        let said = &mut self.clients[client].said;
        said.drain(..most.min(said.len())).collect()
    }

    /// A client says something. Commands are lists of strings, which replies can be as well.
    pub(super) fn hears(&mut self, client: usize, bytes: &[u8], now: Instant) {
        self.clients[client].reader.feed(bytes);
        while let Some(Reply::List(words)) = self.clients[client].reader.next().unwrap() {
            let words: Vec<Vec<u8>> = words.iter().map(|word| word.bytes().unwrap().to_vec()).collect();
            let answer = self.answer(client, &words, now);
            self.clients[client].said.extend(answer);
        }
    }

    fn answer(&mut self, client: usize, words: &[Vec<u8>], now: Instant) -> Vec<u8> {
        self.entries.retain(|_, (_, until)| *until > now);
        match words[0].as_slice() {
            b"HELLO" => b"%1\r\n+server\r\n+redis\r\n".to_vec(),
            b"SELECT" => b"+OK\r\n".to_vec(),
            b"PING" => b"+PONG\r\n".to_vec(),
            b"SCRIPT" if words[2] == script::SHARE => string(b"share"),
            b"SCRIPT" => string(b"page"),
            b"SUBSCRIBE" => {
                self.clients[client].subscribed = true;
                [b">3\r\n$9\r\nsubscribe\r\n".to_vec(), string(&words[1]), b":1\r\n".to_vec()].concat()
            }
            b"SCAN" => {
                // Two pages. Which one an entry is on does not depend on what else there is, as Redis has it.
                let first = words[1] == b"0";
                let on = |name: &&Vec<u8>| name.last().is_some_and(|byte| byte.is_multiple_of(2)) == first;
                let page: Vec<&Vec<u8>> = self.entries.keys().filter(on).collect();
                let cursor: &[u8] = if first { b"1" } else { b"0" };
                let page = page.iter().map(|name| string(name));
                let head = [b"*2\r\n".to_vec(), string(cursor), format!("*{}\r\n", page.len()).into_bytes()];
                head.into_iter().chain(page).flatten().collect()
            }
            b"EVALSHA" if words[1] == b"page" => {
                let values = words[3..].iter().map(|name| match self.entries.get(name) {
                    Some((value, until)) => [string(value), number((*until - now).as_millis())].concat(),
                    None => b"_\r\n:-2\r\n".to_vec(),
                });
                let head = format!("*{}\r\n", 2 * values.len()).into_bytes();
                std::iter::once(head).chain(values).flatten().collect()
            }
            b"EVALSHA" => self.share(&words[3..], now),
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    }

    /// What the script does.
    fn share(&mut self, words: &[Vec<u8>], now: Instant) -> Vec<u8> {
        let [name, value, life, grain, channel, head] = words else { panic!("{words:?}") };
        if self.full {
            return b"-OOM command not allowed when used memory > 'maxmemory'.\r\n".to_vec();
        }
        let millis = |word: &[u8]| Duration::from_millis(std::str::from_utf8(word).unwrap().parse().unwrap());
        let order = |value: &[u8]| {
            let length: usize = std::str::from_utf8(&value[20..23]).unwrap().parse().unwrap();
            let server = if length > 0 { &value[23..23 + length] } else { &[255] };
            [&value[..20], server].concat()
        };
        if let Some((was, until)) = self.entries.get(name) {
            let left = *until - now;
            if order(was) == order(value) {
                if left + millis(grain) >= millis(life) {
                    return b":0\r\n".to_vec();
                }
            } else if order(was) > order(value) {
                return [b"*2\r\n".to_vec(), string(was), number(left.as_millis())].concat();
            }
        }
        self.entries.insert(name.clone(), (value.clone(), now + millis(life)));
        let payload = [head.as_slice(), value].concat();
        let message = [b">3\r\n$7\r\nmessage\r\n".to_vec(), string(channel), string(&payload)].concat();
        for client in self.clients.iter_mut().filter(|client| client.subscribed) {
            client.said.extend(&message);
        }
        b":1\r\n".to_vec()
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn number(number: u128) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}
