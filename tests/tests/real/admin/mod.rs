//! The operator's address, asked with curl as operators and their scripts ask it.

mod generated;
mod schema;

use std::process::Command;

use sekisho_tests::{program, sekisho, until};
use serde_json::{Value, json};

use super::{Folder, Sekisho, run};

/// A gateway whose operator has three tokens and a socket.
struct Site {
    sekisho: Sekisho,
    api: String,
    tokens: [String; 3],
}

impl Site {
    /// `host` is the test's own address.
    fn start(name: &str, host: &str) -> Self {
        let folder = Folder::new(name);
        let tokens = ["read", "operate", "configure"].map(|scope| {
            let file = folder.path().join("tokens");
            let mut make = Command::new(sekisho());
            make.args(["token", "new", "--name", scope, "--scope", scope, "--file"]).arg(file);
            let output = make.output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        });
        let file = format!(
            "[gateway]\nlog = 'info'\nmax-connections = 15000\nadmin = 'admin.sock'\nstate-directory = 'state'\n\
             [admin]\nlisten = '{host}:7502'\ntokens = 'tokens'\naudit-log = 'audit.log'\n\
             [vip.web]\nlisten = '{host}:7500'   # for everybody\nprotocol = 'tcp'\npool = 'web'\n\
             [pool.web]\nservers = {{ a = '{host}:7501' }}\n"
        );
        let sekisho = Sekisho::start_in(folder, &file, &format!("{host}:7502"));
        Self { sekisho, api: format!("http://{host}:7502"), tokens }
    }

    /// What curl gets: status and body.
    fn curl(&self, arguments: &[&str], path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.api);
        let mut all = vec!["--silent", "--show-error", "--max-time", "20", "--write-out", "%{http_code}"];
        all.extend(arguments);
        all.push(&url);
        let output = run("curl", &all);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.split_at(text.len().saturating_sub(3));
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text} {output:?}"));
        (status.parse().unwrap(), body)
    }

    fn with(&self, token: usize, arguments: &[&str], path: &str) -> (u16, Value) {
        let shown = format!("Authorization: Bearer {}", self.tokens[token]);
        let mut all = vec!["--header", shown.as_str()];
        all.extend(arguments);
        self.curl(&all, path)
    }

    fn audit(&self) -> Vec<Value> {
        let text = self.sekisho.folder.read("audit.log");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn command(&self, words: &[&str]) -> String {
        let mut command = Command::new(sekisho());
        let output = command.args(words).arg("--admin").arg(self.sekisho.folder.path().join("admin.sock"));
        let output = output.output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn token_is_good_for_its_scope_and_nothing_is_for_nobody() {
    let site = Site::start("admin-scopes", "127.0.9.11");
    let change = ["--json", r#"{"weight": 7}"#];
    assert_eq!(site.curl(&[], "/v1/status").0, 401);
    assert_eq!(site.curl(&["--header", "Authorization: Bearer sekisho_wrong"], "/v1/status").0, 401);
    // Two questions on one connection: what is not there has no body that the second would take for its answer.
    let (head, next) = (format!("{}/v1/servers/web/z/history", site.api), format!("{}/v1/status", site.api));
    let shown = format!("Authorization: Bearer {}", site.tokens[0]);
    let both = ["--silent", "--max-time", "20", "--header", &shown, "--head", "--verbose", &head, &next];
    let output = run("curl", &both);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("HTTP/1.1 404") && !told.contains("Excess"), "{told}");
    assert_eq!(site.with(0, &[], "/v1/status").0, 200);
    assert_eq!(site.with(0, &change, "/v1/servers/web/a").0, 403);
    assert_eq!(site.with(1, &change, "/v1/servers/web/a").0, 200);
    assert_eq!(site.with(1, &["--json", "{}"], "/v1/config/reload").0, 403);
    assert_eq!(site.with(2, &["--json", "{}"], "/v1/config/reload").0, 200);
    // A page of another site, even with a token; a name that the gateway does not go by; a form.
    assert_eq!(site.with(2, &["--header", "Origin: http://evil.example"], "/v1/status").0, 403);
    assert_eq!(site.with(2, &["--header", "Sec-Fetch-Site: cross-site"], "/v1/status").0, 403);
    assert_eq!(site.with(2, &["--header", "Host: evil.example"], "/v1/status").0, 421);
    assert_eq!(site.with(2, &["--data", "x=1"], "/v1/config/save").0, 415);

    let audit = site.audit();
    let line = |who: &str, what: &str| {
        let found = audit.iter().find(|line| line["who"] == who && line["action"] == what);
        found.unwrap_or_else(|| panic!("{who} {what}: {audit:?}")).clone()
    };
    let weight = line("token operate", "weight");
    assert_eq!((&weight["before"], &weight["after"]), (&json!(1), &json!(7)));
    assert_eq!((&weight["target"], &weight["from"]), (&json!("server web/a"), &json!("127.0.0.1")));
    assert_eq!(line("token read", "POST /v1/servers/{pool}/{server}")["status"], 403);
    let log = site.sekisho.log();
    assert!(!site.tokens.iter().any(|token| log.contains(token.as_str())), "a token stands in the log");
}

#[test]
fn every_attempt_to_change_something_that_is_refused_is_written_down_with_who_and_why() {
    let site = Site::start("admin-refused", "127.0.9.217");
    let path = "/v1/servers/web/a";
    let large = format!("{{\"weight\": 1, \"x\": \"{}\"}}", "y".repeat(20_000));
    let (twice, json) = (format!("Authorization: Bearer {}", site.tokens[0]), r#"{"weight": 7}"#);
    assert_eq!(site.curl(&["--json", json], path).0, 401);
    assert_eq!(site.with(1, &["--header", &twice, "--json", json], path).0, 400);
    assert_eq!(site.with(1, &["--data", "weight=7"], path).0, 415);
    assert_eq!(site.with(1, &["--json", &large], path).0, 413);
    assert_eq!(site.with(1, &["--json", r#"{"weight": 1000}"#], path).0, 400);
    assert_eq!(site.with(1, &["--json", json], "/v1/servers/web/z").0, 404);
    assert_eq!(site.with(1, &["--json", json, "-X", "PATCH"], path).0, 405);
    assert_eq!(site.with(2, &["--header", "Origin: http://evil.example", "--json", json], path).0, 403);
    // What only looks changes nothing, and is not written down.
    assert_eq!(site.curl(&[], "/v1/pools").0, 401);
    let audit = site.audit();
    let told: Vec<_> = audit.iter().map(|line| (line["who"].as_str().unwrap(), &line["status"])).collect();
    let (anna, stranger) = ("token operate", "stranger");
    let all = [
        (stranger, 401),
        (stranger, 400),
        (anna, 415),
        (anna, 413),
        (anna, 400),
        (anna, 404),
        (anna, 405),
        (stranger, 403),
    ];
    assert_eq!(told, all.map(|(who, status)| (who, json!(status))).each_ref().map(|(who, s)| (*who, s)));
    assert!(audit.iter().all(|line| line["refused"].is_string() && line["from"] == "127.0.0.1"), "{audit:?}");
    assert_eq!(audit[2]["target"], "web/a");
    assert_eq!(audit[0]["action"], "POST /v1/servers/{pool}/{server}");
}

#[test]
fn file_that_was_saved_and_not_brought_into_force_is_said_to_be_written() {
    let site = Site::start("admin-save", "127.0.9.218");
    let server = ["-X", "PUT", "--json", r#"{"address": "127.0.9.218:7504"}"#];
    assert_eq!(site.with(2, &server, "/v1/servers/web/b").0, 200);
    // Somebody has added a VIP to the file, whose address another program has.
    let other = std::net::TcpListener::bind("127.0.9.218:7505").unwrap();
    let file = site.sekisho.folder.read("gateway.toml");
    let more = "[vip.more]\nlisten = '127.0.9.218:7505'\nprotocol = 'tcp'\npool = 'web'\n";
    site.sekisho.folder.write("gateway.toml", &format!("{file}{more}"));
    let (status, why) = site.with(2, &["--json", "{}"], "/v1/config/save");
    assert_eq!(status, 409, "{why}");
    let (error, help) = (why["error"].as_str().unwrap(), why["help"].as_str().unwrap());
    assert!(error.contains("gateway.toml now has the changes") && error.contains("7505"), "{why}");
    assert!(help.contains("serves as before (epoch 2)") && help.contains("save again"), "{why}");
    assert!(site.sekisho.folder.read("gateway.toml").contains("127.0.9.218:7504"), "as it says");
    let status = site.with(0, &[], "/v1/status").1;
    assert_eq!((&status["epoch"], &status["changes"]), (&json!(2), &json!(1)), "as it says");
    drop(other);
    assert_eq!(site.with(2, &["--json", "{}"], "/v1/config/save").0, 200);
    assert_eq!(site.with(0, &[], "/v1/status").1["changes"], 0);
}

#[test]
fn what_is_changed_at_run_time_serves_is_shown_survives_a_crash_and_is_saved_with_its_comments() {
    let mut site = Site::start("admin-layer", "127.0.9.12");
    let vip = r#"{"listen": "127.0.9.12:7510", "protocol": "tcp", "pool": "web"}"#;
    assert_eq!(site.with(2, &["-X", "PUT", "--json", vip], "/v1/vips/new").0, 200);
    let server = r#"{"address": "127.0.9.12:7502", "weight": 3}"#;
    assert_eq!(site.with(2, &["-X", "PUT", "--json", server], "/v1/servers/web/b").0, 200);
    assert_eq!(site.with(2, &["-X", "DELETE"], "/v1/servers/web/a").0, 200);
    // Through the new VIP to the new server, which is the operator's own address.
    let through = run("curl", &["--silent", "--max-time", "20", "http://127.0.9.12:7510/v1/status"]);
    assert!(String::from_utf8_lossy(&through.stdout).contains("nobody knows who asks"), "{through:?}");
    // What is wrong changes nothing, and is shown where it stands.
    let (status, body) = site.with(2, &["-X", "DELETE"], "/v1/pools/web");
    assert_eq!(status, 422, "{body}");
    assert!(body["findings"].as_array().unwrap().iter().any(|finding| finding["origin"] == "runtime layer"));
    assert_eq!(site.with(2, &["-X", "DELETE"], "/v1/vips/gone").0, 404);
    let diff = site.command(&["diff"]);
    assert!(diff.contains("- pool.web.servers.a = ") && diff.contains("+ pool.web.servers.b = "), "{diff}");

    // Killed, and started anew.
    site.sekisho.running.signal(rustix::process::Signal::KILL);
    let folder = site.sekisho.folder.path().to_owned();
    let mut command = Command::new(sekisho());
    command.arg("run").arg(folder.join("gateway.toml")).stderr(std::process::Stdio::null());
    let _ = site.sekisho.running.0.wait();
    site.sekisho.running = super::Running::start(&mut command, "127.0.9.12:7502".parse().unwrap());
    assert_eq!(site.with(0, &[], "/v1/status").1["changes"], 3);
    assert_eq!(site.command(&["diff"]), diff);

    site.command(&["save"]);
    let file = site.sekisho.folder.read("gateway.toml");
    assert!(file.contains("# for everybody") && file.contains("[vip.new]"), "{file}");
    assert_eq!(site.command(&["diff"]), "the gateway serves by its file alone\n");
    assert!(!folder.join("state/runtime.toml").exists());
    let check = Command::new(sekisho()).arg("check").arg(folder.join("gateway.toml")).output().unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn events_tell_of_changes_and_decisions_are_kept_while_somebody_watches() {
    let site = Site::start("admin-events", "127.0.9.13");
    let token = format!("Authorization: Bearer {}", site.tokens[0]);
    let stream = site.sekisho.folder.path().join("events");
    let url = format!("{}/v1/events?topics=operator,health,reload,numbers", site.api);
    let mut curl = Command::new(program("curl"));
    curl.args(["--silent", "--no-buffer", "--header", &token, "--output"]).arg(&stream).arg(&url);
    let mut following = super::Running(curl.spawn().unwrap());
    let heard = |text: &str| {
        until(&format!("`{text}` in the events"), || {
            std::fs::read_to_string(&stream).unwrap_or_default().contains(text).then_some(())
        });
    };
    heard("event: numbers");
    assert_eq!(site.with(1, &["--json", r#"{"state": "drain"}"#], "/v1/servers/web/a").0, 200);
    heard(r#""target":"server web/a""#);
    heard(r#""state":"draining""#);
    assert_eq!(site.with(2, &["--json", "{}"], "/v1/config/reload").0, 200);
    heard("event: reload");
    let _ = following.0.kill();

    assert_eq!(site.with(0, &[], "/v1/decisions?vip=web").1, json!({ "decisions": [] }));
    let _ = run("curl", &["--silent", "--max-time", "20", "http://127.0.9.13:7500/"]);
    let decision = until("a decision", || {
        site.with(0, &[], "/v1/decisions?vip=web").1["decisions"].as_array().unwrap().first().cloned()
    });
    assert_eq!(decision["server"], Value::Null, "its only server takes nobody new: {decision}");
    assert_eq!(decision["candidates"][0]["state"], "draining", "{decision}");
}

#[test]
fn token_that_was_struck_out_is_good_for_nothing_after_a_reload() {
    let site = Site::start("admin-tokens", "127.0.9.14");
    assert_eq!(site.with(0, &[], "/v1/status").0, 200);
    let kept = site.sekisho.folder.read("tokens");
    let without: String =
        kept.lines().filter(|line| !line.starts_with("read ")).map(|l| format!("{l}\n")).collect();
    let stream = site.sekisho.folder.path().join("events");
    let (shown, url) =
        (format!("Authorization: Bearer {}", site.tokens[0]), format!("{}/v1/events", site.api));
    let mut curl = Command::new(program("curl"));
    curl.args(["--silent", "--no-buffer", "--header", &shown, "--output"]).arg(&stream).arg(&url);
    let mut following = super::Running(curl.spawn().unwrap());
    until("the first numbers", || {
        std::fs::read_to_string(&stream).unwrap_or_default().contains("event: numbers").then_some(())
    });
    site.sekisho.folder.write("tokens", &without);
    site.command(&["reload"]);
    until("the end of the stream", || following.0.try_wait().unwrap());
    assert_eq!(site.with(0, &[], "/v1/status").0, 401);
    assert_eq!(site.with(1, &[], "/v1/status").0, 200);
}

#[test]
fn reload_that_moves_the_operators_doors_is_answered_where_it_was_asked_for_and_written_down() {
    let mut site = Site::start("admin-doors", "127.0.9.215");
    let uptime = |site: &Site| site.with(0, &[], "/v1/status").1["uptime_seconds"].as_f64().unwrap();
    let before = uptime(&site);
    let file = site.sekisho.folder.read("gateway.toml");
    site.sekisho.folder.write("gateway.toml", &file.replace("127.0.9.215:7502", "127.0.9.215:7503"));
    assert_eq!(site.with(2, &["--json", "{}"], "/v1/config/reload").0, 200);
    site.api = "http://127.0.9.215:7503".to_owned();
    assert!(uptime(&site) > before, "it is the process' own, and not the door's");
    site.sekisho.folder.write("gateway.toml", &file.replace("admin.sock", "other.sock"));
    site.command(&["reload"]);
    site.api = "http://127.0.9.215:7502".to_owned();
    let reloads = site.audit().into_iter().filter(|line| line["action"] == "reload");
    assert_eq!(
        reloads.map(|line| line["who"].clone()).collect::<Vec<_>>(),
        [json!("token configure"), json!(format!("uid {}", rustix::process::getuid().as_raw())),]
    );
    assert_eq!(site.with(0, &[], "/v1/status").0, 200);
}

#[test]
fn upgrade_that_would_forget_what_was_changed_at_run_time_is_refused() {
    let site = Site::start("admin-upgrade", "127.0.9.216");
    let file = site.sekisho.folder.read("gateway.toml");
    site.sekisho.folder.write("gateway.toml", &file.replace("state-directory = 'state'\n", ""));
    assert_eq!(site.with(2, &["--json", "{}"], "/v1/config/reload").0, 200);
    let server = ["-X", "PUT", "--json", r#"{"address": "127.0.9.216:7504"}"#];
    assert_eq!(site.with(2, &server, "/v1/servers/web/b").0, 200);
    let (status, why) = site.with(2, &["--json", "{}"], "/v1/upgrade");
    assert!(status == 409 && why.to_string().contains("runtime layer"), "{status} {why}");
    let pools = site.with(0, &[], "/v1/pools").1;
    assert_eq!(pools["pools"][0]["servers"].as_array().map(Vec::len), Some(2), "{pools}");
}
