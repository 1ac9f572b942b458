use std::net::UdpSocket;
use std::time::Duration;

use sekisho_runtime::Totals;
use sekisho_tests::{HttpServer, LineServer, Rig, dns_query, loopback, until};

use super::{connect_from, echo, greeting, https, lines, request};

/// Waits until a VIP has served that much: a client knows a moment before the gateway that it was served.
fn until_totals(rig: &Rig, vip: &str, expected: Totals) {
    until(&format!("{expected:?}"), || (rig.gateway().totals(vip) == expected).then_some(()));
}

#[test]
fn connections_and_their_bytes_are_counted_when_they_end_and_a_reload_forgets_none() {
    let servers = [LineServer::start("one")];
    let configuration = format!(
        "[gateway]\nworkers = 2\n[vip.lines]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'lines'\n\
         [pool.lines]\nservers = {{ {} }}\n",
        lines(&servers)
    );
    let rig = Rig::start(&configuration);
    let visit = || {
        let mut client = connect_from("127.0.0.1", rig.address("lines"));
        assert_eq!(greeting(&client), "one");
        assert!(echo(&mut client));
    };
    (0..8).for_each(|_| visit());
    // "ping\n" there and back, and the greeting "one\n".
    until_totals(&rig, "lines", Totals { served: 8, received: 40, sent: 72 });
    rig.reload(&configuration).unwrap();
    visit();
    until_totals(&rig, "lines", Totals { served: 9, received: 45, sent: 81 });
    assert_eq!(rig.gateway().totals("no-such"), Totals::default());
}

#[test]
fn requests_are_counted_one_by_one_whether_they_are_logged_or_not() {
    let servers = [HttpServer::start("one")];
    let rig = Rig::start(&format!(
        "[vip.logged]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n\
         [vip.quiet]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\naccess-log = false\n\
         [pool.web]\nservers = {{ {} }}\n",
        https(&servers)
    ));
    for vip in ["logged", "quiet"] {
        let mut client = connect_from("127.0.0.1", rig.address(vip));
        for _ in 0..3 {
            request(&mut client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
        }
        until_totals(&rig, vip, Totals { served: 3, received: 12, sent: 9 });
        request(&mut client, "NONSENSE\r\n\r\n");
        until_totals(&rig, vip, Totals { served: 4, received: 12, sent: 9 });
        let ends = rig.gateway().ends(vip).into_iter().filter(|(_, count)| *count > 0);
        assert_eq!(ends.collect::<Vec<_>>(), [("done", 3), ("client-fault", 1)], "{vip}");
        assert_eq!(measured(&rig, vip), 4, "{vip}");
    }
}

#[test]
fn own_answers_over_udp_are_measured_whether_they_are_logged_or_not() {
    let rig = Rig::start(&format!(
        "[vip.logged]\nlisten = '127.0.0.1:0'\nprotocol = 'dns'\npool = 'names'\n\
         [vip.quiet]\nlisten = '127.0.0.1:0'\nprotocol = 'dns'\npool = 'names'\naccess-log = false\n\
         [pool.names]\nservers = {{ one = '{}' }}\n",
        loopback()
    ));
    for vip in ["logged", "quiet"] {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut query = dns_query(7, "a.example", 1);
        // A question that is announced and not there, which no server is asked.
        query.truncate(12);
        client.send_to(&query, rig.address(vip)).unwrap();
        client.recv(&mut [0; 512]).unwrap();
        until("counted", || (rig.gateway().totals(vip).served == 1).then_some(()));
        assert_eq!(measured(&rig, vip), 1, "{vip}");
    }
}

/// How many things the histogram of a VIP's durations has.
fn measured(rig: &Rig, vip: &str) -> u64 {
    let vips = rig.gateway().view().status().vips;
    vips.into_iter().find(|status| &*status.name == vip).unwrap().latencies.total.count()
}

#[test]
fn flow_of_datagrams_is_counted_when_it_falls_silent() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'udp'\npool = 'p'\ntimeouts = {{ idle = '1s' }}\n\
         [pool.p]\nservers = {{ one = '{}' }}\n",
        server.local_addr().unwrap()
    ));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"ping", rig.address("v")).unwrap();
    let (_, flow) = server.recv_from(&mut [0; 16]).unwrap();
    server.send_to(b"answer", flow).unwrap();
    until_totals(&rig, "v", Totals { served: 1, received: 4, sent: 6 });
}
