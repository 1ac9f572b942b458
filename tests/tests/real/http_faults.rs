//! A server that misbehaves in every way it can, seen by curl over HTTP/1.1 and HTTP/2, beside clients of its better days.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;

use super::soak::{Client, Ended, Wire, body, connect, held};
use super::{Folder, Sekisho, run};

const LISTEN: &str = "127.0.60.3:7410";

/// What a client must see: the status, and whether the body is whole; `None`: the gateway's own text.
type Seen = (u16, bool, Option<&'static str>);

/// Each fault, and what becomes of it.
const FAULTS: &[(&str, Seen)] = &[
    ("garbage", (502, true, None)),
    ("close", (502, true, None)),
    ("reset", (502, true, None)),
    ("silence", (504, true, None)),
    ("half-a-head", (502, true, None)),
    ("endless-head", (502, true, None)),
    ("endless-field-names", (502, true, None)),
    ("endless-interim", (502, true, None)),
    ("switch", (502, true, None)),
    ("reset-in-body", (200, false, Some("part"))),
    ("close-in-body", (200, false, Some("part"))),
    ("reset-in-chunk", (200, false, Some("part"))),
    ("garbage-in-chunks", (200, false, Some("part"))),
    ("endless-extension", (200, false, Some("part"))),
    ("stall-in-body", (200, false, Some("part"))),
    ("longer-than-it-says", (200, true, Some("hello"))),
    ("second-answer-behind", (200, true, Some("hello"))),
    ("drip", (200, true, Some("hello"))),
    ("close-behind-answer", (200, true, Some("hello"))),
    ("early-answer", (403, true, Some("early"))),
];

/// Much more than anybody would read.
const HUNDRED: usize = 100 << 20;

fn reset(stream: &TcpStream) -> std::io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

fn endless(mut stream: &TcpStream, piece: &[u8], most: usize) -> std::io::Result<()> {
    let many = piece.repeat(64 * 1024 / piece.len());
    (0..most / many.len()).try_for_each(|_| stream.write_all(&many))
}

/// Does what `fault` says; false: the connection is of no more use.
fn misbehave(mut stream: &TcpStream, fault: &str) -> std::io::Result<bool> {
    match fault {
        "garbage" => stream.write_all(b"\x16\x03\x01 what is this?\r\n\r\n")?,
        "reset" => reset(stream)?,
        "silence" => _ = stream.read(&mut [0])?,
        "half-a-head" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le")?,
        "endless-head" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX: ")?;
            endless(stream, b"x", HUNDRED)?;
        }
        "endless-field-names" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            endless(stream, b"X: y\r\n", HUNDRED)?;
        }
        "endless-interim" => endless(stream, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", HUNDRED)?,
        "switch" => stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
        )?,
        "reset-in-body" | "close-in-body" | "stall-in-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")?;
            // So that what was said is there before the end is.
            std::thread::sleep(Duration::from_millis(50));
            match fault {
                "reset-in-body" => reset(stream)?,
                "stall-in-body" => _ = stream.read(&mut [0])?,
                _ => {}
            }
        }
        "reset-in-chunk" | "garbage-in-chunks" | "endless-extension" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n")?;
            std::thread::sleep(Duration::from_millis(50));
            match fault {
                "reset-in-chunk" => {
                    stream.write_all(b"ff\r\n")?;
                    reset(stream)?;
                }
                "garbage-in-chunks" => stream.write_all(b"no size\r\n")?,
                _ => {
                    stream.write_all(b"5;")?;
                    endless(stream, b"x", HUNDRED)?;
                }
            }
        }
        "longer-than-it-says" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more")?;
            return Ok(true);
        }
        "second-answer-behind" => {
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
            stream.write_all(format!("{answer}hello{answer}forge").as_bytes())?;
            return Ok(true);
        }
        "drip" => {
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(3));
            }
            return Ok(true);
        }
        // Its promise to stay is not kept.
        "close-behind-answer" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")?,
        _ => {}
    }
    Ok(false)
}

/// A server of faults under `/fault/NAME`, and of right bodies under all else.
fn server(good: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.60.3:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let good = good.clone();
            std::thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let _ = serve(&stream, &good);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

fn serve(stream: &TcpStream, good: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim_end().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        if path == "/fault/early-answer" {
            let mut writer = stream;
            writer.write_all(
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly",
            )?;
            // Not a byte of the body is read, and the client is still there.
            std::thread::sleep(Duration::from_millis(300));
            return Ok(());
        }
        let mut got = vec![0; length];
        reader.read_exact(&mut got)?;
        if let Some(fault) = path.strip_prefix("/fault/") {
            if !misbehave(stream, fault)? {
                return Ok(());
            }
            continue;
        }
        let mut numbers = path.split('/').skip(1).map(|part| part.parse::<u64>().unwrap_or(0));
        let (number, size) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let content = if first.starts_with("POST ") { got } else { body(number, size as usize) };
        good.fetch_add(1, Ordering::Relaxed);
        let mut said = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len()).into_bytes();
        said.extend_from_slice(&content);
        let mut writer = stream;
        writer.write_all(&said)?;
    }
}

/// What curl sees of a fault.
fn ask(folder: &Folder, version: &str, fault: &str) -> (u16, bool, String) {
    let out = folder.path().join("out").display().to_string();
    let upload = folder.path().join("upload").display().to_string();
    let (url, upload) = (format!("http://{LISTEN}/fault/{fault}"), format!("@{upload}"));
    let mut arguments = vec!["--silent", version, "--max-time", "15", "--output", &out];
    if fault == "early-answer" {
        arguments.extend(["--data-binary", &upload, "--header", "Expect:"]);
    }
    arguments.extend(["--write-out", "%{http_code} %{exitcode}", &url]);
    let _ = std::fs::remove_file(&out);
    let output = run("curl", &arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    let (status, code) = said.split_once(' ').unwrap();
    assert_ne!(code, "28", "{fault} over {version} has no end");
    let body = std::fs::read(&out).unwrap_or_default();
    (status.parse().unwrap(), code == "0", String::from_utf8_lossy(&body).into_owned())
}

#[test]
fn each_fault_has_its_status_or_is_a_visible_cut_and_concerns_nobody_else() {
    let good = Arc::new(AtomicUsize::new(0));
    let address = server(good.clone());
    let configuration = format!(
        "[vip.web]\nlisten = '{LISTEN}'\nprotocol = 'http'\npool = 'web'\n\
         http = {{ response-timeout = '1s', body-timeout = '1s' }}\n\
         [pool.web]\nall-down = 'use-all'\nservers = {{ one = '{address}' }}\n"
    );
    let sekisho = Sekisho::start("faults", &configuration, LISTEN);
    let folder = Folder::new("faults-curl");
    folder.write("upload", &"x".repeat(4 << 20));
    let (over, problems) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let (right, mut first) = (AtomicUsize::new(0), None);
    std::thread::scope(|scope| {
        let (over, right) = (&over, &right);
        for seed in 0..2 {
            scope.spawn(move || {
                let listen = LISTEN.parse().unwrap();
                let mut client = Client::new(|| Some(Box::new(connect(listen)?) as Box<dyn Wire>));
                for number in seed * 1_000_000.. {
                    // It panics at another one's body.
                    if let Ended::Right = client.ask(number, (number % 3000) as usize, number % 3 == 0) {
                        right.fetch_add(1, Ordering::Relaxed);
                    }
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        for _round in 0..2 {
            for version in ["--http1.1", "--http2-prior-knowledge"] {
                for (fault, (status, whole, said)) in FAULTS {
                    let found = ask(&folder, version, fault);
                    // curl 7.88 may forget an answer whose stream is then reset with NO_ERROR, which is how a server says
                    // that it wants no more of the request (RFC 9113, section 8.1).
                    let forgotten = *fault == "early-answer" && found.0 == 0 && version != "--http1.1";
                    let fits = forgotten
                        || (found.0, found.1) == (*status, *whole) && said.is_none_or(|said| found.2 == said);
                    if !fits {
                        problems.lock().unwrap().push(format!("{fault} over {version}: {found:?}"));
                    }
                }
            }
            first.get_or_insert_with(|| held(&sekisho));
        }
        over.store(true, Ordering::Relaxed);
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{}\n{}", problems.join("\n"), sekisho.log());
    let (right, good) = (right.into_inner(), good.load(Ordering::Relaxed));
    assert!(right > 200 && good >= right, "{right} of {good} right");
    let (memory, descriptors) = first.unwrap();
    sekisho_tests::until("what the faults took is given back", || {
        let (now, open) = held(&sekisho);
        (now <= memory + memory / 4 + 8 * 1024 && open <= descriptors).then_some(())
    });
}
