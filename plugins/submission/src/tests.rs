use std::sync::Arc;

use sekisho_api::{Converse, Facts};
use sekisho_testkit::fixtures;

use crate::Submission;

fn vip(start_tls: bool, keys: &[(&str, &[&str])]) -> Arc<dyn Converse> {
    sekisho_testkit::configured(&Submission, start_tls, keys)
}

fn facts() -> Facts {
    Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 587).into())
}

/// The laws over fixtures.
fn laws(converse: Arc<dyn Converse>, fixtures: &[(&str, &str)]) {
    sekisho_testkit::conversation(move || converse.open(&facts())).fixtures(fixtures).laws();
}

#[test]
fn user_reaches_the_server_however_it_logs_in() {
    let mechanisms: &[_] = &[("mechanisms", &["plain", "login", "xoauth2"][..])];
    laws(vip(false, mechanisms), fixtures!["login", "asked", "tokens"]);
}

#[test]
fn every_login_is_routed_anew_and_refusals_are_the_servers_own() {
    laws(vip(false, &[]), fixtures!["refused"]);
}

#[test]
fn server_that_is_told_the_clients_address_is_greeted_again() {
    laws(vip(false, &[]), fixtures!["xclient"]);
}

#[test]
fn server_is_replaced_until_it_is_told_the_password_and_never_after() {
    laws(vip(false, &[]), fixtures!["failover"]);
}

#[test]
fn nobody_logs_in_in_clear_where_tls_is_required_and_nothing_said_in_clear_counts_after_it() {
    let keys: &[(&str, &[&str])] =
        &[("banner", &["mail.example.org ESMTP"]), ("capabilities", &["SIZE 1000", "8BITMIME"])];
    laws(vip(true, keys), fixtures!["starttls"]);
}

#[test]
fn no_mail_is_taken_before_login_and_what_cannot_be_obeyed_is_bounded() {
    laws(vip(false, &[]), fixtures!["mail", "mistakes", "draining"]);
}

#[test]
fn any_script_is_survived() {
    let words: [&[u8]; 9] = [
        b"EHLO me\r\n",
        b"AUTH PLAIN AGFubmEAcHc=\r\n",
        b"AUTH LOGIN YQ==\r\nYg==\r\n",
        b"STARTTLS\r\n",
        b"220 ready\r\n",
        b"250-one\r\n250 AUTH PLAIN\r\n",
        b"235 in\r\n",
        b"535 no\r\n",
        b"334 \r\n",
    ];
    for start_tls in [false, true] {
        let converse = vip(start_tls, &[]);
        sekisho_testkit::seeded(2000, &words, |data| {
            sekisho_testkit::oracle(|| converse.open(&facts()), data);
        });
    }
}

#[test]
fn server_that_greets_and_answers_ehlo_is_well() {
    let probe = sekisho_testkit::configured_probe(&Submission);
    sekisho_testkit::probe(move || probe.open("one", ([192, 0, 2, 11], 587).into(), 0))
        .up("220 ready\r\n250-one\r\n250 AUTH PLAIN\r\n221 bye\r\n")
        .up("220-one\r\n220 ready\r\n250 one\r\n")
        .down("220 ready\r\n250-one\r\n")
        .down("220 ready\r\n502 what?\r\n")
        .down("554 go away\r\n")
        .down("421 too many\r\n")
        .laws();
}
