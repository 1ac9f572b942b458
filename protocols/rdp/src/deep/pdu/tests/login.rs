//! Who the user is.

use ironrdp_core::decode;
use ironrdp_pdu::rdp::ClientInfoPdu;

use super::super::*;
use super::{LOGINS, bytes};

fn data(text: &str) -> Vec<u8> {
    let tpkt = bytes(text);
    let Ok(Mcs::SendDataRequest { channel: 1003, data }) = mcs(&tpkt) else { panic!("no login") };
    tpkt[data..].to_vec()
}

#[test]
fn domain_and_user_are_read_as_they_were_typed_and_as_the_other_reader_reads_them() {
    for (domain, user, text) in LOGINS {
        let data = data(text);
        let info = client_info(&data).unwrap().unwrap();
        assert_eq!((info.domain.as_str(), info.user.as_str()), (domain, user));
        assert!(!info.smart_card);
        let theirs = decode::<ClientInfoPdu>(&data).unwrap().client_info.credentials;
        assert_eq!(theirs.username, user);
        assert_eq!(theirs.domain.unwrap_or_default(), domain);
    }
}

#[test]
fn neither_names_nor_password_are_printed() {
    for (_, _, text) in LOGINS {
        let shown = format!("{:?}", client_info(&data(text)).unwrap().unwrap());
        assert_eq!(shown, "ClientInfo { auto_logon: true, smart_card: false, .. }");
    }
}

/// Client Info with these names, in letters of two bytes or of one.
fn info(domain: &[u8], user: &[u8], unicode: bool) -> Vec<u8> {
    let (flags, end): (u32, &[u8]) = if unicode { (0x10, &[0, 0]) } else { (0, &[0]) };
    let length = |name: &[u8]| (name.len() as u16).to_le_bytes();
    let mut data = vec![0x40, 0, 0, 0, 0, 0, 0, 0];
    data.extend(flags.to_le_bytes());
    data.extend([length(domain), length(user), [0; 2], [0; 2], [0; 2]].concat());
    data.extend([domain, end, user, end, end, end, end].concat());
    data
}

fn wide(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn names_of_old_clients_are_read_in_letters_of_one_byte() {
    let info = client_info(&info(b"LAB", b"zo\xeb", false)).unwrap().unwrap();
    assert_eq!((info.domain.as_str(), info.user.as_str()), ("LAB", "zo\u{eb}"));
}

#[test]
fn terminators_that_are_counted_are_no_part_of_a_name() {
    let info = client_info(&info(&wide("LAB\0"), &wide("bob\0"), true)).unwrap().unwrap();
    assert_eq!((info.domain.as_str(), info.user.as_str()), ("LAB", "bob"));
}

#[test]
fn name_that_another_reader_would_read_otherwise_is_refused() {
    for user in [wide("bob\0x"), wide(&"x".repeat(257)), vec![0x00, 0xd8], vec![b'x']] {
        assert_eq!(client_info(&info(b"", &user, true)), Err(Malformed::Name), "{user:02x?}");
    }
}

#[test]
fn what_is_no_client_info_is_told_from_what_is_cut() {
    let whole = info(&wide("LAB"), &wide("bob"), true);
    let mut license = whole.clone();
    license[0] = 0x80;
    assert_eq!(client_info(&license), Ok(None));
    let mut encrypted = whole.clone();
    encrypted[0] = 0x48;
    assert_eq!(client_info(&encrypted), Err(Malformed::Encryption));
    assert_eq!(client_info(&whole[..whole.len() - 1]), Err(Malformed::Length));
}
