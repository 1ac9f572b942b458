//! How servers are reached: over TLS, over TCP alone, told of the client.

use std::process::Command;

use sekisho_tests::{program, until};

use super::super::Running;
use super::{Folder, Program, Sekisho, Server, ZONE, ask, names, resolvers, whole};

#[test]
fn datagrams_and_streams_reach_servers_over_tcp_alone_and_over_tls() {
    let listen = "127.0.6.41:7500";
    let mut servers = [Server::start(Program::Nsd, "nsd", "127.0.6.41:7502")];
    let sekisho = Sekisho::start("dns-upstream", &resolvers(listen, &servers, "", "over = 'tcp'"), listen);
    let at = listen.parse().unwrap();
    for transport in ["+notcp", "+tcp"] {
        assert_eq!(ask("kdig", at, &[transport], &names(20)), vec!["nsd"; 20], "{}", sekisho.log());
    }
    servers[0].address.set_port(7503);
    let ca = servers[0].folder().join("authority.pem");
    let pool = format!("tls = {{ ca = '{}', server-name = 'nsd.test' }}", ca.display());
    sekisho.reload(&resolvers(listen, &servers, "", &pool), "Reloaded");
    for transport in ["+notcp", "+tcp"] {
        assert_eq!(ask("dig", at, &[transport], &names(20)), vec!["nsd"; 20], "{}", sekisho.log());
    }
    let cut = whole("dig", at, &["+ignore", &format!("large.{ZONE}"), "TXT"]);
    assert!(cut.contains(" tc"), "an answer too large for the client came over TLS: {cut}");
}

/// A dnsdist that answers every question with the address that it takes for the client's, which a PROXY header names.
fn mirror(folder: &Folder, at: &str) -> Running {
    let all = "function(dq) return DNSAction.Spoof, dq.remoteaddr:toString() end";
    let text = format!(
        "setLocal('{at}')\nsetProxyProtocolACL({{'127.0.0.0/8'}})\nsetSecurityPollSuffix('')\n\
         addAction(AllRule(), LuaAction({all}))\n"
    );
    dnsdist(folder, "mirror", at, &text)
}

fn dnsdist(folder: &Folder, name: &str, at: &str, text: &str) -> Running {
    let file = folder.write(&format!("{name}.conf"), text);
    let log = std::fs::File::create(folder.path().join(format!("{name}.log"))).unwrap();
    let mut dnsdist = Command::new(program("dnsdist"));
    dnsdist.args(["--supervised", "--disable-syslog", "-C"]).arg(file);
    dnsdist.stdout(log.try_clone().unwrap()).stderr(log);
    Running::start(&mut dnsdist, at.parse().unwrap())
}

fn told_pool(server: &str) -> String {
    format!(
        "[pool.told]\nservers = {{ one = '{server}' }}\nproxy-protocol = 'v2'\n\
         probe = {{ kind = 'dns', name = '{ZONE}.', type = 'A' }}\n"
    )
}

/// Asks from several addresses over both transports; every one is told its own.
fn everybody_is_told_apart(at: &str, log: impl Fn() -> String) {
    for transport in ["+notcp", "+tcp"] {
        for host in [7, 8, 9] {
            let source = format!("127.0.6.{host}");
            let told = whole("dig", at.parse().unwrap(), &["-b", &source, transport, "+short", ZONE, "A"]);
            assert_eq!(told.trim(), source, "{transport}\n{}", log());
        }
    }
}

#[test]
fn server_is_told_of_the_client_in_each_datagram_and_connection() {
    let (listen, server) = ("127.0.6.42:7500", "127.0.6.42:7501");
    let folder = Folder::new("dns-proxied");
    let _mirror = mirror(&folder, server);
    let configuration = format!(
        "[gateway]\nlog = 'info'\n[vip.dns]\nlisten = '{listen}'\nprotocol = 'dns'\npool = 'told'\n{}",
        told_pool(server)
    );
    let sekisho = Sekisho::start_in(folder, &configuration, listen);
    everybody_is_told_apart(listen, || sekisho.log());
}

#[test]
fn client_that_a_trusted_dnsdist_names_in_each_datagram_is_the_client() {
    let [outside, listen, flows, server, open] =
        [7500, 7501, 7502, 7503, 7504].map(|port| format!("127.0.6.43:{port}"));
    let folder = Folder::new("dns-introduced");
    let _mirror = mirror(&folder, &server);
    let log = folder.path().join("access.log");
    let configuration = format!(
        "[gateway]\nlog = 'info'\ntrusted-networks = ['127.0.0.1']\naccess-log = '{}'\n\
         [vip.dns]\nlisten = '{listen}'\nprotocol = 'dns'\npool = 'told'\naccept-proxy = true\n\
         [vip.flows]\nlisten = '{flows}'\nprotocol = 'udp'\npool = 'told'\naccept-proxy = true\n\
         timeouts = {{ idle = '2s' }}\n{}",
        log.display(),
        told_pool(&server)
    );
    let sekisho = Sekisho::start_in(folder, &configuration, &listen);
    // The same proxy before both VIPs: before the one that knows questions, and before the one that knows flows.
    for (name, at, before) in [("exchange", &outside, &listen), ("flow", &open, &flows)] {
        let text = format!(
            "setLocal('{at}')\nsetACL('127.0.0.0/8')\nsetSecurityPollSuffix('')\n\
             newServer({{address='{before}', useProxyProtocol=true, healthCheckMode='up'}})\n"
        );
        let _dnsdist = dnsdist(&sekisho.folder, name, at, &text);
        let sources = [7, 8, 9].map(|host| format!("127.0.6.{host}"));
        for source in &sources {
            let told = whole("dig", at.parse().unwrap(), &["-b", source, "+notcp", "+short", ZONE, "A"]);
            assert_eq!(told.trim(), source, "{name}\n{}", sekisho.log());
        }
        for source in &sources {
            let begins = format!(" client={source}:");
            let line = until(&format!("{source} in the access log ({name})"), || {
                let log = sekisho.folder.read("access.log");
                log.lines()
                    .find(|line| line.contains(&begins) && line.contains(before_vip(name)))
                    .map(str::to_owned)
            });
            assert!(line.contains(" peer=127.0.0.1:") && line.contains(" believed=proxy-protocol"), "{line}");
            assert!(line.contains(&format!(" local={at} ")), "{line}");
        }
    }
    everybody_is_heard_through_a_proxy_alone(&listen, &sekisho);
}

fn before_vip(name: &str) -> &'static str {
    if name == "flow" { " vip=flows " } else { " vip=dns " }
}

/// Neither a client that comes by itself gets an answer, nor one that brings no header.
fn everybody_is_heard_through_a_proxy_alone(listen: &str, sekisho: &Sekisho) {
    for source in ["127.0.6.7", "127.0.0.1"] {
        let options = ["-b", source, "+notcp", "+short", "+tries=1", "+time=1", ZONE, "A"];
        let said = whole("dig", listen.parse().unwrap(), &options);
        assert!(!said.contains("127.0.6.7"), "{said}\n{}", sekisho.log());
    }
}
