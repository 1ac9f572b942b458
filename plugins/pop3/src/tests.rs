use std::sync::Arc;

use sekisho_api::settings::{Node, Problems, Section, Table, Value};
use sekisho_api::{
    Converse, Facts, Handler, IdentityRules, Input, Network, Networks, Protocol, Step, TlsFacts, VipContext,
};
use sekisho_testkit::fixtures;

use crate::Pop3;

fn vip(start_tls: bool, keys: &[(&str, &[&str])]) -> Arc<dyn Converse> {
    sekisho_testkit::configured(&Pop3, start_tls, keys)
}

fn facts() -> Facts {
    Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 110).into())
}

/// The laws over fixtures.
fn laws(converse: Arc<dyn Converse>, fixtures: &[(&str, &str)]) {
    sekisho_testkit::conversation(move || converse.open(&facts())).fixtures(fixtures).laws();
}

#[test]
fn user_reaches_the_server_however_it_logs_in() {
    let mechanisms: &[_] = &[("mechanisms", &["plain", "login", "xoauth2"][..])];
    laws(vip(false, mechanisms), fixtures!["login", "sasl", "tokens"]);
    laws(vip(false, &[("mechanisms", &["scram-sha-256"])]), fixtures!["scram"]);
}

#[test]
fn what_answers_no_challenge_of_the_server_never_reaches_it() {
    laws(vip(false, &[("mechanisms", &["scram-sha-256"])]), fixtures!["cancelled"]);
}

#[test]
fn clients_of_a_trusted_gateway_are_for_that_one_to_strike() {
    let identity = IdentityRules::default();
    let trusted = ["192.0.2.0/24".parse::<Network>().unwrap()].into_iter().collect();
    let vip = VipContext {
        name: "v",
        persist: &[],
        identity: &identity,
        tls: false,
        start_tls: false,
        pools: &["p".into()],
        pool_settings: &[],
        trusted: &trusted,
    };
    let handler = Pop3.configure(&mut Section::absent(0..0, &Problems::new()), &vip);
    let Some(Handler::Conversation(converse)) = handler else { panic!("{handler:?}") };
    laws(converse, fixtures!["gateway"]);
}

#[test]
fn certificate_logs_in_where_the_client_has_shown_one() {
    // Where clients may start TLS, since it is TLS that shows a certificate.
    let converse = sekisho_testkit::configured(&Pop3, true, &[("mechanisms", &["plain", "external"])]);
    let subject = |text: &str| TlsFacts { client_subject: Some(text.into()), ..TlsFacts::default() };
    let open = |tls| converse.open(&Facts { tls: Some(Arc::new(tls)), ..facts() });
    for tls in [TlsFacts::default(), subject("O=Example")] {
        let answer = open(tls).step(Input::Client(b"AUTH EXTERNAL =\r\n"));
        let Ok(Step::Reply(_, answer)) = answer else { panic!("{answer:?}") };
        assert_eq!(answer, "-ERR Unsupported authentication mechanism\r\n");
    }
    let certified = Arc::new(subject("CN=Anna,O=Example"));
    let known = converse.clone();
    sekisho_testkit::conversation(move || known.open(&Facts { tls: Some(certified.clone()), ..facts() }))
        .fixtures(fixtures!["external"])
        .laws();
}

#[test]
fn every_login_is_routed_anew_and_refusals_are_the_servers_own() {
    laws(vip(false, &[]), fixtures!["refused", "old", "long"]);
}

#[test]
fn server_is_replaced_until_it_is_told_the_password_and_never_after() {
    laws(vip(false, &[]), fixtures!["failover", "oversize"]);
}

#[test]
fn server_that_trusts_the_gateway_is_told_the_clients_address() {
    laws(vip(false, &[]), fixtures!["xclient"]);
}

#[test]
fn nobody_logs_in_in_clear_where_tls_is_required_and_nothing_said_in_clear_counts_after_it() {
    laws(vip(true, &[("banner", &["hi"])]), fixtures!["stls"]);
}

#[test]
fn what_cannot_be_obeyed_is_bounded() {
    laws(vip(false, &[]), fixtures!["mistakes", "draining", "quit", "barred"]);
}

#[test]
fn operator_who_logs_in_as_a_user_goes_to_the_users_server() {
    laws(vip(false, &[("master-separator", &["*"])]), fixtures!["master"]);
}

#[test]
fn any_script_is_survived() {
    let words: [&[u8]; 9] = [
        b"USER anna\r\nPASS pw\r\n",
        b"AUTH PLAIN AGFubmEAcHc=\r\n",
        b"AUTH LOGIN\r\n",
        b"STLS\r\n",
        b"CAPA\r\n",
        b"+OK\r\n",
        b"+OK\r\nSASL PLAIN\r\n.\r\n",
        b"-ERR\r\n",
        b"+ \r\n",
    ];
    for start_tls in [false, true] {
        let converse = vip(start_tls, &[]);
        sekisho_testkit::seeded(2000, &words, |data| {
            sekisho_testkit::oracle(|| converse.open(&facts()), data);
        });
    }
}

#[test]
fn server_that_greets_and_says_what_it_can_is_well() {
    let probe = sekisho_testkit::configured_probe(&Pop3);
    sekisho_testkit::probe(move || probe.open("one", ([192, 0, 2, 11], 110).into(), 0))
        .up("+OK ready\r\n+OK\r\nUSER\r\n.\r\n+OK bye\r\n")
        .up("+OK ready\r\n-ERR what?\r\n")
        .down("+OK ready\r\n")
        .down("-ERR too many\r\n")
        .down("* OK ready\r\n")
        .laws();
}

#[test]
fn every_mistake_in_the_table_is_a_problem() {
    let (identity, trusted) = (IdentityRules::default(), Networks::default());
    let vip = VipContext {
        name: "v",
        persist: &[],
        identity: &identity,
        tls: false,
        start_tls: false,
        pools: &["p".into()],
        pool_settings: &[],
        trusted: &trusted,
    };
    let text = |text: &str| Value::Text(text.to_owned());
    for (key, value, message) in [
        ("mechanisms", text("cram-md5"), "unknown mechanism `cram-md5`"),
        ("mechanisms", text("external"), "`external` has no certificate"),
        ("capabilities", text("SASL PLAIN"), "`SASL` is the gateway's own to say"),
        ("capabilities", text(" TOP"), "` TOP` cannot be offered"),
        ("capabilities", text("TOP\r\nSTLS"), "`TOP\r\nSTLS` cannot be offered"),
        ("banner", text("two\r\nlines"), "`banner` is not a line of text"),
        ("master-separator", text("**"), "`master-separator` is not one character"),
        ("require-tls", Value::Flag(true), "nobody can log in"),
        ("sieve-extensions", text("fileinto"), "unknown key `sieve-extensions`"),
    ] {
        let table = Table { entries: vec![(key.to_owned(), 0..1, Node { span: 1..2, value })] };
        let problems = Problems::new();
        let mut section = Section::new(&table, 0..9, &problems);
        assert!(Pop3.configure(&mut section, &vip).is_some());
        section.finish();
        let found: Vec<String> = problems.into_vec().into_iter().map(|problem| problem.message).collect();
        assert_eq!(found, [message]);
    }
}
