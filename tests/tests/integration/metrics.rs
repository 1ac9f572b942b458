//! The page of metrics of a whole gateway, read over HTTP.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use sekisho_admin::{Admin, AdminError, Bound, Doors, bind};
use sekisho_tests::{
    Authority, DnsServer, HttpServer, LineServer, Rig, dns_query, folder, loopback, root, until,
};

use super::{connect_from, echo, greeting, https, lines, request};

fn admin(rig: &Rig, address: &str) -> Admin {
    let bound = bind(&at(address.parse().unwrap())).unwrap();
    Admin::start(rig.gateway().view(), sekisho::builtin(), bound).unwrap()
}

/// Metrics at this address, and nothing else.
fn at(address: SocketAddr) -> Doors {
    Doors { metrics: Some(address), ..Doors::default() }
}

/// What comes back to these bytes, until the end.
fn ask(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The numbers on the page, by name and labels as they are written there.
fn numbers(address: SocketAddr) -> BTreeMap<String, f64> {
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| line.rsplit_once(' ').unwrap());
    samples.map(|(name, number)| (name.to_owned(), number.parse().unwrap())).collect()
}

fn until_number(address: SocketAddr, name: &str, expected: f64) {
    until(&format!("{name} {expected}"), || (numbers(address).get(name) == Some(&expected)).then_some(()));
}

#[test]
fn connections_requests_servers_and_tables_are_on_the_page() {
    let (line, web) = ([LineServer::start("one")], [HttpServer::start("www1")]);
    let gone = loopback();
    let configuration = format!(
        "[vip.lines]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'lines'\npersist = ['source-ip']\n\
         [vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n\
         [pool.lines]\nservers = {{ {}, two = {{ address = '{gone}', state = 'drain' }} }}\n\
         queue = {{ capacity = 7 }}\n\
         [pool.web]\nservers = {{ {} }}\n",
        lines(&line),
        https(&web)
    );
    let rig = Rig::start(&configuration);
    let admin = admin(&rig, "127.0.0.1:0");
    let at = admin.address().unwrap();
    let mut client = connect_from("127.0.0.1", rig.address("lines"));
    assert_eq!(greeting(&client), "one");
    assert!(echo(&mut client));
    let now = numbers(at);
    let is = |name: &str, expected: f64| assert_eq!(now.get(name), Some(&expected), "{name}");
    is("sekisho_connections", 1.0);
    is("sekisho_vip_connections{vip=\"lines\"}", 1.0);
    is("sekisho_vip_served_total{vip=\"lines\"}", 0.0);
    is("sekisho_server_up{pool=\"lines\",server=\"one\"}", 1.0);
    is("sekisho_server_active{pool=\"lines\",server=\"one\"}", 1.0);
    is("sekisho_server_state{pool=\"lines\",server=\"one\",state=\"up\"}", 1.0);
    is("sekisho_server_state{pool=\"lines\",server=\"two\",state=\"draining\"}", 1.0);
    is("sekisho_server_state{pool=\"lines\",server=\"two\",state=\"up\"}", 0.0);
    is("sekisho_pool_queued{pool=\"lines\"}", 0.0);
    is("sekisho_pool_queue_capacity{pool=\"lines\"}", 7.0);
    is("sekisho_persistence_entries{domain=\"default\"}", 1.0);
    is("sekisho_configuration_epoch", 1.0);
    assert!(now["sekisho_server_response_seconds{pool=\"lines\",server=\"one\"}"] > 0.0);
    assert!(now["process_start_time_seconds"] > 1.7e9 && now["process_resident_memory_bytes"] > 1e6);
    drop(client);
    until_number(at, "sekisho_vip_served_total{vip=\"lines\"}", 1.0);
    until_number(at, "sekisho_vip_connections{vip=\"lines\"}", 0.0);
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    request(&mut client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    until_number(at, "sekisho_vip_ends_total{vip=\"web\",end=\"done\"}", 1.0);
    until_number(at, "sekisho_vip_received_bytes_total{vip=\"web\"}", 4.0);
    rig.reload(&configuration).unwrap();
    let now = numbers(at);
    assert_eq!(now["sekisho_configuration_epoch"], 2.0);
    assert_eq!(
        now["sekisho_server_served_total{pool=\"lines\",server=\"one\"}"], 1.0,
        "a reload forgets nothing"
    );
}

#[test]
fn queries_and_caches_are_on_the_page_and_every_name_is_documented() {
    let server = DnsServer::naming("one");
    let address = loopback();
    let rig = Rig::start(&format!(
        "[vip.names]\nlisten = '{address}'\nprotocol = 'dns'\npool = 'names'\n\
         [pool.names]\nservers = {{ one = '{}' }}\ndns = {{ cache = '4 MiB' }}\n",
        server.address()
    ));
    let admin = admin(&rig, "127.0.0.1:0");
    let at = admin.address().unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    for id in 1..=3 {
        client.send(&dns_query(id, "www.example.org", 16)).unwrap();
        client.recv(&mut [0; 512]).unwrap();
    }
    until_number(at, "sekisho_vip_served_total{vip=\"names\"}", 3.0);
    until_number(at, "sekisho_vip_asked_total{vip=\"names\"}", 1.0);
    until_number(at, "sekisho_dns_cache_hits_total{pool=\"names\"}", 2.0);
    let now = numbers(at);
    assert_eq!(now["sekisho_dns_cache_entries{pool=\"names\"}"], 1.0);
    assert_eq!(now["sekisho_vip_strays_total{vip=\"names\"}"], 0.0);
    // Two were answered at once.
    assert_eq!(now["sekisho_vip_response_seconds_count{vip=\"names\"}"], 1.0);
    assert_eq!(now["sekisho_vip_response_seconds_bucket{vip=\"names\",le=\"+Inf\"}"], 1.0);
    assert_eq!(now["sekisho_vip_answered_total{vip=\"names\",reason=\"cached\"}"], 2.0, "{now:?}");
    let document = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    for name in now.keys().map(|name| name.split('{').next().unwrap()) {
        // A histogram has three names besides its own.
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let name = family.filter(|family| family.ends_with("_seconds")).unwrap_or(name);
        assert!(document.contains(&format!("| `{name}` |")), "docs/metrics.md does not name {name}");
    }
}

#[test]
fn queues_failures_and_certificates_are_on_the_page() {
    let (authority, server) = (Authority::new(), LineServer::start("one"));
    let folder = folder("metrics");
    authority.issue(&["www.example.org"], &folder);
    let configuration = format!(
        "[vip.full]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'full'\n\
         [vip.dead]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'dead'\n\
         tls = {{ certificates = ['www.example.org.pem'] }}\n\
         [vip.gone]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'dead'\n\
         [pool.full]\nservers = {{ one = {{ address = '{}', max-connections = 1 }} }}\n\
         [pool.dead]\nservers = {{ none = '{}' }}\n",
        server.address(),
        loopback()
    );
    let rig = Rig::start_in(&configuration, folder);
    let admin = admin(&rig, "127.0.0.1:0");
    let at = admin.address().unwrap();
    let first = connect_from("127.0.0.1", rig.address("full"));
    assert_eq!(greeting(&first), "one");
    let second = connect_from("127.0.0.1", rig.address("full"));
    until_number(at, "sekisho_pool_queued{pool=\"full\"}", 1.0);
    drop(first);
    assert_eq!(greeting(&second), "one");
    until_number(at, "sekisho_pool_queued{pool=\"full\"}", 0.0);
    assert_eq!(greeting(&connect_from("127.0.0.1", rig.address("gone"))), "", "nobody listens there");
    until_number(at, "sekisho_vip_ends_total{vip=\"gone\",end=\"connect-failed\"}", 1.0);
    let now = numbers(at);
    let failures = |reason| {
        now[&format!("sekisho_server_failures_total{{pool=\"dead\",server=\"none\",reason=\"{reason}\"}}")]
    };
    assert!(failures("refused") >= 1.0 && failures("tls") == 0.0, "{now:?}");
    let mut expiries = now.iter().filter(|(name, _)| name.starts_with("sekisho_certificate_expiry"));
    let (name, &expires) = expiries.next().unwrap();
    assert!(name.contains("{vip=\"dead\",name=\"www.example.org\",file=\""), "{name}");
    assert!(expires > now["process_start_time_seconds"], "{expires}");
}

#[test]
fn whatever_else_is_asked_is_refused_in_http_and_nobody_is_kept_out_by_idle_connections() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let admin = admin(&rig, "127.0.0.1:0");
    let at = admin.address().unwrap();
    let status = |bytes: &[u8]| ask(at, bytes).lines().next().unwrap_or_default().to_owned();
    assert_eq!(status(b"GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
    assert_eq!(status(b"DELETE /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(
        status(b"POST /metrics HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"),
        "HTTP/1.1 405 Method Not Allowed"
    );
    assert_eq!(status(b"\x16\x03\x01\x02\x00\x01"), "HTTP/1.1 400 Bad Request");
    let long = format!("GET /metrics HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(20_000));
    assert_eq!(status(long.as_bytes()), "HTTP/1.1 431 Request Header Fields Too Large");
    // As many as there are places; each is given up after its deadline.
    let idle: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(at).unwrap()).collect();
    assert_eq!(status(b"GET /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 200 OK");
    for mut stream in idle {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it was closed");
    }
}

#[test]
fn address_follows_a_change_and_one_that_cannot_be_had_changes_nothing() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let mut admin = Admin::start(rig.gateway().view(), sekisho::builtin(), Bound::default()).unwrap();
    assert_eq!(admin.address(), None);
    let (one, two) = (loopback(), loopback());
    let change = admin.prepare(&at(one)).unwrap();
    assert_eq!(admin.address(), None, "prepared is not done");
    admin.change(change).unwrap();
    assert_eq!(numbers(one)["sekisho_connections"], 0.0);
    let same = admin.prepare(&at(one)).unwrap();
    admin.change(same).unwrap();
    assert_eq!(admin.address(), Some(one));
    let taken = TcpListener::bind(two).unwrap();
    assert!(matches!(admin.prepare(&at(two)), Err(AdminError::Listen { address, .. }) if address == two));
    assert_eq!(numbers(one)["sekisho_connections"], 0.0);
    drop(taken);
    let change = admin.prepare(&at(two)).unwrap();
    admin.change(change).unwrap();
    assert_eq!(numbers(two)["sekisho_connections"], 0.0);
    until_refused(one);
    let off = admin.prepare(&Doors::default()).unwrap();
    admin.change(off).unwrap();
    assert_eq!(admin.address(), None);
    until_refused(two);
}

/// Who has an address that was given up on its thread lets it go in its own time.
fn until_refused(address: SocketAddr) {
    until("nobody listens there", || TcpStream::connect(address).is_err().then_some(()));
}

#[test]
fn rate_limits_of_http_are_on_the_page_by_vip_and_name() {
    let web = [HttpServer::start("www1")];
    let rig = Rig::start(&format!(
        "[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n\
         http.rate-limits = {{ each = {{ rate = '1/h', burst = 2 }}, try = {{ rate = '1/h', log-only = true }} }}\n\
         [pool.web]\nservers = {{ {} }}\n",
        https(&web)
    ));
    let admin = admin(&rig, "127.0.0.1:0");
    let at = admin.address().unwrap();
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    for _ in 0..5 {
        request(&mut client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let of = |name: &str| format!("sekisho_http_rate_limit_{name}");
    until_number(at, &of("excess_total{vip=\"web\",name=\"each\"}"), 3.0);
    until_number(at, &of("excess_total{vip=\"web\",name=\"try\"}"), 1.0);
    until_number(at, &of("evictions_total{vip=\"web\",name=\"each\"}"), 0.0);
    until_number(at, "sekisho_vip_ends_total{vip=\"web\",end=\"limited\"}", 3.0);
}

#[test]
fn requests_of_rules_with_names_are_counted() {
    let web = [HttpServer::start("www1")];
    let rig = Rig::start(&format!(
        "[vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\n\
         http.rules = [{{ name = 'no', path = '/no', answer = 404 }}, {{ path = '/x' }}, {{ name = 'all' }}]\n\
         [pool.web]\nservers = {{ {} }}\n",
        https(&web)
    ));
    let admin = admin(&rig, "127.0.0.1:0");
    let at = admin.address().unwrap();
    let mut client = connect_from("127.0.0.1", rig.address("web"));
    for target in ["/", "/no", "/", "/x", "/"] {
        request(&mut client, &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    let of = |name: &str| format!("sekisho_http_rule_requests_total{{vip=\"web\",name=\"{name}\"}}");
    until_number(at, &of("no"), 1.0);
    until_number(at, &of("all"), 3.0);
}
