use std::ffi::OsString;
use std::time::Duration;

use clap::CommandFactory;

use super::commands::Command;
use super::*;

fn parsed(line: &[&str]) -> Result<Command, clap::Error> {
    let line = std::iter::once(&"sekisho").chain(line).map(OsString::from);
    parse(line, &crate::builtin()).map(|arguments| arguments.command)
}

fn refused(line: &[&str]) -> (i32, String) {
    let error = parsed(line).unwrap_err();
    (error.exit_code(), error.to_string())
}

#[test]
fn definition_of_the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_reads_its_options() {
    let Ok(Command::Run(run)) = parsed(&["run", "a.toml", "--log", "debug", "--log-format", "json"]) else {
        panic!("run")
    };
    assert_eq!((run.log.as_deref(), run.log_format), (Some("debug"), Some(LogFormat::Json)));
    let Ok(Command::Check(check)) = parsed(&["check", "a.toml", "--warnings-are-errors"]) else {
        panic!("check")
    };
    assert!(check.warnings_are_errors);
    let Ok(Command::Demo(demo)) = parsed(&["demo", "--once"]) else { panic!("demo") };
    assert!(demo.once);
    let line = ["explain", "a.toml", "--vip", "web", "--key", "user=a=b", "--down", "www1", "--down", "www2"];
    let Ok(Command::Explain(explain)) = parsed(&line) else { panic!("explain") };
    assert_eq!(explain.keys, [("user".to_owned(), "a=b".to_owned())]);
    let line =
        ["explain", "a.toml", "--vip", "web", "--request", "PUT /a:b", "--header", "x-a: b: c", "--verbose"];
    let Ok(Command::Explain(asked)) = parsed(&line) else { panic!("explain") };
    assert_eq!(asked.request, Some(("PUT".to_owned(), "/a:b".to_owned())));
    assert_eq!(asked.headers, [("x-a".to_owned(), "b: c".to_owned())]);
    assert!(parsed(&["explain", "a.toml", "--vip", "web", "--verbose"]).is_err());
    for wrong in ["GET", "GET x y", "GET shop", ""] {
        assert!(parsed(&["explain", "a.toml", "--vip", "web", "--request", wrong]).is_err(), "{wrong}");
    }
    assert_eq!(explain.down, ["www1", "www2"]);
    let Ok(Command::NewProtocol(new)) = parsed(&["new-protocol", "greet", "--path", "x"]) else {
        panic!("new-protocol")
    };
    assert_eq!(new.name, "greet");
    let line = ["rdp-file", "a.toml", "desks", "--user", "CORP\\alice", "--expires", "12h"];
    let Ok(Command::RdpFile(file)) = parsed(&line) else { panic!("rdp-file") };
    assert_eq!((file.user.as_deref(), file.server), (Some("CORP\\alice"), None));
    assert_eq!(file.expires, Duration::from_secs(12 * 3600));
}

#[test]
fn operators_commands_read_their_options() {
    let Ok(Command::Drain(drain)) = parsed(&["drain", "mail/m1", "--kick", "--admin", "x.sock"]) else {
        panic!("drain")
    };
    assert_eq!((drain.server.as_str(), drain.kick), ("mail/m1", true));
    let line = ["move-user", "CORP\\alice", "mail/m2", "--domain", "staff", "--json"];
    let Ok(Command::MoveUser(user)) = parsed(&line) else { panic!("move-user") };
    assert_eq!((user.user.as_str(), user.server.as_str(), user.at.json), ("CORP\\alice", "mail/m2", true));
    for line in [
        &["drain", "m1"][..],
        &["drain", "mail/"],
        &["drain", "mail/m1/kick"],
        &["weight", "mail/m1", "257"],
        &["users", "--limit", "0"],
        &["move-user", "alice"],
        &["servers", "--admin", "a", "--config", "b"],
    ] {
        assert_eq!(refused(line).0, 2, "{line:?}");
    }
}

#[test]
fn cookie_may_begin_like_an_option() {
    for name in ["--cookie", "--token"] {
        let parsed = parsed(&["explain", "a.toml", "--vip", "web", name, "-W1x"]);
        let Ok(Command::Explain(explain)) = parsed else { panic!("{name}: {parsed:?}") };
        assert_eq!(explain.cookie.or(explain.token).as_deref(), Some("-W1x"));
    }
}

#[test]
fn mistaken_command_line_exits_with_two_and_suggests() {
    let (code, text) = refused(&["chek", "a.toml"]);
    assert_eq!(code, 2);
    assert!(text.contains("'check'"), "{text}");
    for line in [&["run"][..], &["explain", "a.toml"], &["explain", "a.toml", "--vip", "w", "--key", "user"]]
    {
        assert_eq!(refused(line).0, 2, "{line:?}");
    }
    for more in [&[][..], &["--user", "a", "--server", "b"], &["--user", "a", "--expires", "0s"]] {
        let line = [&["rdp-file", "a.toml", "desks"][..], more].concat();
        assert_eq!(refused(&line).0, 2, "{line:?}");
    }
}

#[test]
fn help_and_version_are_no_failure() {
    for line in [&["--help"][..], &["--version"], &["run", "--help"]] {
        assert_eq!(refused(line).0, 0, "{line:?}");
    }
    assert_eq!(refused(&["--version"]).1, format!("sekisho {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_mentions_every_command_every_protocol_and_every_exit_code() {
    let (_, text) = refused(&["--help"]);
    let of_people = |command: &&clap::Command| !command.is_hide_set();
    for command in Arguments::command().get_subcommands().filter(of_people) {
        assert!(text.contains(command.get_name()), "{} in {text}", command.get_name());
        let (_, long) = refused(&[command.get_name(), "--help"]);
        assert!(long.contains("Examples:"), "{long}");
        assert!(long.contains("Exit status:"), "{long}");
    }
    for protocol in crate::builtin().protocols() {
        assert!(text.contains(protocol.descriptor().summary), "{text}");
    }
    assert!(text.contains("SIGHUP") && text.contains("SIGTERM"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
