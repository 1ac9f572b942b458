//! What clients ask for, and what of it servers see.

use ironrdp_core::decode;
use ironrdp_pdu::gcc::{ClientEarlyCapabilityFlags, RedirectionFlags};
use ironrdp_pdu::mcs::ConnectInitial as Theirs;
use ironrdp_pdu::x224::{X224, X224Data};

use super::super::*;
use super::{ASKED, bytes};

fn theirs(tpkt: &[u8]) -> Theirs {
    let X224(data) = decode::<X224<X224Data<'_>>>(tpkt).unwrap();
    decode(&data.data).unwrap()
}

#[test]
fn channels_are_counted_as_the_other_reader_counts_them() {
    for (client, text) in ASKED {
        let tpkt = bytes(text);
        let ours = ConnectInitial::read(&tpkt).unwrap();
        assert_eq!(Some(ours.channels()), theirs(&tpkt).channel_names().map(|names| names.len()), "{client}");
    }
}

#[test]
fn server_is_asked_for_the_same_without_message_channel_udp_and_what_needs_them() {
    for (client, text) in ASKED {
        let tpkt = bytes(text);
        let sent = ConnectInitial::read(&tpkt).unwrap().for_server();
        let mut expected = theirs(&tpkt);
        let mut blocks = expected.conference_create_request.gcc_blocks().clone();
        blocks.message_channel = None;
        blocks.multi_transport_channel = None;
        if let Some(flags) = &mut blocks.core.optional_data.early_capability_flags {
            flags.remove(
                ClientEarlyCapabilityFlags::SUPPORT_NET_CHAR_AUTODETECT
                    | ClientEarlyCapabilityFlags::SUPPORT_HEART_BEAT_PDU
                    | ClientEarlyCapabilityFlags::SUPPORT_SKIP_CHANNELJOIN,
            );
        }
        expected.conference_create_request = ironrdp_pdu::gcc::ConferenceCreateRequest::new(blocks).unwrap();
        assert_eq!(theirs(&sent), expected, "{client}");
    }
}

#[test]
fn client_without_either_is_replayed_byte_for_byte() {
    let tpkt = bytes(ASKED[1].1);
    assert_eq!(ConnectInitial::read(&tpkt).unwrap().for_server(), tpkt);
}

#[test]
fn client_that_does_not_survive_a_redirection_is_known_although_it_says_otherwise() {
    for ((client, text), follows) in ASKED.into_iter().zip([true, false]) {
        let tpkt = bytes(text);
        let cluster = theirs(&tpkt).conference_create_request.gcc_blocks().cluster.clone().unwrap();
        assert!(cluster.flags.contains(RedirectionFlags::REDIRECTION_SUPPORTED), "{client}");
        assert_eq!(ConnectInitial::read(&tpkt).unwrap().redirection(), follows, "{client}");
    }
}

/// A packet with these bytes in the place of those, of the same length.
fn bent(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut tpkt = bytes(ASKED[0].1);
    let at = tpkt.windows(from.len()).position(|window| window == from).unwrap();
    tpkt.splice(at..at + from.len(), to.iter().copied());
    tpkt
}

#[test]
fn redirection_counts_from_the_version_that_comes_without_encryption_of_its_own() {
    for (flags, follows) in [(0x0d, true), (0x15, true), (0x09, false), (0x0c, false), (0x00, false)] {
        let tpkt = bent(&[4, 0xc0, 12, 0, 0x0d], &[4, 0xc0, 12, 0, flags]);
        assert_eq!(ConnectInitial::read(&tpkt).unwrap().redirection(), follows, "{flags:#x}");
    }
}

#[test]
fn what_is_no_connect_initial_is_refused_by_its_reason() {
    let cases = [
        (bent(&[3, 0xc0, 56, 0, 4], &[3, 0xc0, 56, 0, 32]), Malformed::Channels),
        (bent(&[3, 0xc0, 56, 0, 4], &[3, 0xc0, 56, 0, 5]), Malformed::Length),
        (bent(&[3, 0xc0, 56, 0], &[3, 0xc0, 3, 0]), Malformed::Length),
        (bent(&[3, 0xc0, 56, 0], &[3, 0xc0, 255, 0]), Malformed::Length),
        (bent(&[4, 0xc0, 12, 0], &[1, 0xc0, 12, 0]), Malformed::Unexpected),
        (bent(&[1, 0xc0, 234, 0], &[9, 0xc0, 234, 0]), Malformed::Unexpected),
        (bent(b"Duca", b"McDn"), Malformed::Unexpected),
        (bent(&[0x7f, 0x65], &[0x7f, 0x66]), Malformed::Unexpected),
        (bent(&[0x7f, 0x65, 0x82], &[0x7f, 0x65, 0x84]), Malformed::Length),
        (bent(&[3, 0], &[3, 1]), Malformed::Unexpected),
        ([&bytes(ASKED[0].1)[..], b"x"].concat(), Malformed::Framing),
    ];
    for (tpkt, error) in cases {
        assert_eq!(ConnectInitial::read(&tpkt).unwrap_err(), error, "{tpkt:02x?}");
    }
}
