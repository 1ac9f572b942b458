use std::net::IpAddr;

use super::*;

const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn rules() -> Rules {
    Rules { domains: ["sales".into(), "accounting".into()].into(), weak: WeakKey::Both }
}

fn user(line: &str, client: IpAddr) -> Option<Key> {
    Line::read(line.as_bytes()).user(client, &rules(), &IdentityRules::default())
}

#[test]
fn token_is_an_address_with_its_bytes_in_the_other_order() {
    // The example of MS-RDPBCGR, section 3.2.5.3.1.
    let read = |line: &'static str| Line::read(line.as_bytes());
    let expected = Line::Token("172.31.249.216:3389".parse().unwrap());
    for line in [
        "Cookie: msts=3640205228.15629.0000",
        "cookie: MSTS=3640205228.15629.0000 ",
        "Cookie: msts=3640205228.15629",
        "Cookie: msts=3640205228.15629.",
    ] {
        assert_eq!(read(line), expected, "{line}");
    }
    for line in ["", "1", "1.", ".1", "4294967296.1.0", "1.65536.0", "+1.2.3", "-1.2", "a.b.c", "1 .2"] {
        assert_eq!(Line::read(format!("Cookie: msts={line}").as_bytes()), Line::Nothing, "{line}");
    }
}

#[test]
fn every_spelling_of_a_user_is_one_key_from_every_address() {
    let alice = user("Cookie: mstshash=alice", ONE);
    assert!(alice.is_some());
    for value in ["ALICE", "LABOR\\alice", "labor/Alice", "alice@corp.example", "alice ", "ali\u{e7}e"] {
        let found = user(&format!("COOKIE: mstshash={value}"), TWO);
        assert_eq!(found == alice, value != "ali\u{e7}e", "{value}");
        assert!(found.is_some(), "{value}");
    }
}

#[test]
fn cookie_that_strangers_may_share_is_kept_apart_by_address() {
    // Nine bytes with the domain first, its beginning, a domain alone, a domain without a user.
    for value in ["SALES\\som", "ACCOUNTIN", "accounting", "sales", "lab\\"] {
        let line = format!("Cookie: mstshash={value}");
        let (one, two) = (user(&line, ONE), user(&line, TWO));
        assert!(one.is_some() && one != two, "{value}");
        assert_eq!(one, user(&line.to_uppercase(), ONE), "{value}");
    }
    // Nine bytes that say who it is.
    for value in ["christoph", "alice@cor", "LAB\\alexander"] {
        let line = format!("Cookie: mstshash={value}");
        assert_eq!(user(&line, ONE), user(&line, TWO), "{value}");
    }
}

#[test]
fn weak_cookie_counts_as_the_configuration_says() {
    let key = |weak, client| Rules { weak, ..rules() }.user(b"SALES\\som", client, &IdentityRules::default());
    assert_eq!(key(WeakKey::Cookie, ONE), key(WeakKey::Cookie, TWO));
    assert_ne!(key(WeakKey::Cookie, ONE), IdentityRules::default().user(b"som"));
    assert_eq!(key(WeakKey::Address, ONE), None);
}

#[test]
fn line_of_an_issued_token_is_read_back_in_any_case_and_with_a_pad_space() {
    let line = token_line("AQEAAAAA");
    assert_eq!(Line::read(line.as_bytes()), Line::Sealed(b"AQEAAAAA"));
    assert_eq!(Line::read(b"cookie: SEKISHO=AQEAAAAA "), Line::Sealed(b"AQEAAAAA"));
    assert_eq!(user(&line, ONE), None);
}

#[test]
fn longest_token_leaves_room_for_all_else_in_a_first_packet() {
    // The headers, CR LF, a negotiation request and correlation information.
    let line = token_line(&"A".repeat(sekisho_api::Prefer::SEALED_MAX));
    assert!(11 + line.len() + 2 + 8 + 36 <= 259);
}

#[test]
fn hint_nothing_and_control_characters_are_no_user() {
    for line in ["tsv://MS Terminal Services Plugin.1.Farm", "mth://x", "free text", "", "Cookie: mstshash="]
    {
        assert_eq!(user(line, ONE), None, "{line}");
    }
    assert_eq!(user("Cookie: mstshash=al\u{1}ice", ONE), None);
    assert_eq!(Line::read(b" mth://farm "), Line::Hint(b"mth://farm"));
}
