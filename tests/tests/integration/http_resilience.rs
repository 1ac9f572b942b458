//! Servers that fail, are full or seem well, through a whole gateway.

use sekisho_tests::{HttpServer, Rig, until};
use std::net::SocketAddr;

use super::{connect_from, field, https, request};

const GET: &str = "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n";

fn configuration(servers: &[HttpServer], http: &str, pool: &str) -> String {
    format!(
        "[gateway]\nworkers = 2\n[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n{http}\n\
         [pool.web]\nservers = {{ {} }}\n{pool}\n",
        https(servers)
    )
}

/// A request on a connection of its own: the status line, the head and the body.
fn ask(address: SocketAddr, text: &str) -> (Vec<String>, String) {
    request(&mut connect_from("127.0.0.1", address), text)
}

fn status(head: &[String]) -> &str {
    head[0].split(' ').nth(1).unwrap()
}

#[test]
fn server_that_passes_its_probes_and_fails_its_clients_is_ejected_and_comes_back() {
    let servers = ["www1", "www2", "www3"].map(HttpServer::start);
    let pool = "probe = { kind = 'http', path = '/healthz', interval = '100ms' }\n\
                outlier = { consecutive = 3, base-ejection = '5s' }";
    let rig = Rig::start(&configuration(&servers, "", pool));
    let address = rig.address("web");
    servers[1].set_broken(true);
    let failed = (0..30).filter(|_| status(&ask(address, GET).0) == "503").count();
    assert_eq!(failed, 3, "what ejected it, and no more");
    rig.until_state("web", "www2", "ejected");
    let probed = rig.gateway().scheduler().pool("web").unwrap().server("www2").unwrap().last_probe();
    assert_eq!(probed.unwrap().result.ok, Ok(()), "its probes go on and succeed");
    servers[1].set_broken(false);
    rig.until_state("web", "www2", "up");
    let bodies: Vec<String> = (0..9).map(|_| ask(address, GET).1).collect();
    assert_eq!(bodies.iter().filter(|body| *body == "www2").count(), 3, "{bodies:?}");
    let server = rig.gateway().scheduler().pool("web").unwrap().server("www2").unwrap().clone();
    assert_eq!((server.ejections(), server.ejected()), (1, false));
}

#[test]
fn whole_pool_that_fails_is_never_ejected_whole() {
    let servers = ["www1", "www2", "www3"].map(HttpServer::start);
    let pool =
        "outlier = { consecutive = 2, base-ejection = '10m', max-ejection = '10m', max-ejected = '100%' }";
    let rig = Rig::start(&configuration(&servers, "", pool));
    servers.iter().for_each(|server| server.set_broken(true));
    assert!((0..40).all(|_| status(&ask(rig.address("web"), GET).0) == "503"));
    let pool = rig.gateway().scheduler().pool("web").unwrap().clone();
    let names = pool.servers().iter().filter(|server| !server.ejected());
    let left: Vec<&str> = names.map(|server| &**server.name()).collect();
    assert_eq!(left.len(), 1);
    servers.iter().filter(|server| left.contains(&server.name())).for_each(|server| server.set_broken(false));
    assert!((0..20).all(|_| status(&ask(rig.address("web"), GET).0) == "200"));
}

#[test]
fn clients_do_not_see_a_503_that_another_server_does_not_give() {
    let servers = ["www1", "www2", "www3"].map(HttpServer::start);
    let rig = Rig::start(&configuration(&servers, "http.retry = { on = ['503'] }", ""));
    servers[0].set_broken(true);
    assert!((0..30).all(|_| status(&ask(rig.address("web"), GET).0) == "200"));
    let post = "POST / HTTP/1.1\r\nHost: www.example.org\r\nContent-Length: 1\r\n\r\nx";
    let failed = (0..30).filter(|_| status(&ask(rig.address("web"), post).0) == "503").count();
    assert_eq!(failed, 10, "a POST is no server's twice");
    let line = rig.line(|line| line["attempts"] == 2);
    assert_eq!((line["status"].as_u64(), line["end"].as_str()), (Some(200), Some("done")));
}

#[test]
fn requests_that_no_server_has_room_for_wait_for_their_turn_or_are_told_when_to_come_back() {
    let servers = [HttpServer::start("www1")];
    let pool = |queue: &str| {
        format!(
            "[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n[pool.web]\nqueue = {queue}\n\
             servers = {{ www1 = {{ address = '{}', max-connections = 1 }} }}\n",
            servers[0].address()
        )
    };
    let slow = "GET /slow HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
    for (queue, expected, end) in [
        ("{ capacity = 1, timeout = '10s' }", "200", "done"),
        ("{ capacity = 1, timeout = '200ms' }", "503", "queue-timeout"),
        ("{ capacity = 0 }", "503", "full"),
    ] {
        let rig = Rig::start(&pool(queue));
        let address = rig.address("web");
        let first = std::thread::spawn(move || ask(address, slow).0);
        let server = rig.gateway().scheduler().pool("web").unwrap().server("www1").unwrap().clone();
        until("a request under way", || (server.active() == 1).then_some(()));
        let (head, _) = ask(address, GET);
        assert_eq!(status(&head), expected, "{queue}");
        assert_eq!(field(&head, "retry-after").is_some(), expected == "503");
        let line = rig.line(|line| line["target"] == "/");
        assert_eq!(line["end"], end, "{line}");
        assert_eq!(status(&first.join().unwrap()), "200");
    }
}
