use super::*;

use sekisho_api::Network;
use sekisho_testkit::fixtures;

use crate::options::Offer;

const GREETING: &str = r#"> client "* OK [CAPABILITY IMAP4rev1 LITERAL- SASL-IR ID AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 AUTH=OAUTHBEARER] hi\r\n"
"#;

/// Those that fixtures log in by without saying which.
const USUAL: [Mechanism; 4] =
    [Mechanism::Plain, Mechanism::Login, Mechanism::XOAuth2, Mechanism::OAuthBearer];

fn options() -> Options {
    Options::offering(&USUAL, "", false, false)
}

fn open(options: &Arc<Options>) -> Box<dyn Conversation> {
    reached(options, None)
}

/// A client with this TLS.
fn reached(options: &Arc<Options>, tls: Option<TlsFacts>) -> Box<dyn Conversation> {
    let facts = Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 143).into());
    Desk(options.clone()).open(&Facts { tls: tls.map(Arc::new), ..facts })
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
    laws(options(), GREETING, fixtures!["failover", "disabled", "slow", "oversize"]);
}

#[test]
fn what_cannot_be_obeyed_is_bounded_and_never_read_as_something_else() {
    laws(options(), GREETING, fixtures!["smuggling", "mistakes", "refusals"]);
}

#[test]
fn wrong_password_is_a_strike_and_a_client_with_too_many_has_to_go() {
    laws(options(), GREETING, fixtures!["strikes", "barred"]);
    let barred = open(&Arc::new(options())).step(Input::Barred);
    let Ok(Step::Reply(0, word)) = barred else { panic!("{barred:?}") };
    assert_eq!(word, "* BYE Too many failed logins\r\n");
}

#[test]
fn scram_is_passed_on_line_by_line_and_not_for_ever() {
    let scram = Options::offering(&[Mechanism::ScramSha256, Mechanism::ScramSha1], "", false, false);
    let greeting = r#"> client "* OK [CAPABILITY IMAP4rev1 LITERAL- SASL-IR ID AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-1] hi\r\n"
"#;
    laws(scram, greeting, fixtures!["scram", "endless"]);
}

#[test]
fn what_answers_no_challenge_of_the_server_never_reaches_it() {
    let scram = Options::offering(&[Mechanism::ScramSha256], "", false, false);
    let greeting = r#"> client "* OK [CAPABILITY IMAP4rev1 LITERAL- SASL-IR ID AUTH=SCRAM-SHA-256] hi\r\n"
"#;
    laws(scram, greeting, fixtures!["cancelled"]);
}

#[test]
fn certificate_logs_in_where_the_client_has_shown_one() {
    let options = Arc::new(Options::offering(&[Mechanism::External], "", false, false));
    let subject = |text: &str| TlsFacts { client_subject: Some(text.into()), ..TlsFacts::default() };
    let certified = subject("CN=Anna,O=Example");
    let known = options.clone();
    sekisho_testkit::conversation(move || reached(&known, Some(certified.clone())))
        .fixtures(fixtures!["external"])
        .laws();
    for tls in [None, Some(TlsFacts::default()), Some(subject("O=Example"))] {
        let mut visit = reached(&options, tls);
        let answer = visit.step(Input::Client(b"a AUTHENTICATE EXTERNAL =\r\n"));
        let Ok(Step::Reply(_, answer)) = answer else { panic!("{answer:?}") };
        assert_eq!(answer, "a NO [CANNOT] Unsupported authentication mechanism\r\n");
    }
}

#[test]
fn other_gateway_is_believed_who_its_client_is_and_nobody_else() {
    let trusted = || ["192.0.2.0/24".parse::<Network>().unwrap()].into_iter().collect();
    laws(Options { trusted: trusted(), ..options() }, GREETING, fixtures!["gateways", "circles"]);
    laws(options(), GREETING, fixtures!["identify"]);
}

#[test]
fn commands_before_login_are_bounded_in_number_and_bytes() {
    let said = |command: &str, count: usize| {
        let mut visit = open(&Arc::new(options()));
        (0..count).find_map(|number| match visit.step(Input::Client(command.as_bytes())) {
            Ok(Step::Reply(_, answer)) if answer.starts_with(b"* BYE") => Some(number),
            answer => answer.is_err().then_some(usize::MAX),
        })
    };
    assert_eq!(said("a NOOP\r\n", 100), None);
    assert_eq!(said("a NOOP\r\n", 101), Some(100));
    let large =
        format!("a ID ({})\r\n", format!("\"x\" {{4000+}}\r\n{} ", "y".repeat(4000)).repeat(14).trim_end());
    assert_eq!(said(&large, 100), Some(4));
}

#[test]
fn drain_ends_a_connection_where_nothing_is_under_way() {
    laws(options(), GREETING, fixtures!["draining", "leaving"]);
}

#[test]
fn nobody_logs_in_in_clear_where_tls_is_required_and_nothing_said_in_clear_counts_after_it() {
    let options = Options::offering(&[Mechanism::Plain], "", true, true);
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
    let said = |options: &Options, channel| {
        let Offer { greeting, capabilities } = options.offer(channel);
        let list = capabilities.strip_prefix("* CAPABILITY ").unwrap().trim_end().to_owned();
        assert_eq!(greeting, format!("* OK [CAPABILITY {list}] hi\r\n").as_bytes());
        list
    };
    let list = [Mechanism::Plain, Mechanism::External];
    let plain = Options::offering(&list, "IDLE", false, false);
    assert_eq!(said(&plain, Channel::Clear), "IMAP4rev1 LITERAL- SASL-IR ID IDLE AUTH=PLAIN");
    let offered = Options::offering(&list, "IDLE", true, false);
    assert_eq!(said(&offered, Channel::Clear), "IMAP4rev1 LITERAL- SASL-IR ID IDLE STARTTLS AUTH=PLAIN");
    let required = Options::offering(&list, "IDLE", true, true);
    assert_eq!(said(&required, Channel::Clear), "IMAP4rev1 LITERAL- SASL-IR ID IDLE STARTTLS LOGINDISABLED");
    assert_eq!(said(&required, Channel::Secured), "IMAP4rev1 LITERAL- SASL-IR ID IDLE AUTH=PLAIN");
    assert_eq!(
        said(&required, Channel::Certified),
        "IMAP4rev1 LITERAL- SASL-IR ID IDLE AUTH=PLAIN AUTH=EXTERNAL"
    );
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
        let options = Arc::new(Options::offering(&Mechanism::ALL, "", start_tls, false));
        sekisho_testkit::seeded(2000, &words, |data| {
            sekisho_testkit::oracle(|| open(&options), data);
        });
    }
}
