//! What a new process knows.

use sekisho_tests::until;

use super::site::{Site, WEB};

/// The value of a field of an answer.
fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[test]
fn clients_keep_their_servers_and_servers_their_state_over_an_upgrade() {
    // Without a state directory all of it goes from process to process.
    let site = Site::start("memory", "", "persist = ['cookie', 'source-ip']");
    let answer = site.ask(WEB, "/", "").unwrap();
    let cookie = field(&answer, "set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let server = answer.rsplit("\r\n").next().unwrap().to_owned();
    let other = if server == "one" { "two" } else { "one" };
    site.operate(&["drain", &format!("web/{server}")]);
    site.operate(&["weight", &format!("web/{other}"), "7"]);
    let before = site.process();
    site.operate(&["upgrade"]);
    site.process_after(before);

    let shown = site.operate(&["servers"]);
    let line = |name: &str| shown.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line(&server).contains("draining") && line(other).contains(" 7 "), "{shown}");
    let known = site.ask(WEB, "/", &format!("Cookie: {cookie}\r\n")).unwrap();
    assert!(known.ends_with(&server) && field(&known, "set-cookie").is_none(), "{known}");
    // By its address the client is known as well.
    assert_eq!(site.who(WEB), server);
}

#[test]
fn what_the_operator_set_survives_a_restart_until_ready_is_said() {
    let folder = |site: &Site| format!("state-directory = '{}'", site.path("state").display());
    let mut site = Site::new("restart");
    site.configure(&folder(&site), "");
    site.run();
    site.operate(&["maintenance", "web/one"]);
    let restart = |site: &mut Site| {
        let before = site.process();
        site.signal(before, "-TERM");
        until("it has stopped", || (!site.path("pid").exists()).then_some(()));
        site.run();
    };
    until("it is written", || site.path("state/operator.json").exists().then_some(()));
    restart(&mut site);
    let shown = site.operate(&["servers"]);
    assert!(shown.contains("maintenance"), "{shown}");
    assert!((0..4).all(|_| site.who(WEB) == "two"));
    site.operate(&["ready", "web/one"]);
    until("it is forgotten", || (!site.path("state/operator.json").exists()).then_some(()));
    restart(&mut site);
    let shown = site.operate(&["servers"]);
    assert!(!shown.contains("maintenance"), "{shown}");
}
