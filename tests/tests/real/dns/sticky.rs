use std::collections::BTreeSet;
use std::time::Duration;

use sekisho_tests::{Authority, until};

use super::{Folder, Sekisho, Server, TRANSPORTS, ZONE, ask, names, resolvers};

/// Two VIPs of one pool: for datagrams and TCP, and for TLS and HTTPS.
fn two_fronts(plain: &str, secure: &str, servers: &[Server], vip: &str, pool: &str) -> String {
    let mut text = resolvers(plain, servers, &format!("dns = {{ {vip} }}"), pool);
    text.push_str(&format!(
        "[vip.secure]\nlisten = '{secure}'\nprotocol = 'dns'\npool = 'resolvers'\n\
         tls = {{ certificates = ['dns.test.pem'] }}\ndns = {{ over = ['tls', 'https'], {vip} }}\n"
    ));
    text
}

#[test]
fn each_key_means_the_same_server_over_udp_tcp_tls_and_https() {
    let (plain, secure) = ("127.0.6.11:7500", "127.0.6.11:7505");
    let (servers, folder) = (Server::three(11), Folder::new("dns-sticky"));
    Authority::new().issue(&[ZONE], folder.path());
    let configuration = |by: &str, prefix: &str| {
        two_fronts(
            plain,
            secure,
            &servers,
            &format!("hash-by = '{by}'{prefix}"),
            "method = 'consistent-hash'",
        )
    };
    let sekisho = Sekisho::start_in(folder, &configuration("client", ""), plain);
    let at = |transport: &str| {
        let secured = matches!(transport, "+tls" | "+https");
        if secured { secure.parse().unwrap() } else { plain.parse().unwrap() }
    };
    // By name: whoever asks, in whatever case.
    sekisho.reload(&configuration("qname", ""), "Reloaded");
    let mut mixed = names(12);
    let homes = ask("dig", at("+notcp"), &["+notcp"], &mixed);
    assert_eq!(homes.iter().collect::<BTreeSet<_>>().len(), 3, "{homes:?}");
    mixed.iter_mut().for_each(|name| *name = name.to_uppercase());
    for (transport, source) in TRANSPORTS.iter().zip(["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]) {
        for tool in ["dig", "kdig"] {
            let again = ask(tool, at(transport), &[transport, "-b", source], &mixed);
            assert_eq!(again, homes, "{tool} {transport}\n{}", sekisho.log());
        }
    }
    // By client, by its prefix, by its subnet as a resolver tells it, by client and name.
    for (by, prefix, option) in [
        ("client", "", ""),
        ("client", ", client-prefix = { ipv4 = 24 }", ""),
        ("client-subnet", "", "+subnet="),
        ("client+qname", "", ""),
    ] {
        sekisho.reload(&configuration(by, prefix), "Reloaded");
        let (mut used, asked) = (BTreeSet::new(), names(3));
        for host in 1..=12 {
            let (source, subnet) = (format!("127.0.{host}.7"), format!("{option}10.{host}.0.0/16"));
            let told = if option.is_empty() { ["-b", &source] } else { ["-b", "127.0.0.9"] };
            let neighbour = format!("127.0.{host}.{}", if prefix.is_empty() { 7 } else { 8 });
            let mut first = None;
            for transport in TRANSPORTS {
                let mut options = vec![
                    transport,
                    told[0],
                    if first.is_some() && option.is_empty() { &neighbour } else { told[1] },
                ];
                if !option.is_empty() {
                    options.push(&subnet);
                }
                let answers = ask("dig", at(transport), &options, &asked);
                let home = first.get_or_insert_with(|| answers.clone());
                assert_eq!(*home, answers, "{by}{prefix} {transport} {host}\n{}", sekisho.log());
            }
            let home = first.unwrap_or_default();
            if by != "client+qname" {
                assert!(home.iter().all(|server| *server == home[0]), "{by} {host}: {home:?}");
            }
            used.extend(home);
        }
        assert_eq!(used.len(), 3, "{by}{prefix}: {used:?}");
    }
}

#[test]
fn clients_remembered_by_their_subnet_stay_after_their_server_came_back() {
    let listen = "127.0.6.12:7500";
    let mut servers = Server::three(12);
    let configuration = resolvers(listen, &servers, "persist = ['client-subnet']", "method = 'round-robin'");
    let sekisho = Sekisho::start("dns-subnet", &configuration, listen);
    let homes = |at: &str| -> Vec<String> {
        let one =
            |host: usize| ask("dig", at.parse().unwrap(), &[&format!("+subnet=10.0.{host}.0/24")], &names(1));
        (0..9).flat_map(one).collect()
    };
    let before = homes(listen);
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 3, "{before:?}");
    assert_eq!(homes(listen), before, "{}", sekisho.log());
    servers[1].kill();
    let moved = homes(listen);
    for (was, is) in before.iter().zip(&moved) {
        assert!(
            if was == "nsd" { is != "nsd" } else { is == was },
            "{before:?} {moved:?}\n{}",
            sekisho.log()
        );
    }
    servers[1].restart();
    let mut fresh = 0..=255;
    until("the server that came back is used", || {
        let option = format!("+subnet=10.1.{}.0/24", fresh.next().unwrap());
        let server = ask("dig", listen.parse().unwrap(), &[&option], &names(1));
        std::thread::sleep(Duration::from_millis(100));
        (server == ["nsd"]).then_some(())
    });
    assert_eq!(homes(listen), moved, "somebody went back\n{}", sekisho.log());
}
