use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sekisho_runtime::StartError;
use sekisho_tests::{LineServer, Rig, until};

use super::{connect_from, echo, greeting, lines};

fn configuration(listen: &str, servers: &[LineServer]) -> String {
    format!(
        "[vip.lines]\nlisten = {listen}\nprotocol = 'tcp'\npool = 'lines'\n[pool.lines]\nservers = {{ {} }}\n",
        lines(servers)
    )
}

#[test]
fn new_servers_serve_new_clients_and_old_connections_go_on() {
    let (old, new) = ([LineServer::start("old")], [LineServer::start("new")]);
    let rig = Rig::start(&configuration("'127.0.0.1:0'", &old));
    let address = rig.address("lines");
    let mut kept = connect_from("127.0.0.1", address);
    assert_eq!(greeting(&kept), "old");
    let summary = rig.reload(&configuration("'127.0.0.1:0'", &new)).unwrap();
    assert_eq!((summary.epoch, summary.opened.len(), summary.closed.len()), (2, 0, 0));
    assert_eq!(rig.address("lines"), address);
    // Workers take the configuration up one after the other, within a turn of their loops.
    until("both workers serve from it", || {
        (0..16).all(|_| greeting(&connect_from("127.0.0.1", address)) == "new").then_some(())
    });
    assert!(echo(&mut kept), "a reload cut a connection");
}

#[test]
fn listeners_come_and_go_and_those_that_stay_are_not_touched() {
    let servers = [LineServer::start("one")];
    let rig = Rig::start(&configuration("['127.0.3.2:7311', '127.0.3.2:7312']", &servers));
    let summary = rig.reload(&configuration("['127.0.3.2:7312', '127.0.3.2:7313']", &servers)).unwrap();
    assert_eq!(summary.opened, ["127.0.3.2:7313".parse().unwrap()]);
    assert_eq!(summary.closed, ["127.0.3.2:7311".parse().unwrap()]);
    for port in [7312, 7313] {
        let address = std::net::SocketAddr::from(([127, 0, 3, 2], port));
        assert_eq!(greeting(&connect_from("127.0.0.1", address)), "one");
    }
    until("the old address refuses", || {
        std::net::TcpStream::connect("127.0.3.2:7311").is_err().then_some(())
    });
}

#[test]
fn address_that_cannot_be_bound_changes_nothing() {
    let servers = [LineServer::start("one")];
    let taken = LineServer::start("somebody else");
    let rig = Rig::start(&configuration("'127.0.0.1:0'", &servers));
    let both = format!("['127.0.3.4:7314', '{}']", taken.address());
    let error = rig.reload(&configuration(&both, &servers)).unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    assert_eq!(greeting(&connect_from("127.0.0.1", rig.address("lines"))), "one");
    assert!(std::net::TcpStream::connect("127.0.3.4:7314").is_err(), "half of the change came into force");
}

#[test]
fn twenty_reloads_under_load_fail_no_connection() {
    let servers = ["one", "two", "three"].map(LineServer::start);
    let rig = Rig::start(&configuration("'127.0.0.1:0'", &servers));
    let address = rig.address("lines");
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, served) = (stop.clone(), served.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let mut client = connect_from("127.0.0.1", address);
                    assert!(!greeting(&client).is_empty() && echo(&mut client), "a reload cost a client");
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for round in 0..20 {
        let before = served.load(Ordering::SeqCst);
        rig.reload(&configuration("'127.0.0.1:0'", &servers[round % 2..])).unwrap();
        until("clients go on", || (served.load(Ordering::SeqCst) >= before + 10).then_some(()));
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().unwrap();
    }
}

const HERE: &str = "127.0.3.22:7344";
const THERE: &str = "127.0.3.22:7345";

#[test]
fn address_goes_over_to_a_vip_of_another_name_and_no_client_is_refused() {
    let (old, new) = ([LineServer::start("old")], [LineServer::start("new")]);
    let renamed = configuration(&format!("'{HERE}'"), &new).replace("vip.lines", "vip.renamed");
    let rig = Rig::start(&configuration(&format!("'{HERE}'"), &old));
    let address = HERE.parse().unwrap();
    assert_eq!(greeting(&connect_from("127.0.0.1", address)), "old");
    let summary = rig.reload(&renamed).unwrap();
    assert_eq!((summary.opened.len(), summary.closed.len()), (0, 0));
    assert_eq!(rig.address("renamed"), address);
    until("the new VIP serves", || (greeting(&connect_from("127.0.0.1", address)) == "new").then_some(()));
    assert!((0..16).all(|_| greeting(&connect_from("127.0.0.1", address)) == "new"));
}

#[test]
fn address_that_went_comes_back_at_once_twenty_times() {
    let servers = [LineServer::start("one")];
    let rig = Rig::start(&configuration(&format!("'{HERE}'").replace("7344", "7346"), &servers));
    for round in 0..20 {
        let listen = if round % 2 == 0 { THERE } else { "127.0.3.22:7346" };
        rig.reload(&configuration(&format!("'{listen}'"), &servers)).unwrap();
        assert_eq!(greeting(&connect_from("127.0.0.1", listen.parse().unwrap())), "one");
    }
}

#[test]
fn wildcard_becomes_one_address_and_the_other_way_round() {
    let servers = [LineServer::start("one")];
    let (all, one) = ("'0.0.0.0:7347'", "'127.0.3.23:7347'");
    let rig = Rig::start(&configuration(all, &servers));
    for listen in [one, all, one] {
        rig.reload(&configuration(listen, &servers)).unwrap();
        assert_eq!(greeting(&connect_from("127.0.0.1", "127.0.3.23:7347".parse().unwrap())), "one");
    }
}

#[test]
fn address_changes_its_transport_with_its_protocol() {
    let servers = [LineServer::start("one")];
    let listen = "127.0.3.24:7348";
    let tcp = configuration(&format!("'{listen}'"), &servers);
    let udp = tcp.replace("protocol = 'tcp'", "protocol = 'udp'");
    let rig = Rig::start(&tcp);
    for _ in 0..3 {
        rig.reload(&udp).unwrap();
        until("TCP is closed", || std::net::TcpStream::connect(listen).is_err().then_some(()));
        assert!(std::net::UdpSocket::bind(listen).is_err(), "nobody listens for datagrams");
        rig.reload(&tcp).unwrap();
        assert_eq!(greeting(&connect_from("127.0.0.1", listen.parse().unwrap())), "one");
    }
}

#[test]
fn vip_changes_its_protocol_at_the_same_address_and_old_connections_keep_theirs() {
    let (plain, web) = ([LineServer::start("line")], [sekisho_tests::HttpServer::start("page")]);
    let tcp = configuration("'127.0.0.1:0'", &plain);
    let http = format!(
        "[vip.lines]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'lines'\n[pool.lines]\nservers = {{ {} }}\n",
        super::https(&web)
    );
    let rig = Rig::start(&tcp);
    let mut old = connect_from("127.0.0.1", rig.address("lines"));
    assert_eq!(greeting(&old), "line");
    rig.reload(&http).unwrap();
    until("it speaks HTTP", || {
        let mut client = connect_from("127.0.0.1", rig.address("lines"));
        std::io::Write::write_all(&mut client, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut client, &mut answer).ok()?;
        answer.ends_with("page").then_some(())
    });
    assert!(echo(&mut old));
    rig.reload(&tcp).unwrap();
    until("it relays again", || {
        (greeting(&connect_from("127.0.0.1", rig.address("lines"))) == "line").then_some(())
    });
}

#[test]
fn who_waits_in_a_queue_gets_the_server_that_a_reload_brings() {
    let servers = ["one", "two"].map(LineServer::start);
    let with = |count: usize| {
        let list: Vec<String> = servers[..count]
            .iter()
            .map(|s| format!("{} = {{ address = '{}', max-connections = 1 }}", s.name(), s.address()))
            .collect();
        format!(
            "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\n[pool.p]\n\
             queue = {{ capacity = 10, timeout = '1h' }}\nservers = {{ {} }}\n",
            list.join(", ")
        )
    };
    let rig = Rig::start(&with(1));
    let first = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&first), "one");
    let second = connect_from("127.0.0.1", rig.address("v"));
    until("it waits", || (rig.gateway().scheduler().pool("p").unwrap().queued() == 1).then_some(()));
    rig.reload(&with(2)).unwrap();
    second.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    assert_eq!(greeting(&second), "two");
}

#[test]
fn who_waits_in_the_queue_of_a_pool_that_went_is_told_so() {
    let servers = ["one", "two"].map(LineServer::start);
    let with = |pool: &str, server: &LineServer| {
        format!(
            "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = '{pool}'\n[pool.{pool}]\n\
             queue = {{ capacity = 10, timeout = '1h' }}\n\
             servers = {{ s = {{ address = '{}', max-connections = 1 }} }}\n",
            server.address()
        )
    };
    let rig = Rig::start(&with("p", &servers[0]));
    let mut first = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&first), "one");
    let second = connect_from("127.0.0.1", rig.address("v"));
    until("it waits", || (rig.gateway().scheduler().pool("p").unwrap().queued() == 1).then_some(()));
    rig.reload(&with("q", &servers[1])).unwrap();
    second.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    assert_eq!(greeting(&second), "", "its pool is no more");
    assert_eq!(rig.line(|_| true)["end"], "all-down");
    assert!(echo(&mut first), "a reload cut a connection");
}

#[test]
fn conversation_whose_address_went_still_hears_that_the_gateway_stops() {
    let servers = [sekisho_tests::HttpServer::start("one")];
    let with = |listen: &str| {
        format!(
            "[gateway]\ndrain-timeout = '1h'\n[vip.v]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'p'\n\
             [pool.p]\nservers = {{ {} }}\n",
            super::https(&servers)
        )
    };
    let mut rig = Rig::start(&with("127.0.3.25:7349"));
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    super::request(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    rig.reload(&with("127.0.3.25:7350")).unwrap();
    assert_eq!(super::request(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").1, "one");
    let gateway = rig.stop();
    client.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    assert_eq!(std::io::Read::read(&mut client, &mut [0; 64]).ok(), Some(0), "nobody told it to end");
    gateway.wait();
}
