//! nginx as servers that fail or die, while clients go on asking.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sekisho_tests::{named, program, until};

use super::{Nginx, Sekisho};

/// A server that keeps a list of what it has answered, and says 503 while it has a file `broken`. Its health is always
/// good.
fn server(name: &'static str, address: &str) -> Nginx {
    Nginx::saying(name, address, |nginx| {
        let (here, name) = (nginx.folder.path().display(), nginx.name);
        [
            format!("log_format ids '$request_method $arg_id $status'; access_log {here}/access.log ids;"),
            format!(
                "default_type text/plain; location /healthz {{ access_log off; return 200 ok; }}\n\
                 location / {{ if (-f {here}/broken) {{ return 503; }} return 200 \"{name}\\n\"; }}"
            ),
        ]
    })
}

/// The requests that it has answered: method, id and status.
fn seen(server: &Nginx) -> Vec<String> {
    server.folder.read("access.log").lines().map(str::to_owned).collect()
}

fn three(host: &str) -> [Nginx; 3] {
    [("www1", 7611), ("www2", 7612), ("www3", 7613)]
        .map(|(name, port)| server(name, &format!("{host}:{port}")))
}

fn configuration(listen: &str, servers: &[Nginx], http: &str, pool: &str) -> String {
    format!(
        "[gateway]\nlog = 'info'\n[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n{http}\n\
         [pool.web]\nservers = {{ {} }}\n\
         probe = {{ kind = 'http', path = '/healthz', interval = '500ms', fast-interval = '200ms' }}\n{pool}\n",
        named(servers.iter().map(|server| (server.name, server.address)))
    )
}

/// What a load generator said of so many seconds beside `meanwhile`.
fn load(name: &str, arguments: &[&str], meanwhile: impl FnOnce()) -> String {
    let mut command = Command::new(program(name));
    let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    meanwhile();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Requests that wrk did not get a good answer to.
fn failed(report: &str) -> usize {
    let lines = report.lines().filter(|line| line.contains("Socket errors") || line.contains("Non-2xx"));
    lines.flat_map(|line| line.split([' ', ','])).filter_map(|word| word.parse::<usize>().ok()).sum()
}

/// One request on a connection of its own; its status, if there was an answer.
fn post(address: SocketAddr, id: u32) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let text =
        format!("POST /?id={id} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}

#[test]
fn one_of_three_that_answers_503_is_ejected_after_a_few_and_returns() {
    let listen = "127.0.4.121:7610";
    let servers = three("127.0.4.121");
    let pool = "outlier = { consecutive = 5, base-ejection = '3s', max-ejection = '3s' }";
    let sekisho = Sekisho::start("ejected", &configuration(listen, &servers, "", pool), listen);
    let url = format!("http://{listen}/");
    let report = load("wrk", &["-t1", "-c16", "-d7s", &url], || {
        std::thread::sleep(Duration::from_secs(1));
        servers[1].folder.write("broken", "");
        until("an ejection", || sekisho.log().contains("Server ejected").then_some(()));
        std::fs::remove_file(servers[1].folder.path().join("broken")).unwrap();
        let before = seen(&servers[1]).len();
        std::thread::sleep(Duration::from_secs(1));
        assert!(seen(&servers[1]).len() <= before + 16, "it is left alone, but for what was under way");
        until("a return", || sekisho.log().contains("Server back from ejection").then_some(()));
        until("traffic", || (seen(&servers[1]).len() > before + 100).then_some(()));
    });
    let bad = seen(&servers[1]).iter().filter(|line| line.ends_with("503")).count();
    assert!((5..5 + 2 * 16).contains(&bad) && failed(&report) == bad, "{bad}\n{report}");
    assert_eq!(sekisho.log().matches("Server ejected").count(), 1, "{}", sekisho.log());
}

#[test]
fn ten_deaths_of_a_server_fail_no_get_and_double_no_post() {
    let listen = "127.0.4.122:7610";
    let mut servers = three("127.0.4.122");
    // Every request may have its second try here: a death is a storm of its own.
    let http =
        "http.retry = { on = ['empty-answer', 'malformed-answer'], budget = '100%', replay-body = '1 KiB' }";
    let pool = "method = 'round-robin'";
    let sekisho = Sekisho::start("deaths", &configuration(listen, &servers, http, pool), listen);
    let (url, address, over) = (format!("http://{listen}/"), listen.parse().unwrap(), AtomicBool::new(false));
    let mut answered = Vec::new();
    let report = std::thread::scope(|scope| {
        let poster = scope.spawn(|| {
            let ids = (1_u32..).take_while(|_| !over.load(Ordering::Relaxed));
            ids.map(|id| (id, post(address, id))).collect::<Vec<_>>()
        });
        let report = load("wrk", &["-t1", "-c32", "-d12s", &url], || {
            for round in 0..10 {
                servers[round % 3].kill();
                std::thread::sleep(Duration::from_millis(300));
                servers[round % 3].restart();
                std::thread::sleep(Duration::from_millis(700));
            }
        });
        over.store(true, Ordering::Relaxed);
        answered = poster.join().unwrap();
        report
    });
    assert_eq!(failed(&report), 0, "{report}\n{}", sekisho.log());
    let mut seen: Vec<String> =
        servers.iter().flat_map(seen).filter(|line| line.starts_with("POST")).collect();
    seen.sort_unstable();
    let all = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), all, "no POST twice");
    let good: Vec<u32> =
        answered.iter().filter(|(_, status)| *status == Some(200)).map(|(id, _)| *id).collect();
    assert!(good.len() * 10 > answered.len() * 9 && good.len() > 100, "{} of {}", good.len(), answered.len());
    assert!(good.iter().all(|id| seen.binary_search(&format!("POST {id} 200")).is_ok()));
}

#[test]
fn deaths_of_a_server_fail_no_get_of_clients_that_speak_http2() {
    let listen = "127.0.4.123:7610";
    let mut servers = three("127.0.4.123");
    let http = "http.retry = { on = ['empty-answer', 'malformed-answer'], budget = '100%' }";
    let sekisho = Sekisho::start("deaths2", &configuration(listen, &servers, http, ""), listen);
    let url = format!("http://{listen}/");
    let report = load("h2load", &["-c4", "-m8", "-D5", &url], || {
        for round in 0..4 {
            std::thread::sleep(Duration::from_millis(500));
            servers[round % 3].kill();
            std::thread::sleep(Duration::from_millis(300));
            servers[round % 3].restart();
        }
    });
    let line = report.lines().find(|line| line.starts_with("status codes:")).unwrap_or_default();
    assert!(line.contains(" 0 3xx, 0 4xx, 0 5xx"), "{report}\n{}", sekisho.log());
    assert!(report.contains(" 0 failed, 0 errored, 0 timeout"), "{report}");
}
