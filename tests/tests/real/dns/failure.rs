use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use sekisho_tests::{program, until};

use super::{Program, Sekisho, Server, Signal, ZONE, ask, names, resolvers, whole};

/// What dnsperf counted.
#[derive(Debug, PartialEq)]
struct Tally {
    sent: u64,
    lost: u64,
    /// Answers with another code than NOERROR.
    refused: u64,
}

/// dnsperf at `rate` questions per second for `seconds`, beside `meanwhile`.
fn dnsperf(sekisho: &Sekisho, listen: &str, rate: u32, seconds: u32, meanwhile: impl FnOnce()) -> Tally {
    let questions = (0..500).fold(String::new(), |mut list, number| {
        let _ = writeln!(list, "q{number}.whoami.{ZONE} TXT");
        list
    });
    let file = sekisho.folder.write("questions", &questions);
    let (host, port) = listen.split_once(':').unwrap();
    let mut command = Command::new(program("dnsperf"));
    command.args(["-s", host, "-p", port, "-c", "8", "-t", "5", "-Q", &rate.to_string()]);
    command.args(["-l", &seconds.to_string(), "-q", "10000", "-d"]).arg(file);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    meanwhile();
    let output = child.wait_with_output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |label: &str| -> Option<u64> {
        let (_, after) = report.split_once(label)?;
        after.split_whitespace().next()?.parse().ok()
    };
    let completed = number("Queries completed:").unwrap_or_else(|| panic!("{report}"));
    let good = number("NOERROR ").unwrap_or_default();
    let tally = Tally {
        sent: number("Queries sent:").unwrap(),
        lost: number("Queries lost:").unwrap(),
        refused: completed - good,
    };
    eprintln!("{listen}: {tally:?}");
    tally
}

/// Waits until all three are used.
fn all_answer(sekisho: &Sekisho, listen: &str) {
    let mut last = Vec::new();
    for _ in 0..150 {
        last = ask("dig", listen.parse().unwrap(), &[], &names(9));
        if ["knot", "nsd", "named"].iter().all(|name| last.iter().any(|one| one == name)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("only some of the three answer: {last:?}\n{}", sekisho.log());
}

#[test]
fn server_killed_under_load_loses_no_question_and_is_used_again() {
    let listen = "127.0.6.31:7500";
    let mut servers = Server::three(31);
    let sekisho =
        Sekisho::start("dns-kill", &resolvers(listen, &servers, "", "method = 'round-robin'"), listen);
    all_answer(&sekisho, listen);
    let tally = dnsperf(&sekisho, listen, 5_000, 4, || {
        std::thread::sleep(Duration::from_millis(800));
        servers[0].kill();
        std::thread::sleep(Duration::from_millis(1200));
        servers[0].restart();
    });
    assert!(tally.sent > 5_000, "{tally:?}");
    assert_eq!((tally.lost, tally.refused), (0, 0), "{tally:?}\n{}", sekisho.log());
    all_answer(&sekisho, listen);
}

#[test]
fn frozen_server_costs_few_questions_and_is_used_again() {
    let listen = "127.0.6.32:7500";
    let servers = Server::three(32);
    let sekisho =
        Sekisho::start("dns-freeze", &resolvers(listen, &servers, "", "method = 'round-robin'"), listen);
    all_answer(&sekisho, listen);
    let tally = dnsperf(&sekisho, listen, 1_000, 5, || {
        std::thread::sleep(Duration::from_millis(800));
        servers[0].signal(Signal::STOP);
        std::thread::sleep(Duration::from_millis(2500));
        servers[0].signal(Signal::CONT);
    });
    assert!(tally.sent > 2_000, "{tally:?}");
    // A tenth of all questions may be asked twice; what is silent longer than that is out of the pool.
    assert!(tally.lost + tally.refused < tally.sent / 20, "{tally:?}\n{}", sekisho.log());
    all_answer(&sekisho, listen);
}

#[test]
fn reloads_under_load_lose_nothing() {
    let listen = "127.0.6.33:7500";
    let servers = Server::three(33);
    let configuration = |n: usize| resolvers(listen, &servers[..n], "", "method = 'round-robin'");
    let sekisho = Sekisho::start("dns-reload", &configuration(3), listen);
    all_answer(&sekisho, listen);
    let tally = dnsperf(&sekisho, listen, 5_000, 4, || {
        for round in 0..12 {
            std::thread::sleep(Duration::from_millis(200));
            sekisho.reload(&configuration(2 + round % 2), "Reloaded");
        }
    });
    assert!(tally.sent > 5_000, "{tally:?}");
    assert_eq!((tally.lost, tally.refused), (0, 0), "{tally:?}\n{}", sekisho.log());
}

#[test]
fn nothing_up_is_said_to_dig_with_an_extended_error_until_a_server_is_back() {
    let listen = "127.0.6.34:7500";
    let mut servers = [Server::start(Program::Knot, "knot", "127.0.6.34:7501")];
    let sekisho = Sekisho::start("dns-nothing", &resolvers(listen, &servers, "", ""), listen);
    let (at, name) = (listen.parse().unwrap(), names(1).remove(0));
    servers[0].kill();
    for transport in ["+notcp", "+tcp"] {
        until("nothing is up", || {
            let text = whole("dig", at, &[transport, &name, "TXT"]);
            assert!(text.contains("SERVFAIL"), "{transport}: {text}\n{}", sekisho.log());
            text.contains("EDE: 22 ").then_some(())
        });
    }
    servers[0].restart();
    until("the server is used again", || {
        whole("dig", at, &["+short", &name, "TXT"]).contains("knot").then_some(())
    });
}
