//! How servers are reached: over TLS, over TCP alone, told of the client.

use std::process::Command;

use sekisho_tests::program;

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

#[test]
fn server_is_told_of_the_client_in_each_datagram_and_connection() {
    let (listen, server) = ("127.0.6.42:7500", "127.0.6.42:7501");
    let folder = Folder::new("dns-proxied");
    // It answers every question with the address that it takes for the client's.
    let file = folder.write(
        "dnsdist.conf",
        &format!(
            "setLocal('{server}')\nsetProxyProtocolACL({{'127.0.0.0/8'}})\nsetSecurityPollSuffix('')\n\
             addAction(AllRule(), LuaAction(function(dq) return DNSAction.Spoof, dq.remoteaddr:toString() end))\n"
        ),
    );
    let mut dnsdist = Command::new(program("dnsdist"));
    let log = std::fs::File::create(folder.path().join("dnsdist.log")).unwrap();
    dnsdist
        .args(["--supervised", "--disable-syslog", "-C"])
        .arg(file)
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    let _dnsdist = Running::start(&mut dnsdist, server.parse().unwrap());
    let configuration = format!(
        "[gateway]\nlog = 'info'\n[vip.dns]\nlisten = '{listen}'\nprotocol = 'dns'\npool = 'told'\n\
         [pool.told]\nservers = {{ one = '{server}' }}\nproxy-protocol = 'v2'\n\
         probe = {{ kind = 'dns', name = '{ZONE}.', type = 'A' }}\n"
    );
    let sekisho = Sekisho::start_in(folder, &configuration, listen);
    for transport in ["+notcp", "+tcp"] {
        for host in [7, 8, 9] {
            let source = format!("127.0.6.{host}");
            let told =
                whole("dig", listen.parse().unwrap(), &["-b", &source, transport, "+short", ZONE, "A"]);
            assert_eq!(told.trim(), source, "{transport}\n{}", sekisho.log());
        }
    }
}
