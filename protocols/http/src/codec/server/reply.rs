//! An answer on its way to the client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame};
use sekisho_api::End;

use super::form::{Coding, form, write_end, write_head, write_size};
use super::framing::Wants;
use crate::codec::download::Download;
use crate::codec::reason::Reason;
use crate::conn::{Conn, Phase, UploadFault};

/// An answer that is being written. What has been put together is written before more of the body is asked for, so
/// that a client that does not read stops the server.
#[derive(Debug)]
pub(super) struct Reply {
    /// Head, short pieces of the body, and what stands between them.
    sheet: Vec<u8>,
    written: usize,
    /// A long piece, behind the sheet.
    piece: Bytes,
    /// What stands behind the long piece.
    after: &'static [u8],
    body: Option<Download>,
    coding: Coding,
    /// The head's fields, where trailers are looked up in them.
    announced: HeaderMap,
    close: bool,
    unflushed: bool,
    /// The client did not take all that was there when the body had ended.
    lagging: bool,
}

impl Reply {
    /// Begins an answer.
    pub(super) fn new(conn: &Conn, response: Response<Download>, wants: Wants) -> Self {
        let (head, body) = response.into_parts();
        let form = form(&head, body.size_hint().exact(), wants);
        let desk = &conn.worker.desk;
        let mut sheet = desk.sheet();
        conn.inbound.borrow_mut().withdraw(&mut sheet);
        let reason = head.extensions.get::<Reason>().map(Reason::as_bytes);
        write_head(&mut sheet, &head, &form, wants, reason, &desk.date(conn.now()));
        let without = matches!(form.coding, Coding::Nothing | Coding::Plain(0));
        Self {
            sheet,
            written: 0,
            piece: Bytes::new(),
            after: b"",
            body: (!without).then_some(body),
            announced: if form.coding == Coding::Chunked(true) { head.headers } else { HeaderMap::new() },
            coding: form.coding,
            close: form.close,
            unflushed: true,
            lagging: false,
        }
    }

    /// Whether the connection ends with this answer.
    pub(super) fn closes(&self) -> bool {
        self.close
    }

    /// Writes what can be written. Ready when the client has, or its socket holds, all of it.
    ///
    /// # Errors
    /// How the request ends that cannot be answered to its end.
    pub(super) fn poll(&mut self, conn: &Conn, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        loop {
            let waiting = self.gather(conn, cx)?;
            let Poll::Ready(written) = self.write(conn, cx) else {
                if self.body.is_none() {
                    self.lagging = true;
                    conn.set_phase(Phase::Answering);
                }
                return Poll::Pending;
            };
            written.map_err(|_| End::ClientLeft)?;
            if self.body.is_none() {
                conn.worker.desk.put_back(std::mem::take(&mut self.sheet));
                if self.lagging {
                    conn.set_phase(Phase::Idle(conn.now()));
                }
                return Poll::Ready(Ok(()));
            }
            if waiting {
                return Poll::Pending;
            }
        }
    }

    /// Takes what the body has, up to a bound. Whether it has no more for now.
    fn gather(&mut self, conn: &Conn, cx: &mut Context<'_>) -> Result<bool, End> {
        while self.piece.is_empty() && self.sheet.len() - self.written < GATHER {
            let Some(body) = &mut self.body else { return Ok(false) };
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(None) => self.finish(None)?,
                Poll::Ready(Some(Ok(frame))) => {
                    let ended = body.is_end_stream();
                    self.frame(frame, ended)?;
                }
                Poll::Ready(Some(Err(_))) => return Err(failed(conn)),
            }
        }
        Ok(false)
    }

    fn frame(&mut self, frame: Frame<Bytes>, ended: bool) -> Result<(), End> {
        match frame.into_data() {
            Ok(data) => {
                self.data(data)?;
                // The end of a chunked body stands behind the piece: it is written after that.
                if ended && (self.piece.is_empty() || self.after.is_empty()) {
                    self.finish(None)
                } else {
                    Ok(())
                }
            }
            Err(frame) => self.finish(frame.trailers_ref()),
        }
    }

    fn data(&mut self, data: Bytes) -> Result<(), End> {
        if data.is_empty() {
            return Ok(());
        }
        let after: &'static [u8] = match &mut self.coding {
            Coding::Plain(rest) => {
                // More than was announced would be read as the next answer.
                *rest = rest.checked_sub(data.len() as u64).ok_or(End::ServerLeft)?;
                b""
            }
            Coding::Chunked(_) => {
                write_size(&mut self.sheet, data.len());
                b"\r\n"
            }
            Coding::Open | Coding::Nothing => b"",
        };
        if data.len() <= SHORT {
            self.sheet.extend_from_slice(&data);
            self.sheet.extend_from_slice(after);
        } else {
            self.piece = data;
            self.after = after;
        }
        Ok(())
    }

    /// The body has ended: it is dropped, and the request with it is accounted for, before its last bytes leave.
    fn finish(&mut self, trailers: Option<&HeaderMap>) -> Result<(), End> {
        match self.coding {
            Coding::Plain(rest) if rest > 0 => return Err(End::ServerLeft),
            Coding::Chunked(understood) => {
                write_end(&mut self.sheet, &self.announced, trailers.filter(|_| understood));
            }
            _ => {}
        }
        self.body = None;
        Ok(())
    }

    fn write(&mut self, conn: &Conn, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = conn.stream.borrow_mut();
        loop {
            let sheet = self.sheet.get(self.written..).unwrap_or_default();
            if sheet.is_empty() && self.piece.is_empty() && self.after.is_empty() {
                break;
            }
            let stream = Pin::new(&mut **stream);
            let n = ready!(if self.piece.is_empty() && self.after.is_empty() {
                stream.poll_write(cx, sheet)
            } else {
                let all = [IoSlice::new(sheet), IoSlice::new(&self.piece), IoSlice::new(self.after)];
                stream.poll_write_vectored(cx, &all)
            })?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            conn.touch();
            self.advance(n);
        }
        self.sheet.clear();
        self.written = 0;
        if self.unflushed {
            ready!(Pin::new(&mut **stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, n: usize) {
        let sheet = n.min(self.sheet.len() - self.written);
        self.written += sheet;
        let piece = (n - sheet).min(self.piece.len());
        self.piece.advance(piece);
        if self.piece.is_empty() {
            self.piece = Bytes::new();
        }
        self.after = self.after.get(n - sheet - piece..).unwrap_or_default();
    }
}

/// How a request ends whose answer broke off. Its own account knows better, if it had a server.
fn failed(conn: &Conn) -> End {
    if conn.upload().fault == Some(UploadFault::Left) { End::ClientLeft } else { End::ServerLeft }
}

/// Up to this size a piece is put together with what stands around it: to copy costs less than what `writev` costs
/// more than `send`.
const SHORT: usize = 4096;
/// How much is put together before it is written.
const GATHER: usize = 32 * 1024;
