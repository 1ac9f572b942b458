//! Servers that fail, and whose users may go where.

use sekisho_tests::{ImapServer, ImapTalk, Rig, until};

use super::{Client, farm, home, three};

/// Which of the servers has this name.
fn place(name: &str) -> usize {
    ["one", "two", "three"].iter().position(|known| *known == name).unwrap()
}

const TRY_AGAIN: &str = "x NO [UNAVAILABLE] Temporary failure, try again";

#[test]
fn users_of_a_sharded_server_wait_for_it_and_nobody_else_does() {
    let mut servers = three();
    let rig = Rig::start(&farm(
        "",
        "on-down = 'fail'\nhealth = { retry-after = '300ms' }",
        &[&servers[0], &servers[1], &servers[2]],
    ));
    let users: Vec<String> = (0..9).map(|n| format!("user{n}")).collect();
    let homes: Vec<String> = users.iter().map(|user| home(&rig, user)).collect();
    servers[place(&homes[0])].kill();
    for (user, own) in users.iter().zip(&homes) {
        let mut client = Client::new(&rig);
        if *own == homes[0] {
            assert_eq!(client.ask(&format!("x LOGIN {user} pw")), TRY_AGAIN);
            // The connection stays, and others log in on it.
            assert_eq!(client.ask("y NOOP"), "y OK Noop completed");
        } else {
            assert_eq!(client.log_in(user), *own);
        }
    }
    servers[place(&homes[0])].restart();
    let login = format!("y LOGIN {} pw", users[0]);
    let mut client = until("the own server is back", || {
        let mut client = Client::new(&rig);
        client.ask(&login).starts_with("y OK").then_some(client)
    });
    assert_eq!(client.who().0, homes[0]);
}

#[test]
fn users_elsewhere_for_a_time_come_home_once_their_server_is_back() {
    let mut servers = three();
    let rig = Rig::start(&farm("", "on-down = 'temporary'", &[&servers[0], &servers[1], &servers[2]]));
    let own = home(&rig, "anna");
    servers[place(&own)].kill();
    assert_ne!(home(&rig, "anna"), own);
    servers[place(&own)].restart();
    until("anna is at home again", || (home(&rig, "anna") == own).then_some(()));
}

#[test]
fn server_that_dies_with_the_password_in_its_hands_counts_as_failing_and_is_left_alone() {
    for verdict in ["", "* BYE", "HTTP/1.1 400 Bad Request"] {
        let fatal = ImapServer::talking(ImapTalk { verdict: Some(verdict), ..ImapTalk::of("fatal") });
        let well = ImapServer::start("well");
        let rig = Rig::start(&farm("", "method = 'first-available'", &[&fatal, &well]));
        let mut client = Client::new(&rig);
        assert_eq!(client.ask("x LOGIN anna pw"), TRY_AGAIN, "{verdict}");
        until("the server is seen to fail", || {
            let answer = client.ask("x LOGIN anna pw");
            assert!(answer == TRY_AGAIN || answer.starts_with("x OK"), "{answer}");
            answer.starts_with("x OK").then_some(())
        });
        assert_eq!(client.who().0, "well");
    }
}

#[test]
fn server_that_accepts_and_is_mute_is_replaced_before_anybody_notices() {
    let mute = ImapServer::talking(ImapTalk::greeting("mute", None));
    let well = ImapServer::start("well");
    // The answer to a password may take long; a greeting may not.
    let timeouts = "timeouts = { greeting = '1s', response = '20s' }";
    let rig = Rig::start(&farm(timeouts, "method = 'first-available'", &[&mute, &well]));
    assert_eq!(home(&rig, "anna"), "well");
    let line = rig.line(|_| true);
    assert_eq!((&line["attempts"], &line["known_by"]), (&2.into(), &"login".into()), "{line}");
}

#[test]
fn server_that_takes_no_password_is_told_from_one_that_refuses_it() {
    let unwilling = ImapServer::talking(ImapTalk {
        capabilities: "IMAP4rev1 LOGINDISABLED AUTH=GSSAPI",
        ..ImapTalk::of("unwilling")
    });
    let rig = Rig::start(&farm("", "", &[&unwilling]));
    let mut client = Client::new(&rig);
    assert_eq!(client.ask("x LOGIN anna pw"), "x NO [SERVERBUG] The server takes no password");
    assert!(unwilling.heard().iter().all(|line| !line.contains("pw")));
}

#[test]
fn server_that_answers_everything_but_the_login_is_not_waited_for_for_ever() {
    let slow = ImapServer::talking(ImapTalk { verdict: Some("* ID NIL"), ..ImapTalk::of("slow") });
    let rig = Rig::start(&farm("timeouts = { response = '1s' }", "", &[&slow]));
    let mut client = Client::new(&rig);
    assert_eq!(client.ask("x LOGIN anna pw"), TRY_AGAIN);
    assert_eq!(client.line(), "* BYE Too slow");
    assert_eq!(rig.line(|_| true)["end"], "response-timeout");
}

#[test]
fn servers_that_are_not_ready_cost_the_user_nothing() {
    let mut dead = ImapServer::start("dead");
    dead.kill();
    let talks = [Some("* BYE Too many connections"), Some("* PREAUTH come in"), Some("220 mail ESMTP"), None];
    let bad = talks.map(|greeting| ImapServer::talking(ImapTalk::greeting("bad", greeting)));
    let well = ImapServer::start("well");
    let options = "limits = { attempts = 8 }\ntimeouts = { response = '1s' }";
    let rig = Rig::start(&farm(options, "", &[&dead, &bad[0], &bad[1], &bad[2], &bad[3], &well]));
    for user in ["anna", "ben", "carla", "david", "emma", "finn"] {
        assert_eq!(home(&rig, user), "well");
    }
    assert!(bad.iter().all(|server| server.heard().is_empty()));
}

#[test]
fn password_is_told_to_one_server_only_and_the_client_may_try_again() {
    for verdict in ["", "* BYE", "HTTP/1.1 400 Bad Request"] {
        let fatal = ImapServer::talking(ImapTalk { verdict: Some(verdict), ..ImapTalk::of("fatal") });
        let well = ImapServer::start("well");
        let rig = Rig::start(&farm("", "method = 'first-available'", &[&fatal, &well]));
        let mut client = Client::new(&rig);
        let answer = client.ask("x LOGIN anna pw");
        assert_eq!(answer, "x NO [UNAVAILABLE] Temporary failure, try again", "{verdict}");
        assert_eq!(well.heard(), Vec::<String>::new());
        assert_eq!(client.ask("y NOOP"), "y OK Noop completed");
        assert_eq!(fatal.heard().iter().filter(|line| line.contains("AUTHENTICATE")).count(), 1);
    }
}

#[test]
fn nobody_there_is_said_with_the_clients_tag() {
    let mut server = ImapServer::start("one");
    server.kill();
    let rig = Rig::start(&farm("", "", &[&server]));
    let mut client = Client::new(&rig);
    assert_eq!(client.ask("x.1 LOGIN anna pw"), "x.1 NO [UNAVAILABLE] Temporary failure, try again");
    server.restart();
    until("the server is tried again", || client.ask("x LOGIN anna pw").starts_with("x OK").then_some(()));
}

#[test]
fn probe_takes_out_servers_that_listen_and_are_not_ready() {
    let well = ImapServer::start("well");
    let bad = [Some("* BYE Too many connections"), Some("220 mail ESMTP"), None]
        .map(|greeting| ImapServer::talking(ImapTalk::greeting("bad", greeting)));
    let refusing =
        ImapServer::talking(ImapTalk { verdict: Some("TAG NO no such user"), ..ImapTalk::of("refusing") });
    let probe = "probe = { kind = 'imap', user = 'probe', password = 'pw', interval = '100ms', timeout = '2s', \
                 fall = 1, rise = 1 }";
    let rig = Rig::start(&farm("", probe, &[&well, &bad[0], &bad[1], &bad[2], &refusing]));
    rig.until_state("p", "s0", "up");
    for name in ["s1", "s2", "s3", "s4"] {
        rig.until_state("p", name, "down");
    }
    assert!((0..6).all(|n| home(&rig, &format!("user{n}")) == "well"));
    assert!(well.heard().contains(&"|probe|pw".to_owned()));
}
