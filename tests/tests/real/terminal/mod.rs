//! What operators see in a terminal, of a gateway that serves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use sekisho_tests::{program, sekisho, until};
use serde_json::Value;

use super::{Folder, Nginx, Sekisho, run};

/// A gateway before one web server that serves and one that is not there.
struct Site {
    sekisho: Sekisho,
    vip: String,
    _server: Nginx,
}

impl Site {
    /// `host` is the test's own address.
    fn start(name: &str, host: &str) -> Self {
        let server = Nginx::start("here", &format!("{host}:7601"));
        let vip = format!("{host}:7600");
        let file = format!(
            "[gateway]\nlog = 'info'\nmax-connections = 15000\nadmin = 'admin.sock'\n\
             [vip.web]\nlisten = '{vip}'\nprotocol = 'http'\npool = 'web'\n\
             [pool.web]\nservers = {{ here = '{host}:7601', gone = '{host}:7602' }}\n\
             probe = {{ kind = 'tcp', interval = '500ms', fast-interval = '200ms', fall = 1 }}\n"
        );
        let sekisho = Sekisho::start_in(Folder::new(name), &file, &vip);
        Self { sekisho, vip, _server: server }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(sekisho());
        command.args(words).arg("--admin").arg(self.socket()).stdin(Stdio::null());
        command
    }

    fn socket(&self) -> std::path::PathBuf {
        self.sekisho.folder.path().join("admin.sock")
    }

    fn ask(&self, words: &[&str]) -> (i32, String) {
        let Output { status, stdout, .. } = self.command(words).output().unwrap();
        (status.code().unwrap(), String::from_utf8(stdout).unwrap())
    }

    fn json(&self, words: &[&str]) -> Value {
        let (_, text) = self.ask(&[words, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
    }

    fn state(&self, server: &str) -> String {
        let answer = self.json(&["top", "--once"]);
        let servers = answer["servers"].as_array().unwrap();
        let row = servers.iter().find(|row| row["name"] == server).unwrap();
        row["state"].as_str().unwrap().to_owned()
    }

    fn until_state(&self, server: &str, state: &str) {
        until(&format!("{server} is {state}"), || (self.state(server) == state).then_some(()));
    }

    fn request(&self) {
        let mut stream = TcpStream::connect(&self.vip).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("here\n"), "{answer}");
    }
}

/// A program that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn status_says_what_is_wrong_and_exits_by_how_bad_it_is() {
    let site = Site::start("terminal-status", "127.0.9.31");
    site.until_state("gone", "down");
    let (code, text) = site.ask(&["status"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("sekisho WARNING: 1 of 2 servers take new clients"), "{text}");
    assert!(text.contains("warning: server web/gone is down: "), "{text}");

    // Somebody wants it so: no problem. Nobody is left: the worst.
    site.ask(&["maintenance", "web/gone"]);
    assert_eq!(site.ask(&["status"]).0, 0);
    site.ask(&["drain", "web/here"]);
    let worst = site.json(&["status"]);
    assert_eq!(worst["verdict"], "critical", "{worst}");
    assert_eq!(worst["pools"][0]["servers"][0]["state"], "draining");
    assert_eq!(site.ask(&["status"]).0, 2);

    let nobody = run(sekisho().to_str().unwrap(), &["status", "--admin", "no-such.sock"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no gateway answers"));
}

#[test]
fn top_prints_one_frame_where_there_is_no_terminal() {
    let site = Site::start("terminal-once", "127.0.9.32");
    site.until_state("gone", "down");
    let (code, text) = site.ask(&["top"]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("1 of 2 servers take new clients"), "{text}");
    assert!(lines.iter().any(|line| line.starts_with("web  http")), "{text}");
    assert!(lines.iter().any(|line| line.starts_with("web/gone") && line.contains(" down ")), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let (_, filtered) = site.ask(&["top", "--once", "--filter", "down"]);
    assert!(filtered.contains("web/gone") && !filtered.contains("web/here"), "{filtered}");
}

#[test]
fn tail_tells_who_gets_where_and_what_changes_as_it_happens() {
    let site = Site::start("terminal-tail", "127.0.9.33");
    site.until_state("gone", "down");
    let mut tail = site.command(&["tail", "--json"]);
    let mut tail = Ended(tail.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(tail.0.stdout.take().unwrap()).lines();
    let (teller, told) = mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| teller.send(line)));
    // Requests and changes until both are told: decisions are kept from when somebody watches.
    let (mut decided, mut drained) = (None, None);
    until("a decision and a change are told", || {
        site.request();
        site.ask(&["drain", "web/gone"]);
        for line in std::iter::from_fn(|| told.recv_timeout(Duration::from_millis(100)).ok()).take(100) {
            let told: Value = serde_json::from_str(&line).unwrap();
            match told["event"].as_str() {
                Some("decision") => decided = Some(told),
                Some("operator") => drained = Some(told),
                _ => {}
            }
        }
        (decided.is_some() && drained.is_some()).then_some(())
    });
    let decided = decided.unwrap();
    assert_eq!((&decided["vip"], &decided["server"]), (&"web".into(), &"here".into()), "{decided}");
    assert_eq!(drained.unwrap()["target"], "server web/gone");

    // Filters: nobody comes from there; an end after one line.
    let mut one = site.command(&["tail", "--vip", "web", "--client", "127.0.0.0/8", "--count", "1"]);
    let mut one = Ended(one.stdout(Stdio::piped()).spawn().unwrap());
    until("one line is enough", || {
        site.request();
        one.0.try_wait().unwrap()
    });
    let mut text = String::new();
    one.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains(" web 127.0.") && text.contains("-> web/here: "), "{text}");

    let (code, text) = site.ask(&["tail", "--vip", "nobody"]);
    assert_eq!((code, text.as_str()), (1, ""));
}

/// `sekisho top` at a terminal, which `script` makes.
#[test]
fn keys_drain_a_server_once_it_is_confirmed_and_the_terminal_is_given_back() {
    let site = Site::start("terminal-keys", "127.0.9.34");
    site.until_state("gone", "down");
    let line = format!(
        "stty rows 24 columns 100; stty -g; {} top --filter here --admin {}; stty -g",
        sekisho().display(),
        site.socket().display()
    );
    let screen = site.sekisho.folder.path().join("screen");
    let mut script = Command::new(program("script"));
    script.args(["--quiet", "--flush", "--return", "--command", &line]).arg(&screen).env("SHELL", "/bin/sh");
    let mut script = Ended(script.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
    let mut keys = script.0.stdin.take().unwrap();
    let shown = |what: &str| {
        until(&format!("`{what}` on the screen"), || {
            let text = std::fs::read(&screen).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(what).then_some(())
        });
    };
    shown("q quit  s sort");
    keys.write_all(b"d").unwrap();
    shown("drain web/here, which has 0 connections?");
    assert_eq!(site.state("here"), "up", "nothing is done before it is confirmed");
    keys.write_all(b"y").unwrap();
    shown("web/here is draining");
    assert_eq!(site.state("here"), "draining");
    keys.write_all(b"q").unwrap();
    let status = until("it ends", || script.0.try_wait().unwrap());
    assert!(status.success(), "{status}");

    let text = String::from_utf8_lossy(&std::fs::read(&screen).unwrap()).into_owned();
    let (before, rest) = text.split_once("\u{1b}[?1049h").unwrap_or_else(|| panic!("{text:?}"));
    let (_, after) = rest.rsplit_once("\u{1b}[?1049l").unwrap_or_else(|| panic!("{text:?}"));
    // What `stty -g` says of the terminal.
    let settings = |text: &str| {
        text.lines().map(str::trim).find(|line| line.matches(':').count() > 10).map(str::to_owned)
    };
    assert!(settings(before).is_some(), "{before:?}");
    assert_eq!(settings(before), settings(after), "{text:?}");
}

#[test]
fn shells_and_the_manual_know_every_command() {
    let sekisho = sekisho();
    let sekisho = sekisho.to_str().unwrap();
    let bash = String::from_utf8(run(sekisho, &["completions", "bash"]).stdout).unwrap();
    let folder = Folder::new("terminal-manual");
    let script = folder.write("completions", &bash);
    assert!(run("bash", &["-n", script.to_str().unwrap()]).status.success());
    for shell in ["zsh", "fish"] {
        assert!(run(sekisho, &["completions", shell]).stdout.len() > 1000, "{shell}");
    }
    let pages = folder.path().join("man");
    assert!(run(sekisho, &["man", pages.to_str().unwrap()]).status.success());
    for command in ["drain", "top", "status", "tail", "move-user", "run", "explain"] {
        assert!(bash.contains(command), "{command}");
        let page = std::fs::read_to_string(pages.join(format!("sekisho-{command}.1"))).unwrap();
        assert!(page.contains(".SH OPTIONS"), "{command}: {page}");
    }
    assert!(!pages.join("sekisho-speak-vrrp.1").exists(), "what people do not type has no page");
}
