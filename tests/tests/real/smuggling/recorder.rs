//! A server that writes down what reaches it. It reads leniently: what it is sent in doubt it takes, and says so.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server. It serves for as long as its process lives.
#[derive(Debug)]
pub(super) struct Recorder {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<String>>,
    answers: Mutex<HashMap<String, Vec<u8>>>,
}

impl Recorder {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = serving.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it says to `/answers/NAME` before it closes.
    pub(super) fn says(&self, answers: HashMap<String, Vec<u8>>) {
        *self.shared.answers.lock().unwrap() = answers;
    }

    /// The whole requests since this was asked last.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let (mut bytes, mut invited) = (Vec::new(), false);
    loop {
        match request(&bytes) {
            Progress::Whole(shown, target, end) => {
                bytes.drain(..end);
                invited = false;
                if let Some(name) = target.strip_prefix("/answers/") {
                    let answer = shared.answers.lock().unwrap().get(name).cloned().unwrap_or_default();
                    // Whoever does not want to hear all of it leaves.
                    let _ = stream.write_all(&answer);
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                    let _ = stream.read_to_end(&mut Vec::new());
                    return;
                }
                shared.seen.lock().unwrap().push(shown);
                if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                    return;
                }
                continue;
            }
            Progress::Waits if !invited => {
                invited = true;
                if stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
                    return;
                }
            }
            _ => {}
        }
        let mut buffer = [0; 64 * 1024];
        match stream.read(&mut buffer) {
            Ok(n @ 1..) => bytes.extend_from_slice(&buffer[..n]),
            _ => return,
        }
    }
}

enum Progress {
    More,
    /// More, and the other side waits to be invited.
    Waits,
    /// In words, its target, and where it ends.
    Whole(String, String, usize),
}

fn request(bytes: &[u8]) -> Progress {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4) else {
        return Progress::More;
    };
    let head: String = bytes[..end].iter().map(|&byte| char::from(byte)).collect();
    let lines: Vec<&str> = head.trim_end_matches("\r\n").split("\r\n").collect();
    let values = |name: &str| -> Vec<&str> {
        let fields = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(n, _)| n.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    };
    let (coding, length) = (values("transfer-encoding"), values("content-length"));
    let mut doubts = doubts(&head, &lines);
    if !coding.is_empty() && !length.is_empty() {
        doubts.push("both lengths");
    }
    if coding.len() + length.len() > 1 {
        doubts.push("several lengths");
    }
    if !coding.is_empty() && (lines[0].ends_with("HTTP/1.0") || coding != ["chunked"]) {
        doubts.push("odd coding");
    }
    if length
        .iter()
        .any(|length| !length.bytes().all(|b| b.is_ascii_digit()) || length.parse::<u64>().is_err())
    {
        doubts.push("odd length");
    }
    if values("host").len() != 1 && !lines[0].ends_with("HTTP/1.0") {
        doubts.push("not one Host");
    }
    if values("upgrade").iter().any(|upgrade| upgrade.contains("h2c")) {
        doubts.push("h2c");
    }
    let body = match coding.iter().any(|coding| coding.to_ascii_lowercase().contains("chunked")) {
        true => chunks(&bytes[end..]),
        false => {
            let length = length.first().and_then(|length| length.parse().ok()).unwrap_or(0);
            bytes[end..].get(..length).map(|body| (body.to_vec(), length))
        }
    };
    let Some((body, length)) = body else {
        let waits = values("expect").iter().any(|value| value.ends_with("100-continue"));
        return if waits { Progress::Waits } else { Progress::More };
    };
    let line = lines[0].strip_suffix(" HTTP/1.1").unwrap_or(lines[0]);
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut shown = short(&plain(line));
    if !body.is_empty() {
        let _ = write!(shown, " \"{}\"", short(&body.escape_ascii().to_string()));
    }
    if !doubts.is_empty() {
        let _ = write!(shown, " ({})", doubts.join(", "));
    }
    Progress::Whole(shown, target, end + length)
}

/// What somebody could read otherwise.
fn doubts(head: &str, lines: &[&str]) -> Vec<&'static str> {
    let mut doubts = Vec::new();
    let rest = head.replace("\r\n", "");
    for (byte, name) in [('\0', "NUL"), ('\r', "bare CR"), ('\n', "bare LF")] {
        if rest.contains(byte) {
            doubts.push(name);
        }
    }
    if lines.iter().skip(1).any(|line| line.starts_with([' ', '\t'])) {
        doubts.push("folded line");
    }
    if lines.iter().skip(1).any(|line| line.split(':').next().unwrap_or_default().ends_with([' ', '\t'])) {
        doubts.push("space before colon");
    }
    doubts
}

/// A chunked body, and where it ends. What is no size ends it.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let end = at + bytes.get(at..)?.windows(2).position(|w| w == b"\r\n")? + 2;
        let digits: Vec<u8> = bytes[at..end].iter().copied().take_while(u8::is_ascii_hexdigit).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).ok()?;
        at = end;
        if size == 0 {
            loop {
                let end = at + bytes.get(at..)?.windows(2).position(|w| w == b"\r\n")? + 2;
                let empty = end == at + 2;
                at = end;
                if empty {
                    return Some((body, at));
                }
            }
        }
        body.extend_from_slice(bytes.get(at..at.checked_add(size)?)?);
        at += size + 2;
    }
}

/// What is no plain text as escapes: each character is a byte.
fn plain(text: &str) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic();
    text.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\x{:02x}", u32::from(c)) }).collect()
}

/// The beginning of a long text, and how long it is.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}… {} bytes", &text[..at], text.len()),
        None => text.to_owned(),
    }
}
