//! Every vector of `fixtures/http`: refused, or read in one way, however the network cuts it.

mod answers;
mod oracle;
mod requests;

use std::fmt::Write as _;

use sekisho_testkit::Vector;

use super::support::{Origin, Reply, Rig, Seen, test};

/// The requests.
fn requests() -> Vec<Vector> {
    Vector::table(include_str!("../../../../../fixtures/http/requests.txt")).unwrap()
}

/// What becomes of these pieces: the whole requests that reached the server, in the order in which they did, then the
/// statuses that the gateway gave itself. The requests as the server saw them stand beside it.
async fn outcome(rig: &Rig, origin: &Origin, pieces: &[&[u8]]) -> (String, Vec<Seen>) {
    origin.take_seen();
    let mut client = rig.client().await;
    for (turn, piece) in pieces.iter().enumerate() {
        if turn > 0 {
            let (reads, ..) = rig.cost();
            for _ in 0..50 {
                tokio::task::yield_now().await;
                if rig.cost().0 > reads {
                    break;
                }
            }
        }
        client.try_send(piece).await;
    }
    client.finish().await;
    let (mut answered, mut refused) = (0, Vec::new());
    loop {
        match client.any_answer("GET").await.status {
            0 => break,
            200 => answered += 1,
            100..200 => {}
            status => refused.push(status.to_string()),
        }
    }
    drop(client);
    // Not by sleeping: there are tens of thousands of connections.
    while rig.open.get() > 0 {
        tokio::task::yield_now().await;
    }
    let whole: Vec<Seen> = origin.take_seen().into_iter().filter(|seen| seen.complete).collect();
    let mut parts: Vec<String> = whole.iter().map(shown).collect();
    if answered != whole.len() {
        parts.push(format!("{answered} answers"));
    }
    parts.append(&mut refused);
    (if parts.is_empty() { "nothing".into() } else { parts.join(", ") }, whole)
}

/// A request in a table's words.
fn shown(seen: &Seen) -> String {
    let mut text = short(&plain(&seen.line().replacen(" HTTP/1.1", "", 1)));
    let body = seen.content();
    if !body.is_empty() {
        let _ = write!(text, " \"{}\"", short(&body.escape_ascii().to_string()));
    }
    text
}

/// What is no ASCII as escapes: each character is a byte.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\x{:02x}", u32::from(c)) })
        .collect()
}

/// The beginning of a long text, and how long it is.
fn short(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}… {} bytes", &text[..at], text.len()),
        None => text.to_owned(),
    }
}
