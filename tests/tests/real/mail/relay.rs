//! Where Dovecot hands on what is submitted to it: a mail server as far as it can tell.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::dovecot::relay;

/// Takes mail until it is dropped.
pub(super) struct Relay {
    host: u8,
    mail: Arc<Mutex<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(super) fn start(host: u8) -> Self {
        let (mail, stopping) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (listener, all, stop) = (TcpListener::bind(relay(host)).unwrap(), mail.clone(), stopping.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, all) = (stream.unwrap(), all.clone());
                std::thread::spawn(move || _ = take(&stream, &all));
            }
        });
        Self { host, mail, stopping, thread: Some(thread) }
    }

    /// What has come.
    pub(super) fn mail(&self) -> Vec<String> {
        self.mail.lock().unwrap().clone()
    }
}

/// Serves one visit.
fn take(mut stream: &TcpStream, all: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    stream.write_all(b"220 relay.example.org ESMTP\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let answer: &[u8] = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "QUIT" => b"221 2.0.0 Bye\r\n",
            "DATA" => {
                stream.write_all(b"354 Go on\r\n")?;
                let mut mail = String::new();
                while let Some(line) = lines.next().transpose()?.filter(|line| line != ".") {
                    mail += &(line + "\n");
                }
                all.lock().unwrap().push(mail);
                b"250 2.0.0 Taken\r\n"
            }
            "EHLO" => b"250-relay.example.org\r\n250 8BITMIME\r\n",
            _ => b"250 2.0.0 Fine\r\n",
        };
        stream.write_all(answer)?;
    }
    Ok(())
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Its own connection wakes the loop.
        let _ = TcpStream::connect(relay(self.host));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
