//! The command as an operator meets it: started as a process, judged by exit code, output and signals.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything here takes, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn sekisho(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    sekisho(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A configuration in a directory of its own, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, configuration: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sekisho-command-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let scratch = Self(path);
        scratch.write(configuration);
        scratch
    }

    fn file(&self) -> PathBuf {
        self.0.join("gateway.toml")
    }

    fn write(&self, configuration: &str) {
        fs::write(self.file(), configuration).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn name(file: &Path) -> &str {
    file.to_str().unwrap()
}

const WEB: &str = r#"
[vip.web]
listen   = ["127.0.0.1:0"]
protocol = "http"
pool     = "web"
persist  = ["source-ip"]

[pool.web]
method  = "first-available"
servers = { www1 = "127.0.0.1:9", www2 = { address = "127.0.0.2:9", weight = 2 } }
"#;

#[test]
fn check_says_what_a_right_file_makes() {
    let scratch = Scratch::new("check", WEB);
    let output = output(&["check", name(&scratch.file())]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for part in
        ["web", "http", "tcp 127.0.0.1:0", "source-ip", "first-available", "www2 127.0.0.2:9", "is right"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn check_says_which_addresses_move() {
    let vrrp = "[vrrp.site]\ninterface = 'eth0'\nrouter-id = 51\naddresses = '203.0.113.10/24'\n";
    let scratch = Scratch::new("check-vrrp", &format!("{WEB}{vrrp}"));
    let output = output(&["check", name(&scratch.file())]);
    let said = text(&output.stdout);
    for part in ["Addresses that move", "site", "eth0", "51", "203.0.113.10/24"] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

#[test]
fn check_of_a_wrong_file_shows_every_problem_and_exits_with_one() {
    let wrong = WEB.replace("first-available", "first-avialable").replace("persist ", "persits ");
    let scratch = Scratch::new("wrong", &wrong);
    let output = output(&["check", name(&scratch.file())]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    for part in ["did you mean `first-available`?", "did you mean `persist`?", "gateway.toml:"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains('\x1b'), "colours without a terminal: {said:?}");
}

#[test]
fn file_that_does_not_exist_is_named() {
    let output = output(&["run", "no-such-file.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no-such-file.toml"));
}

#[test]
fn explain_names_the_server_and_avoids_one_that_is_down() {
    let scratch = Scratch::new("explain", WEB);
    let file = scratch.file();
    let first = output(&["explain", name(&file), "--vip", "web"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("www1"), "{}", text(&first.stdout));
    let all = ["explain", name(&file), "--vip", "web", "--down", "www1", "--down", "www2"];
    assert_eq!(output(&all).status.code(), Some(1));
    let object = output(&[&all[..], &["--json"]].concat());
    assert_eq!(object.status.code(), Some(1));
    let object: serde_json::Value = serde_json::from_slice(&object.stdout).unwrap();
    assert_eq!(
        (&object["server"], &object["candidates"][0]["state"]),
        (&serde_json::Value::Null, &"down".into())
    );
    let unknown = output(&["explain", name(&file), "--vip", "wbe"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("the file has web"), "{}", text(&unknown.stderr));
}

/// A Remote Desktop VIP in front of three servers, and others that cannot have connection files.
fn desks(gateway: &str) -> String {
    format!(
        "[gateway]\n{gateway}\n\
         [vip.desks]\nlisten = '127.0.0.1:3389'\nprotocol = 'rdp'\npool = 'ts'\npersist = ['rdp-token', 'user']\n\
         [vip.web]\nlisten = '127.0.0.1:8080'\nprotocol = 'http'\npool = 'ts'\n\
         [vip.plain]\nlisten = '0.0.0.0:3390'\nprotocol = 'rdp'\npool = 'ts'\npersist = ['rdp-token']\n\
         [pool.ts]\nservers = {{ ts1 = '127.0.0.1:9', ts2 = '127.0.0.2:9', ts3 = '127.0.0.3:9' }}\n"
    )
}

/// `sekisho rdp-file` for this configuration.
fn rdp_file(scratch: &Scratch, more: &[&str]) -> Output {
    let file = scratch.file();
    output(&[&["rdp-file", name(&file)][..], more].concat())
}

#[test]
fn explain_says_where_the_kernel_chooses_and_check_lists_it() {
    let configuration = "[vip.raw]\nlisten = '192.0.2.1:80'\nprotocol = 'tcp'\nmode = 'l4'\npool = 'raw'\n\
        [pool.raw]\nservers = { one = '192.0.2.11:80' }\nprobe = { kind = 'tcp' }\n";
    let scratch = Scratch::new("explain-l4", configuration);
    let file = scratch.file();
    let explained = output(&["explain", name(&file), "--vip", "raw"]);
    assert!(!explained.status.success());
    assert!(text(&explained.stderr).contains("the kernel serves VIP `raw`"), "{explained:?}");
    let checked = text(&output(&["check", name(&file)]).stdout);
    assert!(checked.contains("kernel, tcp 192.0.2.1:80"), "{checked}");
}

#[test]
fn rdp_file_leads_to_the_server_it_was_made_for_and_says_so_to_explain() {
    let scratch = Scratch::new("rdp-file", &desks("secret-file = 'secret'"));
    fs::write(scratch.0.join("secret"), "0123456789abcdef").unwrap();
    let made = rdp_file(&scratch, &["desks", "--server", "ts3"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let made = text(&made.stdout);
    assert!(made.starts_with("full address:s:127.0.0.1:3389\r\n"), "{made}");
    assert!(made.lines().all(|line| line.split(':').count() >= 3) && !made.contains("username"), "{made}");
    assert_eq!(made.matches('\n').count(), made.matches("\r\n").count());
    let line = made.lines().find_map(|line| line.strip_prefix("loadbalanceinfo:s:")).unwrap();
    let file = scratch.file();
    let explained =
        |token: &str| text(&output(&["explain", name(&file), "--vip", "desks", "--token", token]).stdout);
    assert!(explained(line).contains("chosen: ts3 (preferred)"), "{}", explained(line));
    let bent = format!("{}A", &line[..line.len() - 1]);
    for other in ["Cookie: sekisho=AQEA", &bent] {
        assert!(other == line || !explained(other).contains("preferred)"), "{}", explained(other));
    }

    let path = scratch.0.join("alice.rdp");
    let more = ["desks", "--user", "CORP\\alice", "--address", "desk.example.org", "--out", name(&path)];
    let made = rdp_file(&scratch, &more);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("user CORP\\alice, good for 30d"), "{}", text(&made.stdout));
    let written = fs::read_to_string(path).unwrap();
    assert!(
        written.contains("full address:s:desk.example.org:3389\r\nusername:s:CORP\\alice\r\n"),
        "{written}"
    );
}

#[test]
fn explain_says_how_strong_a_cookie_is() {
    let scratch = Scratch::new("strength", &desks(""));
    let file = scratch.file();
    for (said, word) in [("user=alice", "cookie"), ("user=SALES\\som", "weak-cookie")] {
        let explained = text(&output(&["explain", name(&file), "--vip", "desks", "--key", said]).stdout);
        assert!(explained.contains(&format!("Known by: {word}\n")), "{said}: {explained}");
    }
}

#[test]
fn rdp_file_that_would_lead_nowhere_is_not_made() {
    let scratch = Scratch::new("no-rdp-file", &desks("secret-file = 'secret'"));
    fs::write(scratch.0.join("secret"), "0123456789abcdef").unwrap();
    for (more, why) in [
        (["desk", "--user", "alice"], "there is no VIP `desk`; the file has desks, web, plain"),
        (["web", "--user", "alice"], "VIP `web` speaks http"),
        (["desks", "--server", "ts4"], "there is no server `ts4` in this pool; it has ts1, ts2, ts3"),
        (["desks", "--user", " "], "` ` names no user"),
        (["plain", "--user", "alice"], "its `persist` needs \"user\""),
        (["plain", "--server", "ts1"], "use --address HOST:PORT"),
    ] {
        let made = rdp_file(&scratch, &more);
        assert_eq!(made.status.code(), Some(1), "{more:?}");
        assert!(text(&made.stderr).contains(why) && made.stdout.is_empty(), "{}", text(&made.stderr));
    }
    scratch.write(&desks(""));
    let made = rdp_file(&scratch, &["desks", "--user", "alice"]);
    assert!(text(&made.stderr).contains("set `secret-file`"), "{}", text(&made.stderr));
    scratch.write(&desks("state-directory = 'state'"));
    let made = rdp_file(&scratch, &["desks", "--user", "alice"]);
    assert!(text(&made.stderr).contains("start the gateway once"), "{}", text(&made.stderr));
}

#[test]
fn explain_takes_a_name_and_a_subnet_as_a_query_has_them() {
    let configuration = r#"
        [vip.dns]
        listen = "127.0.0.1:0"
        protocol = "dns"
        pool = "resolvers"
        pools = ["internal"]
        persist = ["client-subnet"]

        [vip.dns.dns]
        hash-by = "qname"
        rules = [
            { qname = "corp.example", pool = "internal" },
            { qname = "bad.example", answer = "nxdomain" },
        ]

        [pool.resolvers]
        method = "consistent-hash"
        servers = { r1 = "127.0.0.1:1", r2 = "127.0.0.1:2", r3 = "127.0.0.1:3", r4 = "127.0.0.1:4" }

        [pool.internal]
        servers = { dc1 = "127.0.0.1:5" }
    "#;
    let scratch = Scratch::new("explain-dns", configuration);
    let file = scratch.file();
    let ask = |keys: &[&str]| {
        let keys = keys.iter().flat_map(|key| ["--key", key]);
        let line: Vec<&str> = ["explain", name(&file), "--vip", "dns"].into_iter().chain(keys).collect();
        let output = output(&line);
        (text(&output.stdout), text(&output.stderr))
    };
    let chosen =
        |host: &str| ask(&[&format!("qname={host}")]).0.lines().last().unwrap_or_default().to_owned();
    assert_eq!(chosen("www.example.org"), chosen("WWW.Example.ORG."), "a name is hashed as the query's");
    let names: std::collections::BTreeSet<String> =
        (0..16).map(|n| chosen(&format!("{n}.example"))).collect();
    assert!(names.len() > 1, "names are spread: {names:?}");
    let (internal, _) = ask(&["qname=www.corp.example", "client-subnet=203.0.113.0/24"]);
    assert!(internal.contains("pool internal") && internal.contains("dc1"), "{internal}");
    assert!(internal.contains("client-subnet: miss"), "{internal}");
    assert!(ask(&["qname=bad.example"]).1.contains("a rule answers: there is no such name"));
    assert!(ask(&["client-subnet=here"]).1.contains("`here` is no subnet"));
}

#[test]
fn explain_shows_the_rule_that_a_request_meets() {
    let configuration = r#"
[vip.web]
listen   = "127.0.0.1:0"
protocol = "http"
pool     = "pages"
pools    = ["api"]
persist  = ["cookie"]

[vip.web.http]
user-from = ["jwt:upn", "basic"]

[[vip.web.http.rules]]
scheme   = "http"
redirect = "https"

[[vip.web.http.rules]]
name        = "api"
host        = "shop.example"
path-prefix = "/api"
method      = "POST"
headers     = { x-tenant = "blue" }
pool        = "api"
persist     = ["user"]
rewrite     = "/"
set-headers = { x-client = "{client}" }
remove-headers = ["x-tenant"]

[[vip.web.http.rules]]
path-prefix = "/internal"
answer      = 403

[[vip.web.http.rules]]
path-prefix = "/new"
split       = { pages = 0, api = 10 }

[pool.pages]
servers = { p1 = "127.0.0.1:1" }

[pool.api]
method  = "first-available"
servers = { a1 = "127.0.0.1:2", a2 = "127.0.0.1:3" }

[vip.plain]
listen   = "127.0.0.1:0"
protocol = "tcp"
pool     = "pages"
"#;
    let scratch = Scratch::new("explain-rule", configuration);
    let file = scratch.file();
    let ask = |request: &str, more: &[&str]| {
        let line = [&["explain", name(&file), "--vip", "web", "--request", request][..], more].concat();
        let output = output(&line);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let says = |(code, said, error): (Option<i32>, String, String), parts: &[&str]| {
        assert_eq!(code, Some(0), "{error}");
        for part in parts {
            assert!(said.contains(part), "{part} in\n{said}");
        }
        said
    };
    let at = |rule: usize| {
        let before =
            configuration.split("[[vip.web.http.rules]]").take(rule).map(|part| part.matches('\n').count());
        format!("gateway.toml:{})", before.sum::<usize>() + 1)
    };
    says(
        ask("GET http://shop.example/x?y", &[]),
        &["rule 1 matches", &at(1), "sent to https://shop.example/x?y with 308"],
    );
    let api = says(
        ask(
            "POST https://shop.example/api/x?y=1",
            &["--header", "x-tenant: blue", "--key", "user=CORP\\anna"],
        ),
        &[
            "rule 2 `api` matches",
            &at(2),
            "it goes to pool api",
            "the server sees the target /x?y=1",
            "the server sees x-client: 192.0.2.1",
            "the server does not see the field x-tenant",
            "its clients are kept by user",
            "user: miss",
            "chosen: a1",
        ],
    );
    assert!(!api.contains("rule 1"), "{api}");
    let basic = ["--header", "x-tenant: blue", "--header", "authorization: Basic YW5uYTpwdw=="];
    says(ask("POST https://shop.example/api", &basic), &["user: miss"]);
    says(
        ask("GET https://shop.example/api", &["--header", "x-tenant: blue", "--verbose"]),
        &[
            "rule 1: its `scheme` does not match",
            "rule 2 `api`: its `method` does not match",
            "no rule matches",
            "it goes to pool pages",
            "chosen: p1",
        ],
    );
    says(
        ask("GET https://x.example//internal/", &[]),
        &["rule 3 matches", &at(3), "the gateway answers 403"],
    );
    says(ask("GET https://x.example/new", &["--client", "198.51.100.7"]), &["pages 0, api 10", "pool api"]);
    says(
        ask("GET https://x.example/new/..%2finternal", &[]),
        &["the gateway refuses it: 400", "path-doubtful"],
    );
    says(ask("CONNECT https://x.example/", &[]), &["the gateway refuses it"]);
    let (code, _, error) = ask("G(T https://x.example/", &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("`G(T` is no method"), "{error}");
    let plain = output(&["explain", name(&file), "--vip", "plain", "--request", "GET /"]);
    assert!(text(&plain.stderr).contains("protocol `tcp` has no requests"), "{}", text(&plain.stderr));
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    fn code(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A running `sekisho run`.
struct Running {
    process: Process,
    log: Receiver<String>,
}

impl Running {
    fn start(file: &Path) -> Self {
        let mut child = sekisho(&["run", name(file), "--log", "info"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (send, log) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { process: Process(child), log }
    }

    /// Waits for a line of the log that contains `part`.
    fn hear(&self, part: &str) {
        let mut heard = String::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return,
                Ok(line) => heard.push_str(&(line + "\n")),
                Err(_) => panic!("the log does not say {part:?}:\n{heard}"),
            }
        }
    }
}

#[test]
fn run_reloads_on_hangup_survives_a_broken_file_and_stops_on_term() {
    let scratch = Scratch::new("run", WEB);
    let running = Running::start(&scratch.file());
    running.hear("Serving");
    scratch.write(&WEB.replace("weight = 2", "weight = 3"));
    running.process.signal(Signal::HUP);
    running.hear("Reloaded");
    scratch.write(&WEB.replace("weight = 2", "wieght = 2"));
    running.process.signal(Signal::HUP);
    running.hear("did you mean `weight`?");
    scratch.write(WEB);
    running.process.signal(Signal::HUP);
    running.hear("Reloaded");
    running.process.signal(Signal::TERM);
    running.hear("Stopped");
    assert_eq!(running.process.code(), Some(0));
}

/// The status line of `GET /metrics`, and the page.
fn metrics(address: SocketAddr) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n")?;
    Some((head.lines().next()?.to_owned(), page.to_owned()))
}

#[test]
fn metrics_are_read_where_the_file_says_and_follow_a_reload() {
    let [.., a, b] = std::process::id().to_be_bytes();
    let address = |port| SocketAddr::from(([127, 2, a, b.clamp(1, 254)], port));
    let (one, two, taken) = (address(18_143), address(18_144), address(18_145));
    let at = |address: SocketAddr| format!("[gateway]\nmetrics = \"{address}\"\n{WEB}");
    let scratch = Scratch::new("metrics", &at(one));
    let running = Running::start(&scratch.file());
    running.hear("Serving");
    let (status, page) = metrics(one).unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK");
    let version = format!("sekisho_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
    assert!(page.contains(&version) && page.contains("sekisho_server_up{pool=\"web\",server=\"www2\"} 1\n"));
    let _other = TcpListener::bind(taken).unwrap();
    scratch.write(&at(taken));
    running.process.signal(Signal::HUP);
    running.hear("Not reloaded");
    assert!(metrics(one).unwrap().1.contains("sekisho_configuration_epoch 1\n"));
    scratch.write(&at(two));
    running.process.signal(Signal::HUP);
    running.hear(&format!("address={two}"));
    assert!(metrics(two).unwrap().1.contains("sekisho_configuration_epoch 2\n"));
    scratch.write(WEB);
    running.process.signal(Signal::HUP);
    running.hear("configuration 3");
    running.process.signal(Signal::TERM);
    running.hear("Stopped");
    assert_eq!(running.process.code(), Some(0));
    assert!(metrics(one).is_none() && metrics(two).is_none());
}

#[test]
fn metrics_that_cannot_be_read_stop_the_start_before_anybody_is_let_in() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let scratch = Scratch::new("metrics-taken", &format!("[gateway]\nmetrics = \"{taken}\"\n{WEB}"));
    let output = output(&["run", name(&scratch.file()), "--log", "info"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains(&format!("metrics cannot be read at {taken}")) && !said.contains("Serving"),
        "{said}"
    );
}

/// What a command of the operator prints, once it has done what it was asked.
fn operated(scratch: &Scratch, line: &[&str]) -> String {
    let file = scratch.file();
    let output = output(&[line, &["--config", name(&file)]].concat());
    assert_eq!(output.status.code(), Some(0), "{line:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn running_gateway_is_operated_through_the_socket_that_its_file_names() {
    let scratch = Scratch::new("operated", &format!("[gateway]\nadmin = 'admin.sock'\n{WEB}"));
    let file = scratch.file();
    let nobody = output(&["servers", "--config", name(&file)]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("is it running"), "{}", text(&nobody.stderr));
    let running = Running::start(&file);
    running.hear("Serving");
    let servers = operated(&scratch, &["servers"]);
    assert!(servers.contains("www1") && servers.contains("127.0.0.2:9"), "{servers}");
    assert_eq!(
        operated(&scratch, &["drain", "web/www1", "--kick"]),
        "web/www1 is draining and had 0 connections\n"
    );
    running.hear("action=\"state\" target=\"server web/www1\"");
    assert_eq!(operated(&scratch, &["weight", "web/www1", "5"]), "web/www1 has weight 5\n");
    let moved = operated(&scratch, &["move-user", "CORP\\alice", "www2"]);
    assert_eq!(moved, "alice is on www2 from the next connection on\n");
    let users = operated(&scratch, &["users", "--user", "Alice@corp.example"]);
    assert!(users.contains("alice  www2"), "{users}");
    let json = operated(&scratch, &["users", "--json"]);
    assert!(json.starts_with("{\"") && json.contains("\"server\":\"www2\""), "{json}");
    assert_eq!(
        operated(&scratch, &["move-users", "www2", "www1"]),
        "1 user is on www1 from the next connection on\n"
    );
    assert_eq!(operated(&scratch, &["kick-user", "alice"]), "0 connections ended\n");
    assert!(operated(&scratch, &["forget-user", "alice"]).starts_with("forgotten"));
    assert!(operated(&scratch, &["forget-user", "alice"]).starts_with("nothing"));
    assert!(operated(&scratch, &["connections", "--vip", "web"]).contains("known by"));
    assert!(operated(&scratch, &["maintenance", "web/www2"]).contains("maintenance"));
    assert!(operated(&scratch, &["ready", "web/www2"]).contains("web/www2 is up"));
    let unknown = output(&["drain", "web/www3", "--config", name(&file)]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("there is no server `www3` (known: www1, www2)"), "{unknown:?}");
    let log = running.log.try_iter().collect::<String>();
    assert!(!log.contains("alice"), "no user stands in a log: {log}");
    // A second gateway with the same file stops before it takes anything.
    let second = output(&["run", name(&file), "--log", "info"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("is in use: does another gateway run"), "{}", text(&second.stderr));
    running.process.signal(Signal::TERM);
    running.hear("Stopped");
    assert_eq!(running.process.code(), Some(0));
    assert!(!scratch.0.join("admin.sock").exists(), "it is removed at the end");
    scratch.write(WEB);
    let nowhere = output(&["users", "--config", name(&file)]);
    assert!(text(&nowhere.stderr).contains("has no admin socket"), "{}", text(&nowhere.stderr));
}

#[test]
fn second_signal_ends_connections_that_the_first_one_lets_finish() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    // An address of this process's own.
    let [.., a, b] = std::process::id().to_be_bytes();
    let vip = SocketAddr::from(([127, 1, a, b.clamp(1, 254)], 18_141));
    let configuration = format!(
        "[vip.line]\nlisten = [\"{vip}\"]\nprotocol = \"tcp\"\npool = \"line\"\n\n[pool.line]\nservers = {{ s = \
         \"{}\" }}\n",
        server.local_addr().unwrap()
    );
    let scratch = Scratch::new("twice", &configuration);
    let running = Running::start(&scratch.file());
    running.hear("Serving");
    let mut client = TcpStream::connect(vip).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut at_server, _) = server.accept().unwrap();
    at_server.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    running.process.signal(Signal::INT);
    running.hear("Stopping");
    at_server.write_all(b"y").unwrap();
    client.read_exact(&mut [0]).unwrap();
    running.process.signal(Signal::INT);
    running.hear("Stopped");
    assert_eq!(running.process.code(), Some(0));
    assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn demo_stays_up_until_a_signal_and_leaves_no_file() {
    let scratch = Scratch::new("demo", WEB);
    let mut child = sekisho(&["demo"])
        .env("TMPDIR", &scratch.0)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let process = Process(child);
    assert!(lines.any(|line| line.unwrap().starts_with("Here, type")));
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 2);
    process.signal(Signal::INT);
    assert!(lines.all(|line| line.is_ok()));
    assert_eq!(process.code(), Some(0));
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "only the test's own file is left");
}

#[test]
fn every_claim_of_the_demo_holds() {
    let output = output(&["demo", "--once"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", text(&output.stderr));
    assert!(!said.contains("FAILED") && said.contains("claims held"), "{said}");
    assert!(!said.contains('\x1b'), "colours without a terminal: {said:?}");
}
