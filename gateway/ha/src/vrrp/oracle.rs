//! What must hold of all bytes: shared by tests and the fuzz target.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::io::netlink;
use super::packet::{Checksum, Datagram, GROUP_V4, GROUP_V6, Outgoing};

/// Reads `data` as everything that comes from the network or the kernel. What is heard survives being written again.
///
/// # Panics
/// If a law does not hold.
pub fn packets(data: &[u8]) {
    if let Ok(datagram) = Datagram::ipv4(data) {
        heard(&datagram);
    }
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    heard(&Datagram { source, destination: GROUP_V4.into(), hop_limit: 255, payload: data });
    let source = IpAddr::V6(Ipv6Addr::LOCALHOST);
    heard(&Datagram { source, destination: GROUP_V6.into(), hop_limit: 255, payload: data });
    for message in netlink::messages(data) {
        let _ = netlink::link(&message);
        let _ = netlink::address(&message);
        let _ = netlink::answer(&message);
    }
}

fn heard(datagram: &Datagram<'_>) {
    let Ok(advert) = datagram.advert() else { return };
    let addresses: Vec<IpAddr> = advert.addresses().collect();
    assert!(!addresses.is_empty(), "an advert names an address");
    let again = Outgoing {
        router: advert.router,
        priority: advert.priority,
        interval: advert.interval,
        addresses: &addresses,
        checksum: Checksum::PseudoHeader,
    };
    let payload = again.encode(datagram.source, datagram.destination);
    let read = Datagram { payload: &payload, ..*datagram };
    let read = read.advert();
    let read = read.map(|read| (read.router, read.priority, read.interval, read.addresses().collect()));
    let expected: (_, _, _, Vec<IpAddr>) = (advert.router, advert.priority, advert.interval, addresses);
    assert_eq!(read, Ok(expected), "what is heard survives being written again");
}
