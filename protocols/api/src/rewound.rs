//! A stream that gives back what was read of it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use crate::facts::TlsFacts;
use crate::service::{BoxStream, Stream};

/// A stream, and before it the few bytes that were read to see what is spoken on it.
#[derive(Debug)]
pub struct Rewound {
    /// None of them any more after the first reads.
    read: Vec<u8>,
    stream: BoxStream,
}

impl Rewound {
    /// The stream again as it was before these bytes were read of it.
    pub fn wrap(read: &[u8], stream: BoxStream) -> BoxStream {
        if read.is_empty() { stream } else { Box::new(Self { read: read.to_vec(), stream }) }
    }
}

impl Stream for Rewound {
    fn tls(&self) -> Option<&Arc<TlsFacts>> {
        self.stream.tls()
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.read.is_empty() { self.stream.poll_readable(cx) } else { Poll::Ready(Ok(())) }
    }

    fn plain(&mut self) -> Option<&mut TcpStream> {
        if self.read.is_empty() { self.stream.plain() } else { None }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut *self.stream).poll_read(cx, buffer);
        }
        let n = self.read.len().min(buffer.remaining());
        buffer.put_slice(self.read.get(..n).unwrap_or_default());
        self.read.drain(..n);
        Poll::Ready(Ok(()))
    }
}

crate::write_through!(Rewound, stream);
