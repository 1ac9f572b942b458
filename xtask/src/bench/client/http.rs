//! An HTTP/1.1 client that keeps its cookie and insists on its server.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::super::origin::pattern;
use super::super::{Outcome, failed};
use super::response;

/// One client with one connection.
#[derive(Debug)]
pub(crate) struct Http<S> {
    stream: S,
    session: Session,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http<S> {
    /// A client without a cookie, who will ask for `path`.
    pub(crate) fn new(stream: S, path: &str) -> Self {
        Self { stream, session: Session::new(path), buffer: vec![0; HEAD] }
    }

    /// A client without a cookie, who will send a body of this size.
    pub(crate) fn posting(stream: S, size: u32) -> Self {
        Self { stream, session: Session::posting(size), buffer: vec![0; HEAD] }
    }

    /// Closes the connection and goes on over another.
    pub(crate) async fn reconnect(&mut self, stream: S) -> Outcome {
        let mut old = std::mem::replace(&mut self.stream, stream);
        old.shutdown().await.map_err(failed("cannot close"))
    }

    /// Sends the request and reads the whole response; copies the body to `body`.
    ///
    /// # Errors
    ///
    /// The connection broke, the response is no 200, or the client was sent to another server than its cookie names.
    pub(crate) async fn exchange(&mut self, mut body: Option<&mut Vec<u8>>) -> Outcome {
        self.stream.write_all(self.session.request()).await.map_err(failed("cannot send a request"))?;
        let mut filled = 0;
        let mut missing = loop {
            filled += self.read(filled).await?;
            let bytes = self.buffer.get(..filled).unwrap_or_default();
            let Some(head) = response::head(bytes)? else { continue };
            self.session.learn(head.server, head.cookie)?;
            let first = bytes.get(head.size..).unwrap_or_default();
            if let Some(body) = &mut body {
                body.extend_from_slice(first);
            }
            break head.length.checked_sub(first.len()).ok_or("more bytes than the response's length")?;
        };
        if missing > self.buffer.len() {
            self.buffer.resize(BODY, 0);
        }
        while missing > 0 {
            let read = self.read(0).await?;
            if let Some(body) = &mut body {
                body.extend_from_slice(self.buffer.get(..read).unwrap_or_default());
            }
            missing = missing.checked_sub(read).ok_or("more bytes than the response's length")?;
        }
        Ok(())
    }

    /// What it knows of its persistence.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    async fn read(&mut self, from: usize) -> Outcome<usize> {
        match self.stream.read(self.buffer.get_mut(from..).unwrap_or_default()).await {
            Ok(0) => Err("the connection ended within a response".to_owned()),
            Ok(read) => Ok(read),
            Err(error) => Err(format!("cannot read a response: {error}")),
        }
    }
}

/// A client's request and what persistence gave it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    request: Vec<u8>,
    /// Where the head's last, empty line stands in it.
    end: usize,
    server: Option<u8>,
    sticky: bool,
}

impl Session {
    /// A client without a cookie.
    pub(super) fn new(path: &str) -> Self {
        let head = format!("GET {path} HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\n");
        Self::whole(head, &[])
    }

    /// A client without a cookie, who sends a body.
    fn posting(size: u32) -> Self {
        let head = format!(
            "POST /small HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nContent-Length: {size}\r\n"
        );
        Self::whole(head, &pattern(size))
    }

    fn whole(head: String, body: &[u8]) -> Self {
        let mut request = head.into_bytes();
        let end = request.len();
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        Self { request, end, server: None, sticky: false }
    }

    /// The request as it is sent.
    pub(super) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Takes the cookie, and checks that the client stayed where it was.
    pub(super) fn learn(&mut self, server: Option<u8>, cookie: Option<&[u8]>) -> Outcome {
        if self.sticky && self.server != server {
            return Err("a client with a cookie was sent to another server".to_owned());
        }
        self.server = server;
        if let (Some(cookie), false) = (cookie, self.sticky) {
            self.sticky = true;
            let field = [b"Cookie: ", cookie, b"\r\n"].concat();
            self.request.splice(self.end..self.end, field);
        }
        Ok(())
    }

    /// The server that answered last.
    pub(crate) fn server(&self) -> Option<u8> {
        self.server
    }

    /// Whether it was given a cookie.
    pub(crate) fn sticky(&self) -> bool {
        self.sticky
    }
}

/// Room for a head with a small body.
const HEAD: usize = 4 * 1024;

/// Room that makes reading large bodies cheap.
const BODY: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_cookie_any_server_will_do_and_with_it_only_one() {
        let mut session = Session::new("/small");
        session.learn(Some(b'a'), None).unwrap();
        session.learn(Some(b'b'), Some(b"S=b")).unwrap();
        session.learn(Some(b'b'), None).unwrap();
        assert!(session.learn(Some(b'a'), None).is_err());
    }

    #[test]
    fn the_cookie_goes_back_with_every_later_request() {
        let mut session = Session::new("/small");
        session.learn(Some(b'a'), Some(b"S=v")).unwrap();
        session.learn(Some(b'a'), Some(b"S=v")).unwrap();
        let expected =
            b"GET /small HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nCookie: S=v\r\n\r\n";
        assert_eq!(session.request(), expected);
    }

    #[test]
    fn the_cookie_stands_before_the_body() {
        let mut session = Session::posting(3);
        session.learn(Some(b'b'), Some(b"S=v")).unwrap();
        assert!(session.request().ends_with(b"Content-Length: 3\r\nCookie: S=v\r\n\r\n\x00\x01\x02"));
    }
}
