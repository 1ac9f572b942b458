//! Debian's chromium, led by chromedriver (W3C WebDriver), which is spoken to with curl.

use std::process::{Command, Stdio};

use sekisho_tests::{program, until};
use serde_json::{Value, json};

use super::super::{Folder, Running, run};

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page; gone when dropped.
pub(super) struct Browser {
    session: String,
    _driver: Running,
    _folder: Folder,
}

impl Browser {
    /// `port` is chromedriver's, and the test's own.
    pub(super) fn start(port: u16) -> Self {
        program("chromium");
        let folder = Folder::new(&format!("dashboard-browser-{port}"));
        let mut command = Command::new(program("chromedriver"));
        command.arg(format!("--port={port}")).stdout(Stdio::null());
        let driver = Running::start(&mut command, format!("127.0.0.1:{port}").parse().unwrap());
        let words = [
            "headless",
            "no-sandbox",
            "disable-gpu",
            "no-first-run",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "disable-dev-shm-usage",
            "no-proxy-server",
            "window-size=1280,900",
        ];
        let mut arguments: Vec<String> = words.iter().map(|word| format!("--{word}")).collect();
        arguments.push(format!("--user-data-dir={}", folder.path().join("profile").display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let all = format!("http://127.0.0.1:{port}/session");
        let opened = ask("POST", &all, &wanted);
        let session = format!("{all}/{}", opened["sessionId"].as_str().unwrap());
        Self { session, _driver: driver, _folder: folder }
    }

    /// Opens a page.
    pub(super) fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// What a function's body returns in the page.
    pub(super) fn script(&self, body: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Waits until the body returns what is true.
    pub(super) fn wait(&self, what: &str, body: &str) {
        until(what, || self.script(body).as_bool().filter(|is| *is));
    }

    /// Clicks at an element as a hand does: what is covered cannot be clicked.
    pub(super) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into an element.
    pub(super) fn write(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.post(&format!("/element/{element}/value"), &json!({ "text": text }));
    }

    /// How many elements of a kind can be seen.
    pub(super) fn seen(&self, selector: &str) -> u64 {
        let body = format!(
            "return [...document.querySelectorAll({selector:?})].filter(e => e.checkVisibility()).length"
        );
        self.script(&body).as_u64().unwrap()
    }

    /// What the console has said since the last time.
    pub(super) fn console(&self) -> Vec<String> {
        let lines = self.post("/se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().unwrap().iter();
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    fn find(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("no element {selector}: {found}")).to_owned()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        ask("POST", &format!("{}{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = run("curl", &["--silent", "--max-time", "20", "-X", "DELETE", &self.session]);
    }
}

fn ask(method: &str, url: &str, body: &Value) -> Value {
    let (limit, body) = (["--silent", "--show-error", "--max-time", "100"], body.to_string());
    let output = run("curl", &[&limit[..], &["-X", method, "--json", &body, url]].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {output:?}");
    });
    assert!(answer["value"]["error"].is_null(), "{url} {body}: {answer}");
    answer["value"].clone()
}
