//! Addresses that can be left and taken again.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// An address of the loopback network that nobody else in this process has, and hardly anybody in another: over UDP and
/// TCP, free to be left and taken again.
pub fn loopback() -> SocketAddr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let ip = [127, 128 | process as u8, (process >> 7) as u8, count as u8];
        let address = SocketAddr::from((ip, 5300 + (count >> 8) as u16));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
