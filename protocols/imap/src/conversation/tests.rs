use super::*;

use sekisho_api::IdentityRules;

const GREETING: &str = r#"> client "* OK [CAPABILITY IMAP4rev1 LITERAL- SASL-IR ID AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 AUTH=OAUTHBEARER] hi\r\n"
"#;

fn options() -> Options {
    Options {
        identity: IdentityRules::default(),
        mechanisms: Mechanism::ALL.to_vec(),
        require_tls: false,
        start_tls: false,
        banner: "hi".into(),
        capabilities: "".into(),
        master_separator: None,
        tell_address: true,
    }
}

fn open(options: &Arc<Options>) -> Box<dyn Conversation> {
    let facts = Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 143).into());
    Desk(options.clone()).open(&facts)
}

/// The laws over fixtures that begin with the greeting of these options.
fn laws(options: Options, greeting: &str, fixtures: &[(&str, &str)]) {
    let options = Arc::new(options);
    let mut tests = sekisho_testkit::conversation(move || open(&options));
    for (name, text) in fixtures {
        tests = tests.fixture(name, &[greeting, text].concat());
    }
    tests.laws();
}

/// Fixtures by the names of their files.
macro_rules! fixtures {
    ($($name:literal),+) => { &[$(($name, include_str!(concat!("../../tests/", $name, ".txt")))),+] };
}

#[test]
fn login_in_every_form_reaches_the_users_server_in_its_own_terms() {
    laws(options(), GREETING, fixtures!["login", "literals", "plain", "asked", "tokens"]);
}

#[test]
fn every_login_is_routed_anew_and_says_once_who_the_client_is() {
    laws(options(), GREETING, fixtures!["another", "identify"]);
}

#[test]
fn server_is_replaced_until_it_is_told_the_password_and_never_after() {
    laws(options(), GREETING, fixtures!["failover", "disabled", "slow"]);
}

#[test]
fn what_cannot_be_obeyed_is_bounded_and_never_read_as_something_else() {
    laws(options(), GREETING, fixtures!["smuggling", "mistakes", "refusals"]);
}

#[test]
fn drain_ends_a_connection_where_nothing_is_under_way() {
    laws(options(), GREETING, fixtures!["draining", "leaving"]);
}

#[test]
fn nobody_logs_in_in_clear_where_tls_is_required_and_nothing_said_in_clear_counts_after_it() {
    let options =
        Options { require_tls: true, start_tls: true, mechanisms: vec![Mechanism::Plain], ..options() };
    laws(options, "", fixtures!["starttls"]);
}

#[test]
fn server_that_is_to_start_tls_hears_no_password_before() {
    laws(options(), GREETING, fixtures!["unwilling"]);
}

#[test]
fn operator_who_logs_in_as_a_user_goes_to_the_users_server() {
    laws(Options { master_separator: Some(b'*'), ..options() }, GREETING, fixtures!["master"]);
}

#[test]
fn capabilities_are_those_of_the_connection() {
    let said = |options: &Options, secured| options.capabilities(secured);
    let plain = Options { mechanisms: vec![Mechanism::Plain], capabilities: "IDLE".into(), ..options() };
    assert_eq!(said(&plain, false), "IMAP4rev1 LITERAL- SASL-IR ID IDLE AUTH=PLAIN");
    let offered = Options { start_tls: true, ..plain.clone() };
    assert_eq!(said(&offered, false), "IMAP4rev1 LITERAL- SASL-IR ID IDLE STARTTLS AUTH=PLAIN");
    let required = Options { require_tls: true, ..offered };
    assert_eq!(said(&required, false), "IMAP4rev1 LITERAL- SASL-IR ID IDLE STARTTLS LOGINDISABLED");
    assert_eq!(said(&required, true), "IMAP4rev1 LITERAL- SASL-IR ID IDLE AUTH=PLAIN");
}

#[test]
fn any_script_is_survived() {
    let words: [&[u8]; 10] = [
        b"a LOGIN u {3}\r\n",
        b"b LOGIN u {3+}\r\npwd\r\n",
        b"c AUTHENTICATE PLAIN AHUAcA==\r\n",
        b"d STARTTLS\r\n",
        b"* OK\r\n",
        b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN]\r\n",
        b"S0 OK\r\n",
        b"S2 OK\r\n",
        b"S2 NO\r\n",
        b"+ \r\n",
    ];
    for start_tls in [false, true] {
        let options = Arc::new(Options { start_tls, ..options() });
        sekisho_testkit::seeded(2000, &words, |data| {
            sekisho_testkit::oracle(|| open(&options), data);
        });
    }
}
