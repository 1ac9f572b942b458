//! What the client is told before its answer: leave to send the body, and what the server says meanwhile.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Response};
use sekisho_api::BoxStream;

use super::form::write_informational;
use crate::codec::reason::Reason;
use crate::hop;

/// Words that are still to be written, each of them whole before the next.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// What is left of the invitation to send the body.
    invitation: &'static [u8],
    told: Told,
}

/// Interim answers on their way to the client.
#[derive(Debug, Default)]
enum Told {
    #[default]
    Nothing,
    /// As bytes, and how many of these are written.
    Written(Box<(Vec<u8>, usize)>),
    /// As messages, for a client of another version.
    #[expect(clippy::box_collection, reason = "idle connections have this: one word of it, not three")]
    Kept(Option<Box<Vec<Response<()>>>>),
}

impl Words {
    /// The client waits for leave to send a body.
    pub(super) fn expect(&mut self, expects: bool) {
        self.invitation = if expects { CONTINUE } else { b"" };
    }

    /// Whether the client waits for leave.
    pub(super) fn invites(&self) -> bool {
        !self.invitation.is_empty()
    }

    /// Gives the client leave.
    pub(super) fn poll_invite(
        &mut self,
        stream: &mut BoxStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_tell(stream, cx))?;
        self.poll_rest(stream, cx)
    }

    /// The server has an interim answer for the client. Gives the number of its bytes.
    pub(super) fn tell(&mut self, message: Response<()>) -> usize {
        let (mut head, ()) = message.into_parts();
        hop::strip_response(&mut head.headers);
        if let Told::Nothing = self.told {
            self.told = Told::Written(Box::default());
        }
        match &mut self.told {
            Told::Nothing => 0,
            Told::Written(told) => {
                let (told, _) = &mut **told;
                let before = told.len();
                let reason = head.extensions.get::<Reason>().map(Reason::as_bytes);
                write_informational(told, &head, reason, b"");
                told.len() - before
            }
            Told::Kept(kept) => {
                head.headers.remove(CONTENT_LENGTH);
                let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
                let size = head.headers.iter().map(field).sum::<usize>() + head.headers.len() * PER_FIELD;
                kept.get_or_insert_default().push(Response::from_parts(head, ()));
                size + PER_FIELD
            }
        }
    }

    /// Interim answers are taken out as they are, by [`Self::kept`].
    pub(super) fn keep(&mut self) {
        self.told = Told::Kept(None);
    }

    /// The interim answers that came since this was asked for last.
    pub(super) fn kept(&mut self) -> Vec<Response<()>> {
        if let Told::Kept(kept) = &mut self.told {
            kept.take().map(|kept| *kept).unwrap_or_default()
        } else {
            Vec::new()
        }
    }

    /// Tells the client the interim answers, after an invitation that was begun.
    pub(super) fn poll_tell(&mut self, stream: &mut BoxStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.begun() && matches!(self.told, Told::Written(_)) {
            ready!(self.poll_rest(stream, cx))?;
        }
        while let Told::Written(told) = &mut self.told {
            let (told, at) = &mut **told;
            let rest = told.get(*at..).unwrap_or_default();
            if rest.is_empty() {
                self.told = Told::Nothing;
                return flush(stream, cx);
            }
            *at += ready!(write(stream, cx, rest))?;
        }
        Poll::Ready(Ok(()))
    }

    /// The answer itself begins: who has no leave yet gets none. Gives what has to be said before.
    pub(super) fn withdraw(&mut self, sheet: &mut Vec<u8>) {
        if self.begun() {
            sheet.extend_from_slice(self.invitation);
        }
        self.invitation = b"";
        if let Told::Written(told) = std::mem::take(&mut self.told) {
            sheet.extend_from_slice(told.0.get(told.1..).unwrap_or_default());
        }
    }

    /// Whether the client has a part of the invitation.
    fn begun(&self) -> bool {
        self.invitation.len() < CONTINUE.len()
    }

    /// Writes what is left of the invitation.
    fn poll_rest(&mut self, stream: &mut BoxStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.invites() {
            let n = ready!(write(stream, cx, self.invitation))?;
            self.invitation = self.invitation.get(n..).unwrap_or_default();
            if !self.invites() {
                return flush(stream, cx);
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn write(stream: &mut BoxStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(&mut **stream).poll_write(cx, bytes))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        n => Poll::Ready(Ok(n)),
    }
}

/// What cannot be flushed at once is with the answer.
fn flush(stream: &mut BoxStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let _ = Pin::new(&mut **stream).poll_flush(cx)?;
    Poll::Ready(Ok(()))
}

/// What a field costs beside its name and value, as RFC 9113, section 6.5.2, reckons.
const PER_FIELD: usize = 32;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::codec::testing::Scripted;

    fn hints() -> Response<()> {
        let mut hints = Response::new(());
        *hints.status_mut() = http::StatusCode::EARLY_HINTS;
        hints
    }

    /// What a client hears that takes `room` bytes before everything is withdrawn.
    fn heard(room: usize, say: impl FnOnce(&mut Words, &mut BoxStream, &mut Context<'_>)) -> String {
        let (mut stream, end) = Scripted::pair();
        end.borrow_mut().room = room;
        let (mut words, mut rest) = (Words::default(), Vec::new());
        words.expect(true);
        say(&mut words, &mut stream, &mut Context::from_waker(Waker::noop()));
        words.withdraw(&mut rest);
        let mut heard = std::mem::take(&mut end.borrow_mut().taken);
        heard.append(&mut rest);
        String::from_utf8(heard).unwrap()
    }

    #[test]
    fn nothing_stands_within_an_invitation_that_was_begun() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n";
        for room in 1..60 {
            let heard = heard(room, |words, stream, cx| {
                let _ = words.poll_invite(stream, cx);
                words.tell(hints());
                let _ = words.poll_tell(stream, cx);
            });
            assert_eq!(heard, text, "{room} bytes taken");
        }
    }

    #[test]
    fn invitation_does_not_stand_within_an_interim_answer() {
        let text = "HTTP/1.1 103 Early Hints\r\n\r\n";
        for room in 0..60 {
            let heard = heard(room, |words, stream, cx| {
                words.tell(hints());
                let _ = words.poll_tell(stream, cx);
                let _ = words.poll_invite(stream, cx);
            });
            let invited = format!("{text}HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(heard, if room > text.len() { &*invited } else { text }, "{room} bytes taken");
        }
    }
}
