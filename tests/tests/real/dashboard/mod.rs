//! The page of the operator's address, in a real browser.

mod browser;

use std::process::Command;

use sekisho_tests::{sekisho, until};
use serde_json::Value;

use super::{Folder, Nginx, Sekisho, run};
use browser::Browser;

/// A gateway with a reader's and an operator's token.
struct Site {
    sekisho: Sekisho,
    url: String,
    reader: String,
    operator: String,
}

impl Site {
    /// `host` is the test's own address; what is behind the gateway stands in `pools`.
    fn start(name: &str, host: &str, pools: &str) -> Self {
        let folder = Folder::new(name);
        let [reader, operator] = ["read", "operate"].map(|scope| {
            let mut make = Command::new(sekisho());
            make.args(["token", "new", "--name", scope, "--scope", scope, "--file"]);
            let output = make.arg(folder.path().join("tokens")).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        });
        let file = format!(
            "[gateway]\nlog = 'info'\n[admin]\nlisten = '{host}:7602'\ntokens = 'tokens'\n\
             [vip.web]\nlisten = '{host}:7600'\nprotocol = 'http'\npool = 'web'\n{pools}"
        );
        let sekisho = Sekisho::start_in(folder, &file, &format!("{host}:7602"));
        Self { sekisho, url: format!("http://{host}:7602/"), reader, operator }
    }

    /// A browser that shows the page to whoever has this token.
    fn shown(&self, port: u16, token: &str) -> Browser {
        let browser = Browser::start(port);
        browser.open(&self.url);
        browser.wait("the door", "return !document.getElementById('door').hidden");
        // That nobody is known without a token stands in the console, once.
        assert!(browser.console().iter().all(|line| line.contains("401")));
        browser.write("#token", token);
        browser.click("#enter button");
        browser.wait("a page that follows", "return document.querySelector('[data-standing=live]') != null");
        browser
    }
}

/// A condition that a row of a server has this state, as a word.
fn stands(server: &str, state: &str) -> String {
    format!(
        "const row = document.querySelector('[data-server=\"{server}\"] .state');\
         return row?.dataset.state === '{state}' && row.textContent.includes('{state}')"
    )
}

#[test]
fn page_shows_a_server_that_is_killed_and_an_operator_drains_another_by_a_click() {
    let host = "127.0.9.61";
    let [www1, mut www2] =
        [("www1", 7611), ("www2", 7612)].map(|(name, port)| Nginx::start(name, &format!("{host}:{port}")));
    let pools = format!(
        "[pool.web]\nservers = {{ www1 = '{}', www2 = '{}' }}\n\
         probe = {{ kind = 'http', path = '/', interval = '500ms', fast-interval = '200ms' }}\n",
        www1.address, www2.address
    );
    let site = Site::start("dashboard", host, &pools);
    let browser = site.shown(7603, &site.operator);
    browser.wait("www2 up", &stands("web/www2", "up"));
    www2.kill();
    browser.wait("www2 down", &stands("web/www2", "down"));
    browser.wait(
        "what happened",
        "return document.getElementById('happened').textContent.includes('web/www2: ')",
    );
    www2.restart();
    browser.wait("www2 up again", &stands("web/www2", "up"));

    // Thought better of, nothing is done.
    browser.click("[data-server='web/www1'] button");
    browser.click("#confirm button:not(.first)");
    assert_eq!(browser.script(&stands("web/www1", "up")), Value::Bool(true));
    browser.click("[data-server='web/www1'] button");
    browser.click("#do");
    browser.wait("www1 draining", &stands("web/www1", "draining"));
    let answer = run("curl", &["--silent", "--max-time", "20", &format!("http://{host}:7600/")]);
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "www2\n");

    // A server's probes, and its weight.
    browser.click("[data-server='web/www2'] .name a");
    browser.wait("probes", "return document.querySelectorAll('#detail .probes rect').length > 0");
    browser.script("document.getElementById('weight').value = 7");
    browser.click("#steer form button");
    browser.click("#do");
    browser.wait(
        "the weight",
        "return document.querySelector('[data-server=\"web/www2\"] .weight').textContent === '7'",
    );
    browser.click("#detail .title button");
    // Why a client went where it did.
    browser.click("[data-vip=web] a");
    until("a decision", || {
        let _ = run("curl", &["--silent", "--max-time", "20", &format!("http://{host}:7600/")]);
        let shown = "return document.querySelector('.decisions summary')?.textContent.includes('www2')";
        browser.script(shown).as_bool().filter(|is| *is)
    });
    assert_eq!(browser.console(), Vec::<String>::new(), "{}", site.sekisho.log());
}

#[test]
fn page_shows_no_button_that_changes_something_to_whoever_may_only_look() {
    let site =
        Site::start("dashboard-reader", "127.0.9.62", "[pool.web]\nservers = { a = '127.0.9.62:7611' }\n");
    let browser = site.shown(7604, &site.reader);
    browser.wait(
        "the row",
        "return document.querySelector('[data-server=\"web/a\"] .state')?.dataset.state != null",
    );
    assert_eq!(browser.seen("#pools button"), 0);
    browser.click("[data-server='web/a'] .name a");
    browser.wait("the server", "return document.getElementById('detail').open");
    assert_eq!((browser.seen("#steer"), browser.seen("#detail button")), (0, 1), "only the one that closes");
    browser.click("#detail .title button");
    browser.click("#leave");
    browser.wait("the door", "return document.getElementById('door')?.hidden === false");
    assert_eq!(browser.script("return sessionStorage.length"), 0, "the token is kept");
}

#[test]
fn page_keeps_up_with_a_thousand_servers() {
    let servers: Vec<String> = (0..1000).map(|n| format!("s{n} = '127.0.9.63:{}'", 8000 + n)).collect();
    let site = Site::start(
        "dashboard-thousand",
        "127.0.9.63",
        &format!("[pool.web.servers]\n{}\n", servers.join("\n")),
    );
    let browser = site.shown(7605, &site.operator);
    browser.wait("all rows", "return document.querySelectorAll('[data-server]').length === 1000");
    browser.write("#find", "s777");
    browser.wait("the one", "return document.getElementById('found').textContent === '1 of 1,000'");
    assert_eq!(browser.seen("[data-server]"), 1);
    assert_eq!(browser.seen("#standing[data-standing=live]"), 1);
    assert_eq!(browser.console(), Vec::<String>::new());
}
