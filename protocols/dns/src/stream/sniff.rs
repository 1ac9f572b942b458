//! Which protocol a TLS client speaks that did not say so by ALPN.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Instant;

use sekisho_api::{BoxStream, Core, Rewound};
use tokio::io::ReadBuf;

use super::alarm::within;

/// What a connection turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// DNS messages behind their lengths.
    Dns,
    /// HTTP, of either version.
    Http,
}

/// Waits for the first bytes and gives the stream back as it was; `None` if they do not come before `deadline`, before
/// the gateway drains, or never.
pub(crate) async fn sniff(
    mut stream: BoxStream,
    core: &dyn Core,
    deadline: Instant,
) -> Option<(Spoken, BoxStream)> {
    let mut bytes = [0; 4];
    let mut filled = 0;
    let mut drained = core.drained();
    let told = poll_fn(|cx| {
        if drained.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        loop {
            let mut buffer = ReadBuf::new(bytes.get_mut(filled..).unwrap_or_default());
            if ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)).is_err()
                || buffer.filled().is_empty()
            {
                return Poll::Ready(None);
            }
            filled += buffer.filled().len();
            if let Some(spoken) = spoken(bytes.get(..filled).unwrap_or_default()) {
                return Poll::Ready(Some(spoken));
            }
        }
    });
    let spoken = within(core, deadline, told).await??;
    Some((spoken, Rewound::wrap(bytes.get(..filled).unwrap_or_default(), stream)))
}

/// Tells by the first bytes; `None`: a longer beginning can change the answer.
///
/// The names of HTTP's methods read as lengths of 16 KiB and more, which no query has.
fn spoken(first: &[u8]) -> Option<Spoken> {
    let mut open = false;
    for word in WORDS {
        match first.get(..word.len()) {
            Some(beginning) if beginning == word => return Some(Spoken::Http),
            Some(_) => {}
            None => open |= word.starts_with(first),
        }
    }
    (!open).then_some(Spoken::Dns)
}

/// What HTTP begins with: the preface of RFC 9113, section 3.4, and the methods of RFC 9110, section 9. Those that
/// DNS over HTTPS has no use for are told so by HTTP.
const WORDS: [&[u8; 4]; 8] = [b"PRI ", b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"PATC"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_is_undecided_or_decided_for_good() {
        let streams: [(&[u8], Spoken); 6] = [
            (b"GET /dns-query HTTP/1.1\r\n", Spoken::Http),
            (b"POST /dns-query HTTP/1.1\r\n", Spoken::Http),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Spoken::Http),
            (b"\x00\x1d\x12\x34\x01\x00", Spoken::Dns),
            // A message of 18,245 bytes, and one whose length alone looks like a method's beginning.
            (b"GE\x12\x34\x01\x00", Spoken::Dns),
            (b"GET\x34\x01\x00", Spoken::Dns),
        ];
        for (stream, expected) in streams {
            let mut decided = None;
            for end in 0..=stream.len() {
                let now = spoken(&stream[..end]);
                assert!(decided.is_none() || decided == now, "{stream:?} at {end}");
                decided = now;
            }
            assert_eq!(decided, Some(expected), "{stream:?}");
            assert_eq!(spoken(&stream[..0]), None);
        }
    }
}
