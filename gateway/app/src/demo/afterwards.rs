//! After the tour: everything stays up, the access log is shown as it is written, servers die and live on request.

use std::io::{self, BufRead};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use super::DemoError;
use super::access::Entry;
use super::page::Page;
use super::scene;
use super::stage::Stage;
use crate::failure::Failure;

/// Between two looks at what the operator typed.
const LOOK: Duration = Duration::from_millis(100);
/// The longest line that is read from the operator, in bytes.
const LINE_MAX: usize = 256;

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Kill(String),
    Start(String),
    Quit,
    Unknown,
}

/// Stays up until the operator types `quit` or sends a signal.
pub(super) fn stay(mut stage: Stage, page: &mut Page<'_>) -> Result<(), Failure> {
    let (send, wishes) = mpsc::channel();
    listen_to_the_operator(send)?;
    invite(&stage, page).map_err(Failure::Demo)?;
    stage.access().forget();
    let outcome = serve(&mut stage, page, &wishes);
    stage.leave();
    outcome.map_err(Failure::Demo)
}

fn serve(stage: &mut Stage, page: &mut Page<'_>, wishes: &Receiver<Wish>) -> Result<(), DemoError> {
    while !stage.interrupted() {
        if let Some(entry) = stage.access().next(LOOK) {
            page.line(&shown(&entry))?;
        }
        match wishes.try_recv() {
            Ok(Wish::Quit) => return Ok(()),
            Ok(Wish::Kill(name)) => match stage.kill(&name) {
                Ok(()) => page.line(&format!("{name} is killed"))?,
                Err(error) => page.line(&error.to_string())?,
            },
            Ok(Wish::Start(name)) => match stage.revive(&name) {
                Ok(()) => page.line(&format!("{name} runs"))?,
                Err(error) => page.line(&error.to_string())?,
            },
            Ok(Wish::Unknown) => page.line("understood are: kill SERVER, start SERVER, quit")?,
            // Nothing was typed, or nothing ever will be.
            Err(_) => {}
        }
    }
    Ok(())
}

/// What there is, and what to try with it.
fn invite(stage: &Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
    page.title("Try it")?;
    page.say("Everything stays up. In another terminal:")?;
    for scene in scene::all() {
        for hint in scene.hints(stage)? {
            hinted(page, hint.shows, &hint.command)?;
        }
    }
    let program = std::env::args().next().unwrap_or_else(|| "sekisho".to_owned());
    let file = stage.configuration_file();
    hinted(page, "what this configuration makes", &format!("{program} check {}", file.display()))?;
    let explain = format!("{program} explain {} --vip web --down www1", file.display());
    hinted(page, "which server a client would get, and why", &explain)?;
    let servers: Vec<&str> = stage.servers().map(|server| &**server.name()).collect();
    page.say(&format!(
        "Here, type `kill SERVER` or `start SERVER` to end one and bring it back ({}), and `quit` or Ctrl-C to end. \
         What the gateway does is shown as it happens:",
        servers.join(", ")
    ))?;
    page.verbatim(&columns(["VIP", "client", "key", "server", "why", "end", "request"]))?;
    Ok(())
}

fn hinted(page: &mut Page<'_>, shows: &str, command: &str) -> io::Result<()> {
    page.verbatim(&format!("# {shows}\n{command}"))
}

/// A line of the access log. What came over the network must not move the cursor.
fn shown(entry: &Entry) -> String {
    let word = |text: &'_ Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let target = entry.target.as_deref().unwrap_or_default().escape_debug();
    let request = entry.status.map(|status| format!("{target} {status}")).unwrap_or_default();
    let client = entry.client.to_string();
    let (key, server, why) = (word(&entry.key), word(&entry.server), word(&entry.why));
    columns([&entry.vip, &client, &key, &server, &why, &entry.end, &request])
}

/// Columns for lines that come one by one, wide enough for what the demo has.
fn columns([vip, client, key, server, why, end, request]: [&str; 7]) -> String {
    let line = format!("{vip:10}  {client:21}  {key:9}  {server:6}  {why:9}  {end:12}  {request}");
    line.trim_end().to_owned()
}

/// Reads the operator's lines on a thread of its own, which ends with the process at the latest.
fn listen_to_the_operator(send: Sender<Wish>) -> io::Result<()> {
    let listen = move || {
        for line in io::stdin().lock().split(b'\n') {
            let Ok(line) = line else { return };
            let Some(wish) = understand(&line) else { continue };
            if send.send(wish).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("operator".to_owned()).spawn(listen).map(drop)
}

/// Reads a line; `None` for an empty one.
fn understand(line: &[u8]) -> Option<Wish> {
    let text = String::from_utf8_lossy(line.get(..LINE_MAX).unwrap_or(line));
    let mut words = text.split_whitespace();
    Some(match (words.next()?, words.next(), words.next()) {
        ("kill", Some(name), None) => Wish::Kill(name.to_owned()),
        ("start", Some(name), None) => Wish::Start(name.to_owned()),
        ("quit" | "exit" | "q", None, None) => Wish::Quit,
        _ => Wish::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operator_is_understood_and_everything_else_is_said_to_be_unknown() {
        assert_eq!(understand(b"kill www2"), Some(Wish::Kill("www2".to_owned())));
        assert_eq!(understand(b"  start www2 \r"), Some(Wish::Start("www2".to_owned())));
        assert_eq!(understand(b"quit"), Some(Wish::Quit));
        assert_eq!(understand(b" "), None);
        for line in [&b"kill"[..], b"kill a b", b"\xff\xfe", b"die"] {
            assert_eq!(understand(line), Some(Wish::Unknown), "{line:?}");
        }
    }
}
