//! Datagrams with an id.

mod riddle;

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use riddle::{ANSWER, ASK, CANNOT, LOUD, Manner, ONCE, OWN, Oracle, REFUSAL, Riddle, SHARED};
use sekisho_runtime::ExchangeTotals;
use sekisho_tests::{Rig, numbered, until};

/// An address that refuses: its port was just given back.
fn nobody() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn configuration(listen: &str, vip: &str, pool: &str, servers: &[SocketAddr]) -> String {
    format!(
        "[vip.v]\nlisten = '{listen}'\nprotocol = 'riddle'\npool = 'p'\n{vip}\n\
         [pool.p]\n{pool}\nservers = {{ {} }}\n",
        numbered(servers.iter().copied())
    )
}

fn rig(vip: &str, servers: &[SocketAddr]) -> Rig {
    rig_of(vip, "", servers, false)
}

fn rig_of(vip: &str, pool: &str, servers: &[SocketAddr], streams: bool) -> Rig {
    let protocols = sekisho::builtin().with(Riddle { streams });
    Rig::start_with(&configuration("127.0.0.1:0", vip, pool, servers), protocols)
}

fn client() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn send(client: &UdpSocket, rig: &Rig, id: [u8; 2], kind: u8, question: &str) {
    client.send_to(&[&id, &[kind][..], question.as_bytes()].concat(), rig.address("v")).unwrap();
}

/// The next datagram: id, kind and text.
fn receive(client: &UdpSocket) -> ([u8; 2], u8, String) {
    let mut buffer = [0; 65_536];
    let (n, _) = client.recv_from(&mut buffer).unwrap();
    ([buffer[0], buffer[1]], buffer[2], String::from_utf8(buffer[3..n].to_vec()).unwrap())
}

/// Waits until the totals of the exchanges are as wanted.
fn until_counted(rig: &Rig, wanted: impl Fn(&ExchangeTotals) -> bool) {
    until("the totals as wanted", || wanted(&rig.gateway().exchanges("v")).then_some(()));
}

#[test]
fn client_gets_its_own_id_back_and_the_server_sees_another() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (rig, client) = (rig("", &[oracle.address]), client());
    for round in 0..20_u8 {
        send(&client, &rig, [7, 7], ASK, &format!("q{round}"));
        assert_eq!(receive(&client), ([7, 7], ANSWER, format!("q{round}=one")));
    }
    assert_eq!(rig.line(|_| true)["end"], "done");
}

#[test]
fn ids_and_ports_towards_a_server_cannot_be_foretold() {
    let oracle = Oracle::start("one", Manner::Answers);
    let rig = rig_of("", "", &[oracle.address], false);
    // Many clients, so that every worker has some.
    for round in 0..300_u16 {
        let client = client();
        send(&client, &rig, round.to_be_bytes(), ASK, "q");
        assert_eq!(receive(&client).0, round.to_be_bytes());
    }
    let questions = oracle.questions();
    let id = |datagram: &[u8]| i32::from(u16::from_be_bytes([datagram[0], datagram[1]]));
    let ids: Vec<i32> = questions.iter().map(|question| id(&question.datagram)).collect();
    let ports: Vec<i32> = questions.iter().map(|question| i32::from(question.gateway.port())).collect();
    for (what, numbers, fewest) in [("ids", &ids, 290), ("ports", &ports, 8)] {
        let different: HashSet<&i32> = numbers.iter().collect();
        assert!(different.len() >= fewest, "{what}: {} different ones", different.len());
        let steps: HashSet<i32> = numbers.windows(2).map(|two| two[1] - two[0]).collect();
        assert!(steps.len() > 20, "{what}: only {} different steps", steps.len());
    }
    let upper: HashSet<i32> = ids.iter().map(|id| id >> 8).collect();
    assert!(upper.len() > 120, "{} of 256 upper halves", upper.len());
    let mut sorted: Vec<i32> = ports.iter().copied().collect::<HashSet<_>>().into_iter().collect();
    sorted.sort_unstable();
    assert!(sorted.windows(2).filter(|two| two[1] - two[0] == 1).count() < 4, "in a row: {sorted:?}");
}

#[test]
fn wrong_answer_is_ignored_and_the_right_one_behind_it_is_not() {
    for manner in [Manner::LiesFirst(3), Manner::IsForged] {
        let oracle = Oracle::start("one", manner);
        let (rig, client) = (rig("", &[oracle.address]), client());
        for question in ["q1", "q2"] {
            send(&client, &rig, [1, 2], ASK, question);
            assert_eq!(receive(&client), ([1, 2], ANSWER, format!("{question}=one")));
        }
    }
}

#[test]
fn answer_is_delivered_once_though_it_comes_twice() {
    let oracle = Oracle::start("one", Manner::AnswersTwice);
    let (rig, client) = (rig("", &[oracle.address]), client());
    for round in 0..20 {
        send(&client, &rig, [3, round], ASK, "q");
        assert_eq!(receive(&client), ([3, round], ANSWER, "q=one".into()));
    }
    until_counted(&rig, |totals| totals.asked == 20 && totals.strays == 20);
    assert_eq!(rig.gateway().scheduler().pool("p").unwrap().server("s0").unwrap().strays(), 20);
}

#[test]
fn late_answer_reaches_nobody() {
    let oracle = Oracle::start("one", Manner::Waits(Duration::from_millis(700)));
    let (rig, client) = (rig("timeouts = { response = '200ms' }", &[oracle.address]), client());
    send(&client, &rig, [5, 5], ASK, "q");
    assert_eq!(receive(&client), ([5, 5], REFUSAL, "connect-failed".into()));
    until_counted(&rig, |totals| totals.timeouts == 1 && totals.strays == 1);
    client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert!(client.recv(&mut [0; 64]).is_err());
}

#[test]
fn longest_datagrams_pass_whole_both_ways() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (rig, client) = (rig("", &[oracle.address]), client());
    // 65,507 bytes are the most over IPv4; the answer is four longer.
    let long = "x".repeat(65_507 - 3 - 4);
    for question in ["short", &long, "short again", &long] {
        send(&client, &rig, [9, 9], ASK, question);
        assert_eq!(receive(&client), ([9, 9], ANSWER, format!("{question}=one")));
    }
}

#[test]
fn wildcard_listener_answers_from_the_address_that_was_asked_whichever_family_it_is_of() {
    let oracle = Oracle::start("one", Manner::Answers);
    let wildcard = configuration("[::]:0", "", "", &[oracle.address]);
    let rig = Rig::start_with(&wildcard, sekisho::builtin().with(Riddle { streams: false }));
    let port = rig.address("v").port();
    for (from, to) in [("127.0.0.1:0", "127.0.3.22"), ("127.0.0.1:0", "127.0.3.23"), ("[::1]:0", "::1")] {
        let client = UdpSocket::bind(from).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It hears that address alone from now on.
        client.connect(SocketAddr::new(to.parse().unwrap(), port)).unwrap();
        // Several, so that they are answered with one call.
        (0..5).for_each(|one| _ = client.send(&[1, one, ASK, b'q']).unwrap());
        let answers: HashSet<_> = (0..5).map(|_| receive(&client)).collect();
        assert_eq!(answers, (0..5).map(|one| ([1, one], ANSWER, "q=one".to_owned())).collect());
    }
}

#[test]
fn hundred_questions_at_once_get_their_own_answers_though_their_ids_are_equal() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (rig, client) = (rig("", &[oracle.address]), client());
    let asked: HashSet<String> = (0..100).map(|round| format!("q{round}")).collect();
    asked.iter().for_each(|question| send(&client, &rig, [1, 1], ASK, question));
    let answers: HashSet<_> = (0..100).map(|_| receive(&client)).collect();
    assert_eq!(answers, asked.iter().map(|question| ([1, 1], ANSWER, format!("{question}=one"))).collect());
}

#[test]
fn question_to_a_closed_port_goes_to_another_server_whether_it_may_be_asked_twice_or_not() {
    let oracle = Oracle::start("one", Manner::Answers);
    for kind in [ASK, ONCE] {
        let (rig, client) = (rig("", &[nobody(), oracle.address]), client());
        for round in 0..10 {
            send(&client, &rig, [3, round], kind, "q");
            assert_eq!(receive(&client), ([3, round], ANSWER, "q=one".into()));
        }
    }
}

#[test]
fn server_that_goes_while_it_is_asked_loses_no_question() {
    let mortal = Oracle::live("mortal", Manner::Answers, 50);
    let heir = Oracle::start("heir", Manner::Answers);
    let (rig, client) = (rig("", &[mortal.address, heir.address]), client());
    for round in 0..250 {
        // Several at a time: some are sent in one call with those that are refused. Those that the server's host has
        // taken and the server never read are lost in silence, and so asked again.
        (0..8).for_each(|one| send(&client, &rig, [one, round], ASK, "q"));
        let answers: HashSet<_> = (0..8).map(|_| receive(&client)).map(|(id, kind, _)| (id, kind)).collect();
        assert_eq!(answers, (0..8).map(|one| ([one, round], ANSWER)).collect());
    }
    assert_eq!(mortal.asked(), 50);
}

#[test]
fn question_is_refused_where_every_server_refuses() {
    let (rig, client) = (rig("", &[nobody()]), client());
    send(&client, &rig, [4, 5], ONCE, "q");
    assert_eq!(receive(&client), ([4, 5], REFUSAL, "connect-failed".into()));
    let line = rig.line(|_| true);
    assert_eq!(line["end"], "connect-failed", "{line}");
}

#[test]
fn silence_has_another_server_asked() {
    let (silent, oracle) = (Oracle::start("silent", Manner::Silent), Oracle::start("one", Manner::Answers));
    let (rig, client) = (rig("", &[silent.address, oracle.address]), client());
    for round in 0..6 {
        send(&client, &rig, [3, round], ASK, "q");
    }
    let answers: HashSet<_> = (0..6).map(|_| receive(&client)).collect();
    assert_eq!(answers, (0..6).map(|round| ([3, round], ANSWER, "q=one".to_owned())).collect());
    assert!(silent.asked() > 0);
    // Its silence counts against it in the end, although its clients have been served.
    until_counted(&rig, |totals| totals.repeats == silent.asked() as u64);
    let scheduler = rig.gateway().scheduler();
    let server = scheduler.pool("p").unwrap().server("s0").unwrap().clone();
    assert_eq!(server.repeats(), silent.asked() as u64);
    until("its time-outs", || (server.timeouts() == silent.asked() as u64).then_some(()));
    until("its leases", || (server.active() == 0).then_some(()));
}

#[test]
fn question_that_may_be_asked_once_waits_for_its_server_alone() {
    let (silent, oracle) = (Oracle::start("silent", Manner::Silent), Oracle::start("one", Manner::Answers));
    let vip = "timeouts = { response = '400ms' }";
    let (rig, client) =
        (rig_of(vip, "method = 'first-available'", &[silent.address, oracle.address], false), client());
    send(&client, &rig, [3, 3], ONCE, "q");
    assert_eq!(receive(&client), ([3, 3], REFUSAL, "connect-failed".into()));
    assert_eq!(oracle.asked(), 0);
}

#[test]
fn slow_server_is_heard_where_it_is_the_first_to_answer_and_not_where_it_is_not() {
    let slow = Oracle::start("slow", Manner::Waits(Duration::from_millis(900)));
    let quick = Oracle::start("quick", Manner::Answers);
    let pool = "method = 'first-available'";
    let (rig, client) = (rig_of("", pool, &[slow.address, quick.address], false), client());
    send(&client, &rig, [1, 1], ASK, "q");
    assert_eq!(receive(&client), ([1, 1], ANSWER, "q=quick".into()));
    send(&client, &rig, [2, 2], ONCE, "q");
    assert_eq!(receive(&client), ([2, 2], ANSWER, "q=slow".into()));
    until_counted(&rig, |totals| totals.late == 1 && totals.strays == 0 && totals.timeouts == 0);
}

#[test]
fn question_without_an_answer_in_time_is_refused_and_gives_its_lease_back() {
    let oracle = Oracle::start("one", Manner::Silent);
    let (rig, client) = (rig("timeouts = { response = '300ms' }", &[oracle.address]), client());
    send(&client, &rig, [6, 7], ASK, "q");
    assert_eq!(receive(&client), ([6, 7], REFUSAL, "connect-failed".into()));
    assert_eq!(rig.line(|_| true)["end"], "response-timeout");
    let server = rig.gateway().scheduler().pool("p").unwrap().server("s0").unwrap().clone();
    until("its lease", || (server.active() == 0).then_some(()));
}

#[test]
fn server_that_cannot_has_another_asked_and_its_own_words_are_passed_on_where_there_is_none() {
    let (unable, oracle) = (Oracle::start("unable", Manner::Cannot), Oracle::start("one", Manner::Answers));
    let client = client();
    let both = rig("", &[unable.address, oracle.address]);
    for round in 0..6 {
        send(&client, &both, [1, round], ASK, "q");
        assert_eq!(receive(&client), ([1, round], ANSWER, "q=one".into()));
    }
    let alone = rig("", &[unable.address]);
    send(&client, &alone, [2, 2], ASK, "q");
    assert_eq!(receive(&client), ([2, 2], CANNOT, "q=unable".into()));
}

#[test]
fn equal_questions_share_one_answer_and_each_client_gets_its_own_id() {
    let oracle = Oracle::start("one", Manner::Waits(Duration::from_millis(300)));
    let (rig, client) = (rig_of("", "", &[oracle.address], false), client());
    (0..50).for_each(|round| send(&client, &rig, [8, round], SHARED, "q"));
    let answers: HashSet<_> = (0..50).map(|_| receive(&client)).collect();
    assert_eq!(answers, (0..50).map(|round| ([8, round], ANSWER, "q=one".to_owned())).collect());
    assert_eq!(oracle.asked(), 1);
    until_counted(&rig, |totals| totals.shared == 49 && totals.asked == 1);
}

#[test]
fn question_that_shares_an_answer_of_no_use_to_it_is_asked_by_itself() {
    let oracle = Oracle::start("one", Manner::Answers);
    let first = Oracle::start("first", Manner::Waits(Duration::from_millis(200)));
    let (rig, client) = (rig_of("", "", &[first.address, oracle.address], false), client());
    (0..10).for_each(|round| send(&client, &rig, [8, round], SHARED, "secret"));
    let answered: HashSet<_> = (0..10).map(|_| receive(&client)).map(|(id, kind, _)| (id, kind)).collect();
    assert_eq!(answered, (0..10).map(|round| ([8, round], ANSWER)).collect());
    assert_eq!(oracle.asked() + first.asked(), 10);
}

#[test]
fn those_that_share_get_a_refusal_of_their_own_where_nobody_answers() {
    let oracle = Oracle::start("one", Manner::Silent);
    let (rig, client) = (rig("timeouts = { response = '300ms' }", &[oracle.address]), client());
    (0..5).for_each(|round| send(&client, &rig, [8, round], SHARED, "q"));
    let answers: HashSet<_> = (0..5).map(|_| receive(&client)).map(|(id, kind, _)| (id, kind)).collect();
    assert_eq!(answers, (0..5).map(|round| ([8, round], REFUSAL)).collect());
    assert_eq!(oracle.asked(), 1);
}

#[test]
fn what_the_protocol_writes_goes_to_every_server_that_is_asked() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (rig, client) = (rig("", &[nobody(), oracle.address]), client());
    for round in 0..4 {
        send(&client, &rig, [2, round], LOUD, "whisper");
        assert_eq!(receive(&client), ([2, round], ANSWER, "WHISPER=one".into()));
    }
}

#[test]
fn own_answers_and_silence_are_counted_by_their_labels() {
    let (rig, client) = (rig("", &[nobody()]), client());
    send(&client, &rig, [2, 2], OWN, "");
    assert_eq!(receive(&client), ([2, 2], ANSWER, ".".into()));
    send(&client, &rig, [2, 2], b'x', "");
    client.send_to(b"x", rig.address("v")).unwrap();
    until_counted(&rig, |totals| totals.ignored.len() == 2);
    let totals = rig.gateway().exchanges("v");
    assert_eq!(Vec::from_iter(totals.answered), [("own", 1)]);
    assert_eq!(Vec::from_iter(totals.ignored), [("no-riddle", 1), ("short", 1)]);
    assert_eq!((totals.asked, totals.strays), (0, 0));
}

#[test]
fn access_log_says_what_was_asked_and_how_it_was_answered() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (rig, client) = (rig("", &[oracle.address]), client());
    send(&client, &rig, [1, 1], ASK, "example");
    receive(&client);
    let line = rig.line(|_| true);
    assert_eq!(
        (&line["method"], &line["host"], &line["server"]),
        (&"?".into(), &"example".into(), &"s0".into()),
        "{line}"
    );
    assert_eq!(line["status"], u64::from(ANSWER), "{line}");
}

#[test]
fn server_that_wants_it_hears_of_the_client_in_front_of_every_datagram() {
    let oracle = Oracle::start("one", Manner::Answers);
    let rig = rig_of("", "proxy-protocol = 'v2'", &[oracle.address], false);
    let client = client();
    for round in 0..3 {
        send(&client, &rig, [1, round], ASK, "q");
        assert_eq!(receive(&client), ([1, round], ANSWER, "q=one".into()));
    }
    for question in oracle.questions() {
        // Source: HAProxy's proxy-protocol.txt, section 2.2: PROXY, UDP over IPv4, 12 bytes of addresses and ports.
        let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\x7f\0\0\x01\x7f\0\0\x01";
        assert_eq!(&question.datagram[..24], head);
        assert_eq!(question.datagram[24..26], client.local_addr().unwrap().port().to_be_bytes());
        assert_eq!(question.datagram[26..28], rig.address("v").port().to_be_bytes());
    }
}

#[test]
fn datagram_for_servers_that_hear_streams_alone_is_handed_to_the_protocols_streams() {
    let (oracle, client) = (Oracle::start("one", Manner::Answers), client());
    let beside = rig_of("", "over = 'tcp'", &[oracle.address], true);
    send(&client, &beside, [1, 1], ASK, "q");
    assert_eq!(receive(&client), ([1, 1], ANSWER, "q=stream".into()));
    assert_eq!(oracle.asked(), 0);
}

#[test]
fn flood_of_wrong_answers_has_the_server_asked_over_streams() {
    let (oracle, client) = (Oracle::start("one", Manner::LiesFirst(60)), client());
    let rig = rig_of("", "", &[oracle.address], true);
    send(&client, &rig, [1, 1], ASK, "q");
    assert_eq!(receive(&client), ([1, 1], ANSWER, "q=one".into()), "a flood hides no true answer");
    send(&client, &rig, [1, 2], ASK, "q");
    assert_eq!(receive(&client), ([1, 2], ANSWER, "q=stream".into()));
}

#[test]
fn stopping_gateway_lets_a_question_have_its_answer() {
    let oracle = Oracle::start("one", Manner::Silent);
    let (mut rig, client) = (rig("timeouts = { response = '1s' }", &[oracle.address]), client());
    send(&client, &rig, [8, 9], ASK, "q");
    until("the server is asked", || (oracle.asked() == 1).then_some(()));
    let gateway = rig.stop();
    assert_eq!(receive(&client), ([8, 9], REFUSAL, "connect-failed".into()));
    gateway.wait();
}

#[test]
fn reload_loses_no_question() {
    let oracle = Oracle::start("one", Manner::Waits(Duration::from_millis(2)));
    let with = |server| configuration("127.0.3.21:7342", "", "", &[server]);
    let rig = Rig::start_with(&with(oracle.address), sekisho::builtin().with(Riddle { streams: false }));
    let client = client();
    for round in 0..20 {
        (0..10).for_each(|one| send(&client, &rig, [one, round], ONCE, "q"));
        rig.reload(&with(oracle.address)).unwrap();
        let answers: HashSet<_> = (0..10).map(|_| receive(&client)).collect();
        assert_eq!(answers, (0..10).map(|one| ([one, round], ANSWER, "q=one".to_owned())).collect());
    }
}

#[test]
fn address_that_went_is_free_and_can_come_back() {
    let oracle = Oracle::start("one", Manner::Answers);
    let (here, there) = ("127.0.3.20:7340", "127.0.3.20:7341");
    let with = |listen| configuration(listen, "timeouts = { response = '300ms' }", "", &[oracle.address]);
    let rig = Rig::start_with(&with(here), sekisho::builtin().with(Riddle { streams: false }));
    let client = client();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    for listen in [there, here, there, here] {
        // A socket that closes may take a datagram with it.
        until("an answer", || {
            send(&client, &rig, [1, 1], ASK, "q");
            client.recv(&mut [0; 64]).ok()
        });
        rig.reload(&with(listen)).unwrap();
    }
    rig.reload(&with(there)).unwrap();
    until("nobody has the address any more", || UdpSocket::bind(here).ok());
}
