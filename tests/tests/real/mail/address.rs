//! Servers that know where clients come from: without that, one bad client slows everybody.

use std::io::ErrorKind;

use sekisho_tests::until;

use super::dovecot::Service;
use super::farm::{Farm, Plan};
use super::talk::Talk;

#[test]
fn wrong_passwords_from_one_address_delay_nobody_elsewhere() {
    let farm = Farm::start(70);
    let mut bad = Talk::secured(&farm, "127.0.8.150");
    let refused = bad.ask(b"a LOGIN anna wrong");
    assert_eq!(refused, "a NO [AUTHENTICATIONFAILED] Authentication failed.");
    // Now it has to wait for its answers, for the gateway and for Dovecot.
    bad.say(b"b LOGIN anna wrong\r\n");
    for n in 0..5 {
        let mut good = Talk::secured(&farm, &format!("127.0.8.{}", 151 + n));
        assert!(good.ask(b"a LOGIN anna secret").starts_with("a OK "));
        assert!(good.ask(b"b LOGOUT").starts_with("b OK "));
    }
    assert_eq!(bad.heard_nothing(), Some(ErrorKind::WouldBlock), "others came first");
    assert_eq!(bad.line(), "b NO [AUTHENTICATIONFAILED] Authentication failed.");
    farm.home("anna");
}

#[test]
fn dovecot_knows_the_address_and_that_there_is_tls_by_a_proxy_header_too() {
    let pool = "proxy-protocol = 'v2'\nimap = { client-address = 'off' }";
    let farm = Farm::planned(80, &Plan { pool, service: Service::Proxied, ..Plan::default() });
    for (from, url) in [("127.0.8.150", "imap://"), ("127.0.8.151", "imaps://")] {
        let listed = farm.curl(from, url, "anna:secret", &[]);
        assert_eq!(listed, Ok("* LIST (\\HasNoChildren) \".\" INBOX\r\n".to_owned()), "{url}");
        let dovecot = &farm.dovecots[farm.home("anna")];
        until(&format!("{from} in the log"), || {
            dovecot.logins().iter().any(|login| login.from == from && login.secured).then_some(())
        });
    }
}
