//! One oracle for the fuzzer and for ordinary tests.

use super::mcs::{SEND_DATA_INDICATION, SEND_DATA_REQUEST};
use super::writer;
use super::{
    Answer, ConnectInitial, Ids, Mcs, ServerIds, client_info, connection_confirm, mcs, negotiation_failure,
    packet, read_connect_response, read_connection_confirm,
};

/// Takes `data` for a first packet and for every packet of the sequence inside TLS, as it is and in a right frame, and
/// checks what holds for all bytes.
///
/// # Panics
/// If something does not hold; that is the finding.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    first(data);
    framed(data);
    for tpkt in [data, &writer::data(&[data.get(..DATA_MAX).unwrap_or(data)])] {
        asked(tpkt);
        granted(tpkt);
        said(tpkt);
        confirmed(tpkt);
        translated(tpkt);
    }
    let _ = client_info(data);
}

/// Longer than any packet of the sequence.
const DATA_MAX: usize = 32 * 1024;

fn first(data: &[u8]) {
    if let Ok(Some(first)) = crate::first_packet(data) {
        assert!(first.bytes.len() <= 1283, "a first packet of {} bytes", first.bytes.len());
        assert_eq!(
            crate::first_packet(first.bytes),
            Ok(Some(first)),
            "what follows a first packet changes it"
        );
    }
}

/// The end of a packet, once told, is told by whatever begins with it.
fn framed(data: &[u8]) {
    let whole = packet(data);
    for length in 0..data.len().min(8) {
        let part = packet(data.get(..length).unwrap_or(data));
        assert!(part == Ok(None) || part == whole, "{part:?} becomes {whole:?}");
    }
    if let Ok(Some(packet)) = whole {
        assert!((2..=65_535).contains(&packet.length()));
    }
}

/// A Connect-Initial stays one on its way to a server.
fn asked(tpkt: &[u8]) {
    let Ok(initial) = ConnectInitial::read(tpkt) else { return };
    assert!(initial.channels() <= 31);
    let bytes = initial.for_server();
    assert!(bytes.len() <= tpkt.len() + 8, "{} bytes have become {}", tpkt.len(), bytes.len());
    assert!(packet(&bytes).is_ok_and(|packet| packet.is_some_and(|packet| packet.length() == bytes.len())));
    let again = ConnectInitial::read(&bytes);
    let again = again.unwrap_or_else(|error| panic!("what a server is sent is unreadable: {error}"));
    assert_eq!(
        (again.channels(), again.redirection()),
        (initial.channels(), initial.redirection()),
        "a server is asked for something else"
    );
    assert_eq!(again.for_server(), bytes, "what a server is sent changes when it is made anew");
}

fn granted(tpkt: &[u8]) {
    let Ok(ids) = read_connect_response(tpkt) else { return };
    let named: Vec<u16> = [ids.io].iter().chain(&ids.channels).copied().filter(|&id| id != 0).collect();
    let mut once = named.clone();
    once.sort_unstable();
    once.dedup();
    assert!(ids.io != 0 && named.len() == once.len(), "one identifier for two channels: {named:?}");
}

fn said(tpkt: &[u8]) {
    let Ok(Mcs::SendDataRequest { data, .. } | Mcs::SendDataIndication { data, .. }) = mcs(tpkt) else {
        return;
    };
    let data = tpkt.get(data..).unwrap_or_else(|| panic!("data at {data} of {}", tpkt.len()));
    if let Ok(Some(info)) = client_info(data) {
        assert!(
            !info.user.contains('\0') && !info.domain.contains('\0'),
            "a name that others read otherwise"
        );
        assert!(info.user.len() <= 1024 && info.domain.len() <= 1024);
    }
}

fn confirmed(tpkt: &[u8]) {
    let Ok(confirm) = read_connection_confirm(tpkt) else { return };
    let written = match confirm.answer {
        Answer::Selected(protocol) => connection_confirm(confirm.flags, protocol),
        Answer::Failure(code) => negotiation_failure(code),
        Answer::Nothing => return,
    };
    assert_eq!(read_connection_confirm(&written), Ok(confirm));
}

/// What is put for the other side's and back again is what it was.
fn translated(tpkt: &[u8]) {
    let (client, server) = (ServerIds::ours(2), ServerIds { io: 1500, channels: (&[1003, 1501][..]).into() });
    let Ok(ids) = Ids::new(&client, client.our_user(), &server, 1502) else { panic!("sound identifiers") };
    let mut there = tpkt.to_vec();
    if ids.to_server(&mut there) && there != tpkt {
        // An answer is told from a request by its kind alone.
        turned(&mut there, SEND_DATA_REQUEST ^ SEND_DATA_INDICATION);
        assert!(ids.to_client(&mut there), "a channel has become none");
        turned(&mut there, SEND_DATA_REQUEST ^ SEND_DATA_INDICATION);
        // A client that speaks as the server's user for itself comes back as itself.
        let as_itself =
            |packet: &[u8]| [packet.get(..8), packet.get(10..)].map(|part| part.map(<[u8]>::to_vec));
        assert_eq!(as_itself(&there), as_itself(tpkt), "there and back is elsewhere");
    }
    let mut back = tpkt.to_vec();
    let _ = ids.to_client(&mut back);
    assert_eq!(back.len(), tpkt.len());
}

/// Turns bits of the kind of an MCS message.
fn turned(tpkt: &mut [u8], bits: u8) {
    tpkt.get_mut(7).into_iter().for_each(|kind| *kind ^= bits << 2);
}
