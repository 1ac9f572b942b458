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
    pub(crate) head: String,
    /// The body with its framing, byte for byte.
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect()
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
        let head = String::from_utf8_lossy(&ahead[..end]).into_owned();
        ahead.drain(..end);
        let mut seen = Seen { connection, turn, head, body: Vec::new() };
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
            log.borrow_mut()[index].body = body.to_vec();
        })
        .await?;
        if !whole {
            return Ok(());
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
        let end = if !chunked {
            (ahead.len() >= length).then_some(length)
        } else if ahead.starts_with(b"0\r\n") {
            ahead.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
        } else {
            // The chunks of these tests hold no CR LF of their own.
            let last = ahead.windows(5).position(|w| w == b"\r\n0\r\n").map(|at| at + 3);
            last.and_then(|at| ahead[at..].windows(4).position(|w| w == b"\r\n\r\n").map(|e| at + e + 4))
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
