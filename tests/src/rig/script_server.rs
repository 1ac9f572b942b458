//! A TCP server of lines that answers from a list.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use super::listener::Listener;
use super::loopback;

/// A server that greets, and answers each line by what it begins with.
#[derive(Debug)]
pub struct ScriptServer {
    listener: Listener,
    heard: Arc<Mutex<Vec<String>>>,
}

/// What a server says; every text is lines with their ends.
#[derive(Clone, Debug)]
pub struct Script {
    /// As somebody connects; nothing: it is mute.
    pub greeting: String,
    /// Beginnings of lines, in any case, each with its answer; the first that fits counts. Nothing: it leaves.
    pub answers: Vec<(&'static str, String)>,
    /// To all other lines.
    pub otherwise: String,
}

impl ScriptServer {
    /// A server on an address of its own.
    pub fn start(script: Script) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let record = heard.clone();
        let serve = move |stream: TcpStream| {
            // Whoever leaves in mid-sentence is nothing to report.
            let _ = serve(&stream, &script, &record);
            let _ = stream.shutdown(Shutdown::Both);
        };
        Self { listener: Listener::start(loopback(), serve), heard }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The lines that it was told.
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
}

fn serve(mut stream: &TcpStream, script: &Script, record: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.write_all(script.greeting.as_bytes())?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        record.lock().unwrap().push(line.clone());
        if script.greeting.is_empty() {
            continue;
        }
        let upper = line.to_ascii_uppercase();
        let fits = script.answers.iter().find(|(begin, _)| upper.starts_with(&begin.to_ascii_uppercase()));
        let answer = fits.map_or(&script.otherwise, |(_, answer)| answer);
        if answer.is_empty() {
            return Ok(());
        }
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}
