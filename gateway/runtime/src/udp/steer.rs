//! Telling the kernel which of an address's sockets a datagram is for.

use std::io;
use std::os::fd::AsRawFd;

/// Has the sockets that share an address (SO_REUSEPORT) be given its datagrams as `active` says: all to the first, or
/// each to one of the first so many at random; none: by the hash of both ends, as without this. One call holds for all
/// of them.
///
/// # Errors
/// What the kernel says; everything stays as it was then.
pub(crate) fn steer(socket: &impl AsRawFd, active: Option<usize>) -> io::Result<()> {
    let Some(active) = active else {
        let nothing: libc::c_int = 0;
        return set(socket, libc::SO_DETACH_REUSEPORT_BPF, &nothing);
    };
    let mut program = program(u32::try_from(active).unwrap_or(1).max(1));
    let length = u16::try_from(program.len()).unwrap_or(0);
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    set(socket, libc::SO_ATTACH_REUSEPORT_CBPF, &program)
}

/// A classic BPF program whose result is the socket's number, in the order of binding (socket(7),
/// `SO_ATTACH_REUSEPORT_CBPF`). At random, and not by hash: few clients would be spread unevenly.
fn program(active: u32) -> Vec<libc::sock_filter> {
    let instruction = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    if active == 1 {
        return vec![instruction(libc::BPF_RET | libc::BPF_K, 0)];
    }
    let random = (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM).cast_unsigned();
    vec![
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, random),
        instruction(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, active),
        instruction(libc::BPF_RET | BPF_A, 0),
    ]
}

/// The accumulator (linux/filter.h).
const BPF_A: u32 = 0x10;

fn set<T>(socket: &impl AsRawFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: `value` is a live value of `length` bytes, and the kernel copies what it points to (`filter` of a
    // `sock_fprog` points to `len` instructions that live until this returns).
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    /// Three sockets of one address, and how many of 60 datagrams from 60 clients each of them gets.
    fn shares(active: Option<usize>) -> Vec<usize> {
        let known = crate::listen::Known::default();
        let sockets = crate::listen::udp("127.0.0.1:0".parse().unwrap(), 3, known).unwrap();
        if let Some(active) = active {
            steer(sockets.sockets.first().unwrap(), Some(active)).unwrap();
        } else {
            steer(sockets.sockets.first().unwrap(), Some(1)).unwrap();
            steer(sockets.sockets.first().unwrap(), None).unwrap();
        }
        for _ in 0..60 {
            let client = UdpSocket::bind("127.0.0.1:0").unwrap();
            client.send_to(b"?", sockets.address).unwrap();
        }
        let count = |socket: &UdpSocket| {
            socket.set_nonblocking(false).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            std::iter::from_fn(|| socket.recv(&mut [0; 8]).ok()).count()
        };
        sockets.sockets.iter().map(count).collect()
    }

    #[test]
    fn datagrams_go_to_the_first_socket_to_the_first_two_or_by_the_kernels_hash() {
        assert_eq!(shares(Some(1)), [60, 0, 0]);
        let two = shares(Some(2));
        assert!(two.iter().sum::<usize>() == 60 && two.iter().take(2).all(|&n| n > 5), "{two:?}");
        assert_eq!(two.last(), Some(&0));
        let all = shares(None);
        assert!(all.iter().all(|&n| n > 0), "{all:?}");
    }
}
