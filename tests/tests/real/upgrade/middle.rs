//! Upgrades that come to nothing.

use std::time::Duration;

use rustix::process::{Signal, kill_process};
use sekisho_tests::until;

use super::site::{RAW, Site, WEB};

#[test]
fn new_process_with_a_broken_configuration_changes_nothing() {
    let site = Site::start("broken", "", "");
    let process = site.process();
    site.configure("", "no-such-key = 1");
    let said = site.upgrade_fails();
    assert!(said.contains("the new process says") && said.contains("no-such-key"), "{said}");
    // An address that somebody else has.
    site.configure("", "[vip.more]\nlisten = '127.0.9.11:80'\nprotocol = 'tcp'\npool = 'web'");
    let said = site.upgrade_fails();
    assert!(said.contains("127.0.9.11:80"), "{said}");
    site.configure("", "[peers]\nname = 'a'\nlisten = '127.0.9.11:80'\nnodes = { b = '127.0.9.99:7' }");
    let said = site.upgrade_fails();
    assert!(said.contains("peers cannot listen on 127.0.9.11:80"), "{said}");
    assert_eq!(site.process(), process);
    assert!(["one", "two"].contains(&site.who(WEB).as_str()));
    // What is wrong can be put right, and then it works.
    site.configure("", "");
    site.operate(&["upgrade"]);
    site.process_after(process);
    site.who(RAW);
}

#[test]
fn program_that_is_something_else_changes_nothing() {
    let site = Site::start("else", "", "");
    let process = site.process();
    for (script, said) in [
        ("#!/bin/sh\nexit 3\n", "exit status: 3"),
        ("#!/bin/sh\nkill -9 $$\n", "signal: 9"),
        // It hears nothing and says nothing any more, and does not end.
        ("#!/bin/sh\nexec sleep 600 <&-\n", "has gone"),
        ("no program at all", "os error"),
    ] {
        site.install_script(script);
        let answer = site.upgrade_fails();
        assert!(answer.contains(said), "{answer}");
        assert_eq!(site.process(), process);
        site.who(WEB);
    }
}

#[test]
fn new_process_that_is_killed_in_the_middle_changes_nothing() {
    let site = Site::start("killed", "", "");
    let mut process = site.process();
    // Slow enough to be found before it serves.
    std::fs::rename(site.path("sekisho"), site.path("sekisho.real")).unwrap();
    let real = site.path("sekisho.real");
    site.install_script(&format!("#!/bin/sh\nsleep 1\nexec {} \"$@\"\n", real.display()));
    let mut killed = 0;
    for round in 0..8 {
        let before = site.heirs();
        let mut asked = site.command(&["upgrade"]).spawn().unwrap();
        let heir = until("there is a new process", || {
            site.heirs().into_iter().find(|child| !before.contains(child))
        });
        std::thread::sleep(Duration::from_millis(150 * round));
        let stopped = kill_process(heir, Signal::STOP);
        std::thread::sleep(Duration::from_millis(100));
        if stopped.is_err() || asked.try_wait().unwrap().is_some() {
            // It was too late to be the middle.
            let _ = kill_process(heir, Signal::CONT);
            let output = asked.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}\n{}", site.log());
            process = site.process_after(process);
            continue;
        }
        site.who(WEB);
        kill_process(heir, Signal::KILL).unwrap();
        let output = asked.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}\n{}", site.log());
        assert!(String::from_utf8_lossy(&output.stderr).contains("signal: 9"), "{output:?}");
        assert_eq!(site.process(), process);
        site.who(WEB);
        site.who(RAW);
        killed += 1;
    }
    assert!(killed > 0, "{}", site.log());
    site.operate(&["upgrade"]);
    site.process_after(process);
}
