//! An origin that says exact bytes and records what it got.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A running origin.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Rc<RefCell<Vec<Seen>>>,
    /// Connections made to it.
    pub(crate) connections: Rc<Cell<usize>>,
    /// Connections that are open.
    pub(crate) open: Rc<Cell<usize>>,
    task: tokio::task::JoinHandle<()>,
}

/// One request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The number of its connection, from 1.
    pub(crate) connection: usize,
    /// Its number on that connection, from 1.
    pub(crate) turn: usize,
    /// Each byte a character.
    pub(crate) head: String,
    /// The body with its framing, byte for byte.
    pub(crate) body: Vec<u8>,
    /// The body came to its end.
    pub(crate) complete: bool,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect()
    }

    /// The body without its framing.
    pub(crate) fn content(&self) -> Vec<u8> {
        match self.header("transfer-encoding") == ["chunked"] {
            true => unchunked(&self.body).map(|(content, _)| content).unwrap_or_default(),
            false => self.body.clone(),
        }
    }
}

/// What a whole chunked body holds, and where it ends. Panics at what a gateway must never write.
fn unchunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut content, mut at) = (Vec::new(), 0);
    let line = |at: usize| bytes[at..].windows(2).position(|w| w == b"\r\n").map(|end| at + end + 2);
    loop {
        let end = line(at)?;
        let size = std::str::from_utf8(&bytes[at..end - 2]).unwrap();
        assert!(size.bytes().all(|b| b.is_ascii_hexdigit()), "{size:?}");
        let size = usize::from_str_radix(size, 16).unwrap();
        at = end;
        if size == 0 {
            loop {
                let end = line(at)?;
                let empty = end == at + 2;
                at = end;
                if empty {
                    return Some((content, at));
                }
            }
        }
        let data = bytes.get(at..at + size + 2)?;
        assert!(data.ends_with(b"\r\n"), "a chunk is as long as it says");
        content.extend_from_slice(&data[..size]);
        at += size + 2;
    }
}

/// What an origin does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Says this and goes on.
    Say(Vec<u8>),
    /// Says this and closes.
    Last(Vec<u8>),
    /// Says these, one after the other with a pause between, and goes on.
    Pieces(Vec<Vec<u8>>),
    /// Closes with a reset after saying this.
    Reset(Vec<u8>),
    /// Says nothing and waits for the other side to give up.
    Silence,
    /// Says this before it has read the body, and then reads no more.
    Early(Vec<u8>),
    /// Says the first as soon as the head is there, and the second once the body is.
    Interim(Vec<u8>, Vec<u8>),
}

impl Reply {
    /// 200 with this text.
    pub(crate) fn ok(text: &str) -> Self {
        Self::Say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).into())
    }

    /// Exactly this.
    pub(crate) fn say(text: &str) -> Self {
        Self::Say(text.into())
    }
}

impl Origin {
    /// One that answers each request as `script` says.
    pub(crate) async fn new(script: impl Fn(&Seen) -> Reply + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, script)
    }

    /// One that answers every request with 200 and its own name.
    pub(crate) async fn named(name: &'static str) -> Self {
        Self::new(move |_| Reply::ok(name)).await
    }

    fn on(listener: TcpListener, script: impl Fn(&Seen) -> Reply + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (connections, open) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (log, count, live, script) = (seen.clone(), connections.clone(), open.clone(), Rc::new(script));
        let task = tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.set(count.get() + 1);
                live.set(live.get() + 1);
                let (log, live, script, connection) =
                    (log.clone(), live.clone(), script.clone(), count.get());
                tokio::task::spawn_local(async move {
                    let _ = serve(stream, connection, &log, &*script).await;
                    live.set(live.get() - 1);
                });
            }
        });
        Self { address, seen, connections, open, task }
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// All requests since this was asked last. Only while none is under way.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        self.seen.take()
    }

    /// Stops listening. Connections that are there go on.
    pub(crate) async fn stop(&self) {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    log: &RefCell<Vec<Seen>>,
    script: &dyn Fn(&Seen) -> Reply,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut ahead = Vec::new();
    for turn in 1.. {
        let Some(end) = until(&mut stream, &mut ahead, b"\r\n\r\n").await? else { return Ok(()) };
        let head = ahead[..end].iter().map(|&byte| char::from(byte)).collect();
        ahead.drain(..end);
        let mut seen = Seen { connection, turn, head, body: Vec::new(), complete: false };
        let early = script(&seen);
        match &early {
            Reply::Early(bytes) => {
                log.borrow_mut().push(seen);
                stream.write_all(bytes).await?;
                // Reading no more, but staying: the gateway has to notice.
                tokio::time::sleep(Duration::from_secs(5)).await;
                return Ok(());
            }
            Reply::Interim(first, _) => stream.write_all(first).await?,
            _ => {}
        }
        let index = log.borrow().len();
        log.borrow_mut().push(seen.clone());
        let whole = body(&mut stream, &mut ahead, &mut seen, &mut |body| {
            if let Some(seen) = log.borrow_mut().get_mut(index) {
                seen.body = body.to_vec();
            }
        })
        .await?;
        if !whole {
            return Ok(());
        }
        if let Some(seen) = log.borrow_mut().get_mut(index) {
            seen.complete = true;
        }
        match script(&seen) {
            Reply::Say(bytes) => stream.write_all(&bytes).await?,
            Reply::Interim(_, bytes) => stream.write_all(&bytes).await?,
            Reply::Last(bytes) => return stream.write_all(&bytes).await,
            Reply::Pieces(pieces) => {
                for piece in pieces {
                    stream.write_all(&piece).await?;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            Reply::Reset(bytes) => {
                stream.write_all(&bytes).await?;
                stream.set_zero_linger()?;
                return Ok(());
            }
            Reply::Silence => {
                let mut byte = [0];
                return stream.read_exact(&mut byte).await.map(drop);
            }
            Reply::Early(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Reads the body as its head frames it; false if the connection ended before.
async fn body(
    stream: &mut TcpStream,
    ahead: &mut Vec<u8>,
    seen: &mut Seen,
    progress: &mut dyn FnMut(&[u8]),
) -> std::io::Result<bool> {
    let chunked = seen.header("transfer-encoding") == ["chunked"];
    let length: usize = seen.header("content-length").first().map_or(0, |v| v.parse().unwrap());
    loop {
        let end = match chunked {
            true => unchunked(ahead).map(|(_, end)| end),
            false => (ahead.len() >= length).then_some(length),
        };
        if let Some(end) = end {
            seen.body = ahead.drain(..end).collect();
            progress(&seen.body);
            return Ok(true);
        }
        progress(ahead);
        if read(stream, ahead).await? == 0 {
            return Ok(false);
        }
    }
}

async fn until(stream: &mut TcpStream, ahead: &mut Vec<u8>, mark: &[u8]) -> std::io::Result<Option<usize>> {
    loop {
        if let Some(at) = ahead.windows(mark.len()).position(|w| w == mark) {
            return Ok(Some(at + mark.len()));
        }
        if read(stream, ahead).await? == 0 {
            return Ok(None);
        }
    }
}

async fn read(stream: &mut TcpStream, ahead: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = vec![0; 64 * 1024];
    let n = stream.read(&mut buffer).await?;
    ahead.extend_from_slice(&buffer[..n]);
    Ok(n)
}
