use std::process::{Command, Stdio};
use std::time::Duration;

use sekisho_tests::program;

use super::{Nginx, Sekisho, web};

const CONNECTIONS: usize = 32;

/// Runs wrk for `seconds` beside `meanwhile` and gives what it printed.
fn wrk(url: &str, seconds: u32, meanwhile: impl FnOnce()) -> String {
    let mut command = Command::new(program("wrk"));
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--latency", url]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    meanwhile();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Requests that wrk did not get a good answer to.
fn failed(report: &str) -> usize {
    let numbers = |line: &str| -> usize {
        let words = line.split([' ', ',']).filter_map(|word| word.parse::<usize>().ok());
        words.sum()
    };
    let lines = report.lines().filter(|line| line.contains("Socket errors") || line.contains("Non-2xx"));
    lines.map(numbers).sum()
}

fn served(report: &str) -> usize {
    let line = report.lines().find(|line| line.contains(" requests in ")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn three(host: &str) -> Vec<Nginx> {
    [("www1", 7411), ("www2", 7412), ("www3", 7413)]
        .map(|(name, port)| Nginx::start(name, &format!("{host}:{port}")))
        .into()
}

#[test]
fn killing_and_restarting_a_server_under_load_fails_at_most_what_it_was_answering() {
    let (host, listen) = ("127.0.4.11", "127.0.4.11:7410");
    let mut servers = three(host);
    let sekisho = Sekisho::start("kill", &web(listen, &servers, "", "method = 'round-robin'"), listen);
    let report = wrk(&format!("http://{listen}/"), 8, || {
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(1500));
            servers[1].kill();
            std::thread::sleep(Duration::from_millis(1500));
            servers[1].restart();
        }
    });
    assert!(served(&report) > 1000, "{report}");
    assert!(failed(&report) <= 2 * CONNECTIONS, "{report}\n{}", sekisho.log());
}

#[test]
fn twenty_sighups_under_load_fail_nothing_and_a_broken_file_changes_nothing() {
    let (host, listen) = ("127.0.4.12", "127.0.4.12:7410");
    let servers = three(host);
    let configuration =
        |n: usize| web(listen, &servers[..n], "persist = ['cookie']", "method = 'round-robin'");
    let sekisho = Sekisho::start("sighup", &configuration(3), listen);
    let report = wrk(&format!("http://{listen}/"), 8, || {
        for round in 0..20 {
            std::thread::sleep(Duration::from_millis(200));
            sekisho.reload(&configuration(2 + round % 2), "Reloaded");
        }
        sekisho.reload("[vip.web]\nlisten = 'nowhere'\n", "nothing was changed");
    });
    assert!(served(&report) > 1000, "{report}");
    assert_eq!(failed(&report), 0, "{report}\n{}", sekisho.log());
    let log = sekisho.log();
    assert!(log.contains("gateway.toml:2:"), "the log does not say where: {log}");
}
