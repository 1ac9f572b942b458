//! Identifiers of one side for those of the other.

use super::super::*;
use super::{GRANTED, bytes};

fn server(io: u16, channels: &[u16]) -> ServerIds {
    ServerIds { io, channels: channels.into() }
}

/// Data of `user` on `channel`, of this kind: 0x64 from a client, 0x68 from a server.
fn packet_of(kind: u8, user: u16, channel: u16) -> Vec<u8> {
    let [[a, b], [c, d]] = [user - 1001, channel].map(u16::to_be_bytes);
    vec![3, 0, 0, 16, 2, 0xf0, 0x80, kind, a, b, c, d, 0x70, 1, 0xab, 0xcd]
}

#[test]
fn identifiers_of_real_servers_are_those_that_the_gateway_hands_out() {
    for (name, text) in GRANTED {
        let theirs = read_connect_response(&bytes(text)).unwrap();
        let ours = ServerIds::ours(4);
        assert_eq!(theirs, ours, "{name}");
        // The user's differs with a message channel, which the gateway does not ask for.
        assert!(Ids::new(&ours, ours.our_user(), &theirs, 1008).unwrap().identity(), "{name}");
        assert!(!Ids::new(&ours, ours.our_user(), &theirs, 1009).unwrap().identity(), "{name}");
    }
}

#[test]
fn data_finds_the_other_sides_channel_and_user_both_ways() {
    let client = ServerIds::ours(2);
    let ids = Ids::new(&client, 1006, &server(1500, &[1004, 1003]), 1700).unwrap();
    for (channel, other) in [(1003, 1500), (1004, 1004), (1005, 1003), (1006, 1700)] {
        let mut packet = packet_of(0x64, 1006, channel);
        assert!(ids.to_server(&mut packet));
        assert_eq!(packet, packet_of(0x64, 1700, other), "{channel}");
        let mut packet = packet_of(0x68, 1700, other);
        assert!(ids.to_client(&mut packet));
        assert_eq!(packet, packet_of(0x68, 1006, channel), "{other}");
    }
}

#[test]
fn server_that_speaks_for_itself_stays_who_it_is() {
    let ids = Ids::new(&ServerIds::ours(0), 1004, &server(1500, &[]), 1700).unwrap();
    let mut packet = packet_of(0x68, 1002, 1500);
    assert!(ids.to_client(&mut packet));
    assert_eq!(packet, packet_of(0x68, 1002, 1003));
}

#[test]
fn data_for_a_channel_that_the_other_side_does_not_have_is_not_sent() {
    let ids = Ids::new(&ServerIds::ours(2), 1006, &server(1500, &[0, 1003]), 1700).unwrap();
    for channel in [1004, 1500, 0, 9] {
        assert!(!ids.to_server(&mut packet_of(0x64, 1006, channel)), "{channel}");
    }
    for channel in [1004, 1501, 0] {
        assert!(!ids.to_client(&mut packet_of(0x68, 1700, channel)), "{channel}");
    }
}

#[test]
fn what_carries_no_identifiers_passes_as_it_is() {
    let ids = Ids::new(&ServerIds::ours(2), 1006, &server(1500, &[1501, 1502]), 1700).unwrap();
    let fast_path = [0x04, 0x0c, 0, 0, 2, 0xf0, 0x80, 0x64, 0, 5, 3, 0xeb];
    for packet in [&disconnect_ultimatum()[..], &packet_of(0x68, 1006, 1003), &fast_path, b""] {
        let mut sent = packet.to_vec();
        assert!(ids.to_server(&mut sent));
        assert_eq!(sent, packet);
    }
}

#[test]
fn one_identifier_for_two_things_and_channels_that_nobody_asked_for_are_refused() {
    let ours = ServerIds::ours(2);
    for (server, user) in [
        (server(1003, &[1004]), 1005),
        (server(1003, &[1004, 1005, 1006]), 1007),
        (server(1003, &[1004, 1005]), 1003),
        (server(1003, &[1004, 1005]), 1005),
    ] {
        assert_eq!(
            Ids::new(&ours, 1006, &server, user).err(),
            Some(Malformed::Channels),
            "{server:?} {user}"
        );
    }
    let twice = |from: &[u8], to: &[u8]| {
        let mut tpkt = bytes(GRANTED[0].1);
        let at = tpkt.windows(from.len()).position(|window| window == from).unwrap();
        tpkt.splice(at..at + from.len(), to.iter().copied());
        read_connect_response(&tpkt)
    };
    assert_eq!(twice(&[0xec, 3, 0xed, 3], &[0xec, 3, 0xec, 3]), Err(Malformed::Channels));
    assert_eq!(twice(&[0xec, 3], &[0xeb, 3]), Err(Malformed::Channels));
    assert_eq!(twice(&[0xeb, 3, 4, 0], &[0xeb, 3, 32, 0]), Err(Malformed::Channels));
    assert_eq!(twice(&[2, 0x0c, 12, 0, 0], &[2, 0x0c, 12, 0, 1]), Err(Malformed::Encryption));
    assert_eq!(twice(&[0x0a, 1, 0], &[0x0a, 1, 3]), Err(Malformed::Refused));
    // A channel that the server does not have, twice.
    let none = twice(&[0xec, 3, 0xed, 3], &[0, 0, 0, 0]).unwrap();
    assert_eq!(none.channels.as_slice(), [0, 0, 1006, 1007]);
}
