//! Messages with descriptors, between two processes on one machine.
//!
//! A message is as many packets as it takes: one byte says whether another follows, the rest is its share of the text.
//! Descriptors ride along (unix(7), `SCM_RIGHTS`).

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use socket2::SockRef;

use super::Broken;

/// One end.
#[derive(Debug)]
pub(super) struct Channel(OwnedFd);

impl Channel {
    /// Both ends. Neither outlives an exec.
    pub(super) fn pair() -> Result<(Self, OwnedFd), Broken> {
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (own, other) = pair.map_err(std::io::Error::from)?;
        Ok((Self(own), other))
    }

    /// The end that another process has made.
    pub(super) fn new(end: OwnedFd) -> Self {
        Self(end)
    }

    /// Says something, with descriptors.
    pub(super) fn say(
        &self,
        words: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
        by: Instant,
    ) -> Result<(), Broken> {
        let text = serde_json::to_vec(words).map_err(|error| Broken::Strange(error.to_string()))?;
        self.send(&text, descriptors, by)
    }

    /// What the other end says.
    pub(super) fn hear<T: DeserializeOwned>(&self, by: Option<Instant>) -> Result<(T, Vec<OwnedFd>), Broken> {
        let (text, descriptors) = self.receive(by)?;
        let words = serde_json::from_slice(&text).map_err(|error| Broken::Strange(error.to_string()))?;
        Ok((words, descriptors))
    }

    /// Sends a message.
    pub(super) fn send(
        &self,
        message: &[u8],
        descriptors: &[BorrowedFd<'_>],
        by: Instant,
    ) -> Result<(), Broken> {
        let socket = SockRef::from(&self.0);
        let mut pieces = message.chunks(PIECE).peekable();
        let mut riders = descriptors.chunks(RIDERS).peekable();
        loop {
            let (piece, riding) = (pieces.next().unwrap_or_default(), riders.next().unwrap_or_default());
            let last = pieces.peek().is_none() && riders.peek().is_none();
            let mut space = [MaybeUninit::uninit(); SPACE];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !riding.is_empty() && !control.push(SendAncillaryMessage::ScmRights(riding)) {
                return Err(Broken::Strange("too many descriptors".to_owned()));
            }
            socket.set_write_timeout(Some(left(by)?))?;
            let more = [u8::from(!last)];
            let parts = [IoSlice::new(&more), IoSlice::new(piece)];
            let flags = SendFlags::NOSIGNAL;
            rustix::io::retry_on_intr(|| sendmsg(&self.0, &parts, &mut control, flags)).map_err(broken)?;
            if last {
                return Ok(());
            }
        }
    }

    /// Receives a message. None: waits for as long as it takes.
    pub(super) fn receive(&self, by: Option<Instant>) -> Result<(Vec<u8>, Vec<OwnedFd>), Broken> {
        let (mut message, mut descriptors) = (Vec::new(), Vec::new());
        let mut piece = vec![0; PIECE];
        loop {
            SockRef::from(&self.0).set_read_timeout(by.map(left).transpose()?)?;
            let mut more = [0];
            let mut space = [MaybeUninit::uninit(); SPACE];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let received = loop {
                let parts = &mut [IoSliceMut::new(&mut more), IoSliceMut::new(&mut piece)];
                match recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                    Err(Errno::INTR) => {}
                    other => break other.map_err(broken)?,
                }
            };
            for rider in control.drain() {
                if let RecvAncillaryMessage::ScmRights(riders) = rider {
                    descriptors.extend(riders);
                }
            }
            let Some(length) = received.bytes.checked_sub(1) else {
                return Err(Broken::Gone("its end of the socket is closed".to_owned()));
            };
            if received.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC) {
                return Err(Broken::Strange("a message was cut: too few descriptors are allowed".to_owned()));
            }
            message.extend_from_slice(piece.get(..length).unwrap_or_default());
            if message.len() > LONGEST || descriptors.len() > DESCRIPTORS {
                return Err(Broken::Strange("a message without end".to_owned()));
            }
            if more == [0] {
                return Ok((message, descriptors));
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What is left until then; a timeout of nothing would be none.
fn left(by: Instant) -> Result<Duration, Broken> {
    let left = by.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Broken::Silent) } else { Ok(left.max(Duration::from_millis(1))) }
}

fn broken(error: Errno) -> Broken {
    match error {
        Errno::AGAIN => Broken::Silent,
        Errno::PIPE | Errno::CONNRESET => Broken::Gone(error.to_string()),
        other => Broken::System(other.into()),
    }
}

/// Text of a packet: several fit into the least that the kernel keeps for a socket.
const PIECE: usize = 32 * 1024;
/// Descriptors of a packet: the kernel takes 253.
const RIDERS: usize = 128;
const SPACE: usize = rustix::cmsg_space!(ScmRights(RIDERS));
/// The longest message, a persistence table: as long as the longest journal that is read.
const LONGEST: usize = 1 << 30;
/// The most descriptors: addresses times workers.
const DESCRIPTORS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (Channel, Channel) {
        let (one, other) = Channel::pair().unwrap();
        (one, Channel::new(other))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn message_of_many_packets_arrives_whole_with_all_its_descriptors() {
        let (one, other) = pair();
        let text: Vec<u8> = (0..3 * PIECE + 7).map(|i| i as u8).collect();
        let (mut near, far) = UnixStream::pair().unwrap();
        let riders = vec![far.as_fd(); 2 * RIDERS + 3];
        let sent = text.clone();
        std::thread::scope(|scope| {
            scope.spawn(|| one.send(&sent, &riders, soon()).unwrap());
            let (received, mut descriptors) = other.receive(Some(soon())).unwrap();
            assert!(received == text);
            assert_eq!(descriptors.len(), 2 * RIDERS + 3);
            near.write_all(b"here").unwrap();
            let mut there = UnixStream::from(descriptors.pop().unwrap());
            let mut said = [0; 4];
            there.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"here");
        });
        one.say(&"last", &[], soon()).unwrap();
        assert_eq!(other.hear::<String>(Some(soon())).unwrap().0, "last");
    }

    #[test]
    fn end_silence_and_nonsense_are_told_apart() {
        let (one, other) = pair();
        let already = Instant::now() + Duration::from_millis(20);
        assert!(matches!(other.receive(Some(already)), Err(Broken::Silent)));
        one.send(b"{", &[], soon()).unwrap();
        assert!(matches!(other.hear::<u32>(Some(soon())), Err(Broken::Strange(_))));
        drop(one);
        assert!(matches!(other.receive(None), Err(Broken::Gone(_))));
        assert!(matches!(other.send(b"x", &[], soon()), Err(Broken::Gone(_))));
    }
}
