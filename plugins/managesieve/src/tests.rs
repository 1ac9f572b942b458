use std::sync::Arc;

use sekisho_api::{Converse, Facts};
use sekisho_testkit::fixtures;

use crate::ManageSieve;

fn vip(start_tls: bool, keys: &[(&str, &[&str])]) -> Arc<dyn Converse> {
    let extensions: &[(&str, &[&str])] = &[("sieve-extensions", &["fileinto", "vacation"])];
    sekisho_testkit::configured(&ManageSieve, start_tls, &[extensions, keys].concat())
}

fn facts() -> Facts {
    Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 4190).into())
}

/// The laws over fixtures.
fn laws(converse: Arc<dyn Converse>, fixtures: &[(&str, &str)]) {
    sekisho_testkit::conversation(move || converse.open(&facts())).fixtures(fixtures).laws();
}

#[test]
fn user_reaches_the_server_however_it_logs_in() {
    let mechanisms: &[_] = &[("mechanisms", &["plain", "login", "xoauth2"][..])];
    laws(vip(false, mechanisms), fixtures!["login", "literal", "asked", "tokens"]);
}

#[test]
fn what_answers_no_challenge_of_the_server_never_reaches_it() {
    laws(vip(false, &[("mechanisms", &["plain", "login", "xoauth2"])]), fixtures!["cancelled"]);
}

#[test]
fn every_login_is_routed_anew_and_refusals_are_the_servers_own() {
    laws(vip(false, &[]), fixtures!["refused", "xclient"]);
}

#[test]
fn server_is_replaced_until_it_is_told_the_password_and_never_after() {
    laws(vip(false, &[]), fixtures!["failover"]);
}

#[test]
fn nobody_logs_in_in_clear_where_tls_is_required_and_the_list_is_said_again_after_it() {
    laws(vip(true, &[("banner", &["hi"])]), fixtures!["starttls"]);
}

#[test]
fn what_cannot_be_obeyed_is_bounded_and_a_literal_is_never_read_as_commands() {
    laws(vip(false, &[]), fixtures!["mistakes", "smuggling", "draining"]);
}

#[test]
fn any_script_is_survived() {
    let words: [&[u8]; 9] = [
        b"AUTHENTICATE \"PLAIN\" \"AGFubmEAcHc=\"\r\n",
        b"AUTHENTICATE \"PLAIN\" {12+}\r\nAGFubmEAcHc=\r\n",
        b"AUTHENTICATE \"LOGIN\"\r\n\"YQ==\"\r\n",
        b"STARTTLS\r\n",
        b"NOOP \"x\"\r\n",
        b"\"SASL\" \"PLAIN LOGIN\"\r\nOK\r\n",
        b"OK\r\n",
        b"NO\r\n",
        b"\"\"\r\n",
    ];
    for start_tls in [false, true] {
        let converse = vip(start_tls, &[]);
        sekisho_testkit::seeded(2000, &words, |data| {
            sekisho_testkit::oracle(|| converse.open(&facts()), data);
        });
    }
}

#[test]
fn server_that_greets_with_what_it_can_is_well() {
    let probe = sekisho_testkit::configured_probe(&ManageSieve);
    sekisho_testkit::probe(move || probe.open("one", ([192, 0, 2, 11], 4190).into(), 0))
        .up("\"SASL\" \"PLAIN\"\r\nOK \"ready\"\r\nOK \"bye\"\r\n")
        .up("\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK\r\n")
        .down("\"SASL\" \"PLAIN\"\r\n")
        .down("BYE \"too many\"\r\n")
        .down("+OK ready\r\n")
        .laws();
}
