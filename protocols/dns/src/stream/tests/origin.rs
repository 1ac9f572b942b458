//! A server that does as it is told.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};

use super::messages::{answer, read, write};

/// A server, with what it saw.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) seen: Rc<Seen>,
}

/// What a server saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: Cell<usize>,
    /// Connections that have not ended.
    pub(super) open: Cell<usize>,
    pub(super) queries: RefCell<Vec<Vec<u8>>>,
}

impl Seen {
    /// The next message, noted.
    pub(super) async fn next(&self, stream: &mut TcpStream) -> Option<Vec<u8>> {
        let message = read(stream).await?;
        self.queries.borrow_mut().push(message.clone());
        Some(message)
    }
}

impl Origin {
    /// One that serves every connection, of this number, by `script`.
    pub(super) async fn new<F: Future<Output = ()>>(
        script: impl Fn(usize, TcpStream, Rc<Seen>) -> F + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Rc::new(Seen::default());
        let (noted, script) = (seen.clone(), Rc::new(script));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (number, noted, script) = (noted.connections.get(), noted.clone(), script.clone());
                noted.connections.set(number + 1);
                noted.open.set(noted.open.get() + 1);
                tokio::task::spawn_local(async move {
                    script(number, stream, noted.clone()).await;
                    noted.open.set(noted.open.get() - 1);
                });
            }
        });
        Self { address, seen }
    }

    /// One that answers everything at once.
    pub(super) async fn echo() -> Self {
        Self::new(|_, stream, seen| echo(stream, seen)).await
    }

    /// One that hears everything and says nothing.
    pub(super) async fn silent() -> Self {
        Self::new(|_, mut stream, seen| async move { while seen.next(&mut stream).await.is_some() {} }).await
    }

    /// An address at which nobody listens.
    pub(super) async fn nobody() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { address: listener.local_addr().unwrap(), seen: Rc::default() }
    }

    pub(super) fn queries(&self) -> usize {
        self.seen.queries.borrow().len()
    }
}

pub(super) async fn echo(mut stream: TcpStream, seen: Rc<Seen>) {
    while let Some(query) = seen.next(&mut stream).await {
        write(&mut stream, &answer(&query)).await;
    }
}
