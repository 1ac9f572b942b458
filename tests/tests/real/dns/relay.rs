use std::io::Write as _;
use std::process::{Command, Stdio};

use sekisho_tests::{Authority, program, until};

use super::server::KEY;
use super::{Folder, Program, Sekisho, Server, ZONE, ask, names, resolvers, whole};

#[test]
fn signatures_verify_at_both_ends_and_wrong_ones_do_not() {
    let listen = "127.0.6.21:7500";
    let servers = [Server::start(Program::Named, "named", "127.0.0.1:7521")];
    let sekisho = Sekisho::start("dns-tsig", &resolvers(listen, &servers, "", ""), listen);
    let (at, name) = (listen.parse().unwrap(), names(1).remove(0));
    let wrong = KEY.replace("c2hh", "AAAA");
    for transport in ["+notcp", "+tcp"] {
        for tool in ["dig", "kdig"] {
            let good = whole(tool, at, &["-y", KEY, transport, &name, "TXT"]);
            let verified = good.contains("NOERROR") && good.contains("\"named\"") && good.contains("TSIG");
            let complaint = good.to_lowercase().contains("verif") || good.contains("could not be validated");
            assert!(verified && !complaint, "{tool} {transport}: {good}\n{}", sekisho.log());
        }
        let bad = whole("dig", at, &["-y", &wrong, transport, &name, "TXT"]);
        assert!(bad.contains("NOTAUTH") && bad.contains("BADSIG"), "{transport}: {bad}");
    }
}

#[test]
fn transfers_come_whole_over_tcp_and_tls() {
    let (plain, secure) = ("127.0.6.22:7500", "127.0.6.22:7505");
    let servers = [Server::start(Program::Nsd, "nsd", "127.0.6.22:7502")];
    let folder = Folder::new("dns-transfer");
    Authority::new().issue(&[ZONE], folder.path());
    let configuration = resolvers(plain, &servers, "", "")
        + &format!(
            "[vip.secure]\nlisten = '{secure}'\nprotocol = 'dns'\npool = 'resolvers'\n\
             tls = {{ certificates = ['dns.test.pem'] }}\n"
        );
    let sekisho = Sekisho::start_in(folder, &configuration, plain);
    let records = |tool: &str, at: &str, transport: &str| -> Vec<String> {
        let text = whole(tool, at.parse().unwrap(), &[transport, ZONE, "AXFR"]);
        let lines = text.lines().filter(|line| !line.starts_with(';') && !line.is_empty());
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    let direct = records("dig", &servers[0].address.to_string(), "+tcp");
    assert!(direct.len() > 2_000);
    assert_eq!(records("dig", plain, "+tcp"), direct, "{}", sekisho.log());
    let secured = records("kdig", secure, "+tls");
    assert_eq!(secured.len(), records("kdig", plain, "+tcp").len(), "{}", sekisho.log());
    assert!(secured.len() > 2_000, "{}", secured.len());
}

#[test]
fn notifies_and_signed_updates_reach_the_server() {
    let listen = "127.0.6.23:7500";
    let servers = [Server::start(Program::Knot, "knot", "127.0.6.23:7501")];
    let sekisho = Sekisho::start("dns-update", &resolvers(listen, &servers, "", ""), listen);
    let at = listen.parse().unwrap();
    let notified = whole("dig", at, &["+opcode=notify", "+norec", ZONE, "SOA"]);
    assert!(notified.contains("opcode: NOTIFY, status: NOERROR"), "{notified}\n{}", sekisho.log());
    for (number, options) in [&["-y", KEY][..], &["-v", "-y", KEY]].iter().enumerate() {
        let mut command = Command::new(program("nsupdate"));
        let mut child = command.args(*options).stdin(Stdio::piped()).spawn().unwrap();
        let (host, port) = ("127.0.6.23", 7500);
        let update = format!(
            "server {host} {port}\nzone {ZONE}\nupdate add new{number}.{ZONE} 60 TXT \"added\"\nsend\n"
        );
        child.stdin.take().unwrap().write_all(update.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{}", sekisho.log());
        until("the update shows", || {
            let name = [format!("new{number}.{ZONE}")];
            whole("dig", at, &["+short", &name[0], "TXT"]).contains("added").then_some(())
        });
    }
}

#[test]
fn case_is_kept_and_large_answers_come_by_tcp() {
    let listen = "127.0.6.24:7500";
    let servers = [Server::start(Program::Knot, "knot", "127.0.6.24:7501")];
    let sekisho = Sekisho::start("dns-case", &resolvers(listen, &servers, "", ""), listen);
    let at = listen.parse().unwrap();
    let text = whole("dig", at, &["+noall", "+question", "+answer", "wHoEvEr.WhoAmI.DnS.tEsT", "TXT"]);
    assert!(text.starts_with(";wHoEvEr.WhoAmI.DnS.tEsT.") && text.contains("\"knot\""), "{text}");
    let cut = whole("dig", at, &["+ignore", &format!("large.{ZONE}"), "TXT"]);
    assert!(cut.contains(" tc") && cut.contains("ANSWER: 0"), "{cut}\n{}", sekisho.log());
    let long = whole("dig", at, &["+short", &format!("large.{ZONE}"), "TXT"]);
    assert_eq!(long.matches('x').count(), 12 * 250, "{long}\n{}", sekisho.log());
}

#[test]
fn wildcard_listener_answers_from_the_address_that_was_asked() {
    let servers = [Server::start(Program::Knot, "knot", "127.0.6.25:7501")];
    let listen = "0.0.0.0:7525";
    let sekisho = Sekisho::start("dns-wildcard", &resolvers(listen, &servers, "", ""), "127.0.6.25:7525");
    // dig drops what comes from elsewhere, and would say so.
    for address in ["127.0.6.25:7525", "127.0.6.26:7525", "127.0.0.1:7525"] {
        let answers = ask("dig", address.parse().unwrap(), &["-b", "127.0.6.99"], &names(2));
        assert_eq!(answers, ["knot", "knot"], "{address}\n{}", sekisho.log());
    }
    sekisho.reload(&resolvers("[::]:7526", &servers, "", ""), "Reloaded");
    for address in ["[::1]:7526", "127.0.6.27:7526"] {
        let answers = ask("kdig", address.parse().unwrap(), &[], &names(2));
        assert_eq!(answers, ["knot", "knot"], "{address}\n{}", sekisho.log());
    }
}
