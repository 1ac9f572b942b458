//! What RFC 9113 and RFC 7541 demand of a server, one line each.
//!
//! | module | idea |
//! |---|---|
//! | `requests` | what a request may hold, and what not |
//! | `h2spec` | frames and field blocks, by the sections of h2spec |
//! | `manners` | what takes more than a line |

mod h2spec;
mod manners;
mod requests;

use super::support::frames::*;
use super::support::{Origin, Rig, test};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;

/// What a connection has to come to.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// This stream is answered, and the connection goes on.
    Served(u32),
    /// Nothing is wrong.
    Lives,
    /// This stream is reset with one of the codes, and others go on; or the connection ends with one of them.
    Reset(u32, &'static [u32]),
    /// The connection ends, and the client is told one of the codes.
    Cut(&'static [u32]),
}
use Expect::{Cut, Lives, Reset, Served};

/// What a client says on a connection that has begun well, and what has to come of it. Between two parts it waits for the
/// end of the answer on stream 1.
type Case = (&'static str, Vec<Vec<u8>>, Expect);

fn case(name: &'static str, said: Vec<u8>, expect: Expect) -> Case {
    (name, vec![said], expect)
}

fn get(stream: u32) -> Vec<u8> {
    headers(stream, END, GET)
}

fn post(stream: u32) -> Vec<u8> {
    headers(stream, 0, POST)
}

fn with(request: &[(&'static [u8], &'static [u8])], more: &[(&'static [u8], &'static [u8])]) -> Vec<u8> {
    headers(1, END, &[request, more].concat())
}

/// GET without the pseudo field at this place, and with these.
fn without(place: usize, more: &[(&'static [u8], &'static [u8])]) -> Vec<u8> {
    let mut fields = GET.to_vec();
    fields.remove(place);
    headers(1, END, &[more, &fields].concat())
}

/// Whether a frame has one of the codes. The general one may stand for all others (RFC 9113, section 7), and h2 uses it
/// where it could be more precise.
fn says(frame: &Frame, codes: &[u32]) -> bool {
    codes.contains(&frame.code()) || frame.code() == PROTOCOL_ERROR
}

/// Runs a case, and says what went wrong.
async fn run(rig: &Rig, said: &[Vec<u8>], expect: Expect) -> Result<(), String> {
    let mut client = Frames::open(rig).await;
    for (n, part) in said.iter().enumerate() {
        if n > 0 {
            client.until(|frame| frame.stream == 1 && frame.flags & END != 0 && frame.kind < PRIORITY).await;
        }
        client.send(part).await;
    }
    let on = |stream: u32| {
        move |frame: &Frame| frame.stream == stream && [HEADERS, RST_STREAM].contains(&frame.kind)
    };
    let (mut frames, _) = match expect {
        Served(stream) | Reset(stream, _) => client.until(|f| on(stream)(f) || f.kind == GOAWAY).await,
        Lives | Cut(_) => (Vec::new(), true),
    };
    let (more, lives) = client.alive().await;
    frames.extend(more);
    let bad: Vec<&Frame> = frames.iter().filter(|f| [RST_STREAM, GOAWAY].contains(&f.kind)).collect();
    let ok = match expect {
        Served(stream) => {
            lives
                && bad.is_empty()
                && frames.iter().any(|f| f.kind == HEADERS && f.stream == stream && f.status() == 200)
        }
        Lives => lives && bad.is_empty(),
        Reset(stream, codes) => {
            let refused = |f: &Frame| f.kind == HEADERS && f.stream == stream && f.status() == 400;
            let reset = |f: &&Frame| f.kind == GOAWAY || f.stream == stream && lives;
            frames.iter().any(refused) && lives || bad.iter().any(|f| reset(f) && says(f, codes))
        }
        Cut(codes) => !lives && bad.iter().any(|f| f.kind == GOAWAY && says(f, codes)),
    };
    if ok { Ok(()) } else { Err(format!("{expect:?}, but it lives: {lives}, and came: {frames:?}")) }
}

/// Runs a table; `asked`: whether a server may see anything of it.
fn table(cases: Vec<Case>, asked: bool, misses: &[&str]) {
    let count = cases.len();
    test(async move {
        let origin = Origin::named("a").await;
        let rig = Rig::new("allow-methods = ['CONNECT']", &[&origin]).await;
        let mut wrong = Vec::new();
        for (name, said, expect) in cases {
            let before = origin.seen().len();
            let mut result = run(&rig, &said, expect).await;
            if result.is_ok() && !asked && origin.seen().len() > before {
                result = Err("a server has seen it".to_owned());
            }
            match (result, misses.contains(&name)) {
                (Err(error), false) => wrong.push(format!("{name}: {error}")),
                (Ok(()), true) => wrong.push(format!("{name}: is no miss any more")),
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!(rig.leases(), 0);
    });
}
