//! The listener: few connections, small heads, short deadlines, one request each.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::metrics::{Source, render};
use crate::request::{self, HEAD_MAX, Wanted};

/// A few scrapers and a person. Others wait in the kernel's backlog.
const CONNECTIONS: usize = 8;
/// For the head to come, and then for the answer to be taken.
const DEADLINE: Duration = Duration::from_secs(5);
/// What is read and forgotten behind a head: closing before it would cut the answer off.
const LEFTOVER_MAX: usize = 64 * 1024;
/// After a failed `accept`, which seldom succeeds at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is ready; connections that are open then are cut.
pub(crate) async fn serve(listener: TcpListener, source: Arc<Source>, stop: impl Future) {
    let tasks = LocalSet::new();
    tokio::select! {
        () = tasks.run_until(accept(listener, source)) => {}
        _ = stop => {}
    }
}

async fn accept(listener: TcpListener, source: Arc<Source>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let source = source.clone();
                spawn_local(async move {
                    if let Err(error) = exchange(stream, &source).await {
                        tracing::debug!(%error, "A reader of metrics left");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "Nobody can read the metrics now");
                sleep(PAUSE).await;
            }
        }
    }
}

/// One request and its answer.
async fn exchange(mut stream: TcpStream, source: &Source) -> io::Result<()> {
    let wanted = timeout(DEADLINE, read(&mut stream)).await??;
    let answer = request::answer(wanted, |form| render(&source.take(), form));
    timeout(DEADLINE, write(&mut stream, &answer)).await?
}

async fn read(stream: &mut TcpStream) -> io::Result<Wanted> {
    let mut head = Vec::with_capacity(1024);
    loop {
        // Never zero: a head that fills the room is answered, complete or not.
        let room = HEAD_MAX.saturating_sub(head.len()) as u64;
        if (&mut *stream).take(room).read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(wanted) = request::wanted(&head) {
            return Ok(wanted);
        }
    }
}

async fn write(stream: &mut TcpStream, answer: &str) -> io::Result<()> {
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let (mut left, mut scratch) = (LEFTOVER_MAX, [0; 1024]);
    while left > 0 {
        match stream.read(&mut scratch).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
