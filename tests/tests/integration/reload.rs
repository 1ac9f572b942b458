use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sekisho_runtime::StartError;
use sekisho_tests::{LineServer, Rig};

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
    sekisho_tests::until("both workers serve from it", || {
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
    sekisho_tests::until("the old address refuses", || {
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
        sekisho_tests::until("clients go on", || {
            (served.load(Ordering::SeqCst) >= before + 10).then_some(())
        });
    }
    stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.join().unwrap();
    }
}
