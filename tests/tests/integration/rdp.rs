//! Remote Desktop clients and servers as far as their first packets.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use sekisho_api::IdentityRules;
use sekisho_scheduler::{Sealed, Secret};
use sekisho_tests::{Desktop, Manner, Rig, desktop_request, folder, numbered, until};

use super::connect_from;

/// X.224 Disconnect Request.
const DISCONNECT: [u8; 11] = [3, 0, 0, 11, 6, 0x80, 0, 0, 0, 0, 0x81];

/// A Connection Request with this line, which may be empty.
fn request(line: &str) -> Vec<u8> {
    desktop_request(line, Some(0xb))
}

/// Connects from an address of 127.0.0.0/8.
fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let stream = connect_from(&Ipv4Addr::from(from).to_string(), to);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// The server that a client with this line, from this address, gets; what it says instead of a confirmation otherwise.
fn desktop_from(rig: &Rig, from: [u8; 4], line: &str) -> Result<String, Vec<u8>> {
    let mut stream = connect(from, rig.address("v"));
    stream.write_all(&request(line)).unwrap();
    let mut answer = vec![0; 19];
    let read = stream.read(&mut answer).unwrap_or(0);
    answer.truncate(read);
    if answer.get(5) != Some(&0xd0) {
        return Err(answer);
    }
    let mut name = String::new();
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() && byte[0] != b'\n' {
        name.push(char::from(byte[0]));
    }
    Ok(name)
}

fn desktop(rig: &Rig, line: &str) -> String {
    desktop_from(rig, [127, 0, 0, 1], line).unwrap()
}

fn farm(options: &str, servers: &[&Desktop]) -> Rig {
    Rig::start(&pool_of(options, servers))
}

fn pool_of(options: &str, servers: &[&Desktop]) -> String {
    format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'rdp'\npool = 'p'\n\
         persist = ['rdp-token', 'user', 'source-ip']\n{options}\n[pool.p]\nservers = {{ {} }}\n",
        numbered(servers.iter().map(|server| server.address()))
    )
}

fn three() -> [Desktop; 3] {
    ["one", "two", "three"].map(|name| Desktop::start(name, Manner::Confirms))
}

#[test]
fn user_comes_back_to_the_same_server_from_anywhere_and_in_any_spelling() {
    let servers = three();
    let rig = farm("", &[&servers[0], &servers[1], &servers[2]]);
    let mut homes = HashSet::new();
    for user in ["alice", "bob", "carol"] {
        let home = desktop(&rig, &format!("Cookie: mstshash={user}"));
        let spellings = [user.to_uppercase(), format!("COMPANY\\{user}"), format!("{user}@company.example")];
        for (number, spelling) in (2..).zip(spellings) {
            let line = format!("Cookie: mstshash={spelling}");
            assert_eq!(desktop_from(&rig, [127, 0, 0, number], &line), Ok(home.clone()), "{spelling}");
        }
        homes.insert(home);
    }
    assert_eq!(homes.len(), 3, "users of one address follow each other");
}

#[test]
fn strangers_with_one_cut_cookie_are_spread_and_each_address_stays() {
    let servers = three();
    let rig = farm("rdp = { known-domains = ['accounting'] }", &[&servers[0], &servers[1], &servers[2]]);
    let line = "Cookie: mstshash=ACCOUNTIN";
    let home = |number| desktop_from(&rig, [127, 0, 0, number], line).unwrap();
    let first: Vec<String> = (1..10).map(home).collect();
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 3);
    assert_eq!((1..10).map(home).collect::<Vec<_>>(), first);
}

#[test]
fn client_without_a_cookie_stays_by_its_address() {
    let servers = three();
    let rig = farm("", &[&servers[0], &servers[1], &servers[2]]);
    let home = |number| desktop_from(&rig, [127, 0, 0, number], "").unwrap();
    let first: Vec<String> = (1..10).map(home).collect();
    assert_eq!((1..10).map(home).collect::<Vec<_>>(), first);
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 3);
}

#[test]
fn token_is_obeyed_for_a_server_of_the_pool_and_never_dialled_otherwise() {
    let servers = three();
    let outside = Desktop::start("outside", Manner::Confirms);
    let rig = farm("", &[&servers[0], &servers[1], &servers[2]]);
    let token = |address: SocketAddr| {
        let IpAddr::V4(ip) = address.ip() else { unreachable!() };
        let port = address.port().swap_bytes();
        format!("Cookie: msts={}.{port}.0000", u32::from_le_bytes(ip.octets()))
    };
    for (server, name) in servers.iter().zip(["one", "two", "three"]) {
        for _ in 0..2 {
            assert_eq!(desktop(&rig, &token(server.address())), name);
        }
    }
    assert_ne!(desktop(&rig, &token(outside.address())), "outside");
    assert_eq!(outside.heard(), Vec::<Vec<u8>>::new());
}

/// A line with a token for this server or user, made with the secret of [`sealing`] gateways.
fn sealed(what: Sealed<'_>, expires: SystemTime) -> String {
    let secret = Secret::new(SECRET.as_bytes()).unwrap();
    format!("Cookie: sekisho={}", secret.seal(what, expires).unwrap())
}

const SECRET: &str = "a secret that two gateways share";

fn tomorrow() -> SystemTime {
    SystemTime::now() + Duration::from_secs(86_400)
}

fn for_server(server: &str) -> String {
    sealed(Sealed::Server { pool: "p", server }, tomorrow())
}

fn for_user(user: &str) -> String {
    let user = IdentityRules::default().user(user.as_bytes()).unwrap();
    sealed(Sealed::User { domain: "default", user: &user }, tomorrow())
}

/// A gateway with the secret, in front of these servers.
fn sealing(servers: &[Desktop]) -> Rig {
    let folder = folder("sealing");
    std::fs::write(folder.join("secret"), SECRET).unwrap();
    let servers: Vec<&Desktop> = servers.iter().collect();
    Rig::start_in(&format!("[gateway]\nsecret-file = 'secret'\n{}", pool_of("", &servers)), folder)
}

#[test]
fn issued_token_for_a_server_is_obeyed_on_every_gateway_with_the_secret_and_after_a_restart() {
    let servers = three();
    let (one, other) = (sealing(&servers), sealing(&servers));
    for (server, name) in [("s0", "one"), ("s1", "two"), ("s2", "three")] {
        let line = for_server(server);
        for rig in [&one, &other] {
            assert_eq!(desktop(rig, &line), name);
            // As a client with a pad space and other case sends it.
            assert_eq!(desktop(rig, &format!("{} ", line.replace("Cookie", "cookie"))), name);
        }
    }
    drop(one);
    assert_eq!(desktop(&sealing(&servers), &for_server("s2")), "three");
    // No server is shown it.
    desktop(&other, &for_server("s2"));
    assert_eq!(servers[2].heard().last(), Some(&request("")));
}

#[test]
fn issued_token_for_a_user_leads_home_from_anywhere_whatever_the_cookie_calls_him() {
    let servers = three();
    let rig = sealing(&servers);
    for (number, user) in (1..).zip(["alice", "bob", "carol", "dave"]) {
        let home = desktop_from(&rig, [127, 0, 2, number], &format!("Cookie: mstshash={user}"));
        assert_eq!(desktop_from(&rig, [127, 0, 3, number], &for_user(&user.to_uppercase())), home);
    }
    // A token may come first, too.
    let home = desktop_from(&rig, [127, 0, 4, 1], &for_user("CORP\\erin"));
    for number in 2..8 {
        assert_eq!(desktop_from(&rig, [127, 0, 4, number], "Cookie: mstshash=erin"), home);
    }
}

#[test]
fn token_that_is_bent_over_or_foreign_is_balanced_as_if_nothing_had_been_sent() {
    let servers = three();
    let rig = sealing(&servers);
    let line = for_server("s0");
    let bent = line.replace("sekisho=A", "sekisho=B");
    let over = sealed(Sealed::Server { pool: "p", server: "s0" }, SystemTime::now());
    let foreign = sealed(Sealed::Server { pool: "another", server: "s0" }, tomorrow());
    let long = format!("{line}{}", "A".repeat(150));
    for (number, line) in (1..).zip([&bent, &over, &foreign, &long]) {
        let from = |third| desktop_from(&rig, [127, 0, third, number], line).unwrap();
        let homes: HashSet<String> = (10..16).map(from).collect();
        assert_eq!(homes.len(), 3, "{line} leads all to one");
        // The address is remembered as it would be without the line.
        assert_eq!(desktop_from(&rig, [127, 0, 10, number], "").unwrap(), from(10));
    }
}

#[test]
fn dead_leaving_strange_and_mute_servers_cost_the_user_nothing() {
    let [mut dead, well, _] = three();
    dead.kill();
    let [leaves, strange, mute] =
        [Manner::Leaves, Manner::Strange, Manner::Mute].map(|manner| Desktop::start("bad", manner));
    let options = "limits = { attempts = 8 }\ntimeouts = { response = '1s' }";
    let rig = farm(options, &[&dead, &leaves, &strange, &mute, &well]);
    for user in ["alice", "bob", "carol", "dave", "erin"] {
        assert_eq!(desktop(&rig, &format!("Cookie: mstshash={user}")), "two");
    }
    // Every server was sent the packet as the client had sent it.
    let sent = well.heard().concat();
    assert!(sent.windows(5).any(|w| w == b"alice"));
    assert!([leaves, strange, mute].iter().any(|server| !server.heard().is_empty()));
}

#[test]
fn client_that_no_server_takes_neither_moves_the_user_whom_it_names_nor_takes_a_server_out() {
    let servers = ["one", "two", "three"].map(|name| Desktop::start(name, Manner::Picky));
    let rig = farm("", &[&servers[0], &servers[1], &servers[2]]);
    let users: Vec<String> = (0..6).map(|n| format!("Cookie: mstshash=user{n}")).collect();
    let homes: Vec<String> = users.iter().map(|user| desktop(&rig, user)).collect();
    let preconnection = [16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 42, 0, 0, 0];
    let strange = |user: &String| [&preconnection[..], &request(user)].concat();
    for _ in 0..3 {
        // All at once, so that failures stand in a row.
        let mut strangers: Vec<TcpStream> =
            users.iter().map(|_| connect([127, 0, 0, 1], rig.address("v"))).collect();
        for (stream, user) in strangers.iter_mut().zip(&users) {
            stream.write_all(&strange(user)).unwrap();
        }
        for mut stream in strangers {
            let mut said = Vec::new();
            stream.read_to_end(&mut said).unwrap();
            assert_eq!(said, DISCONNECT);
        }
    }
    let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
    for server in pool.servers() {
        assert_eq!((server.state().to_string().as_str(), server.failures()), ("up", 0));
    }
    assert_eq!(users.iter().map(|user| desktop(&rig, user)).collect::<Vec<_>>(), homes);
}

#[test]
fn user_whom_another_server_takes_moves_there_and_the_one_that_would_not_counts_as_failing() {
    let mut servers = three();
    let rig = farm("", &[&servers[0], &servers[1], &servers[2]]);
    let home = desktop(&rig, "Cookie: mstshash=alice");
    let place = ["one", "two", "three"].iter().position(|name| *name == home).unwrap();
    let address = servers[place].address();
    servers[place].kill();
    servers[place] = Desktop::start_at("bad", Manner::Leaves, address);
    let moved = desktop(&rig, "Cookie: mstshash=alice");
    assert_ne!(moved, home);
    let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
    assert_eq!(pool.servers()[place].failures(), 1);
    for _ in 0..3 {
        assert_eq!(desktop(&rig, "Cookie: mstshash=alice"), moved);
    }
    assert_eq!(servers[place].heard().len(), 1);
}

#[test]
fn user_moves_once_when_the_server_dies_and_nobody_else_does() {
    let mut servers = three();
    let rig = farm("", &[&servers[0], &servers[1], &servers[2]]);
    let users: Vec<String> = (0..12).map(|n| format!("Cookie: mstshash=user{n}")).collect();
    let homes: Vec<String> = users.iter().map(|user| desktop(&rig, user)).collect();
    servers[0].kill();
    let moved: Vec<String> = users.iter().map(|user| desktop(&rig, user)).collect();
    for (before, after) in homes.iter().zip(&moved) {
        assert!(before == after || before == "one");
        assert_ne!(after, "one");
    }
    servers[0].restart();
    assert_eq!(users.iter().map(|user| desktop(&rig, user)).collect::<Vec<_>>(), moved);
}

#[test]
fn nobody_there_is_said_by_a_disconnect_request() {
    let [mut server, ..] = three();
    server.kill();
    let told = desktop_from(&farm("", &[&server]), [127, 0, 0, 1], "Cookie: mstshash=alice");
    assert_eq!(told, Err(DISCONNECT.to_vec()));
    let told = desktop_from(&farm("rdp = { refusal = 'close' }", &[&server]), [127, 0, 0, 1], "");
    assert_eq!(told, Err(Vec::new()));
}

#[test]
fn what_is_no_first_packet_reaches_no_server() {
    let [server, ..] = three();
    let rig = farm("timeouts = { head = '1s' }", &[&server]);
    let lying = [&[3, 0, 0, 50, 45, 0xe0, 0, 0, 0, 0, 0][..], &[b'x'; 39]].concat();
    let half = &request("Cookie: mstshash=alice")[..20];
    for bytes in
        [b"GET / HTTP/1.1\r\n\r\n", &lying[..], b"\x03\x00\xff\xff\xff", b"\x16\x03\x01\x00\x05", half]
    {
        let mut stream = connect([127, 0, 0, 1], rig.address("v"));
        stream.write_all(bytes).unwrap();
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        assert_eq!(told, b"", "{bytes:02x?}");
    }
    assert_eq!(server.heard(), Vec::<Vec<u8>>::new());
    assert_eq!(desktop(&rig, ""), "one");
}

#[test]
fn drained_server_keeps_its_users_and_gets_no_others() {
    let servers = three();
    let rig = farm("", &[&servers[0], &servers[1], &servers[2]]);
    let home = desktop(&rig, "Cookie: mstshash=alice");
    let scheduler = rig.gateway().scheduler();
    let pool = scheduler.pool("p").unwrap();
    let place = ["one", "two", "three"].iter().position(|name| *name == home).unwrap();
    pool.server(&format!("s{place}")).unwrap().set_admin(sekisho_scheduler::Admin::Drain);
    assert_eq!(desktop(&rig, "Cookie: mstshash=ALICE"), home);
    for n in 0..8 {
        assert_ne!(
            desktop_from(&rig, [127, 0, 1, n + 1], &format!("Cookie: mstshash=new{n}")),
            Ok(home.clone())
        );
    }
}

#[test]
fn probe_takes_out_a_server_that_listens_and_does_not_speak_the_protocol() {
    let [well, ..] = three();
    let (strange, mute) = (Desktop::start("bad", Manner::Strange), Desktop::start("bad", Manner::Mute));
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'rdp'\npool = 'p'\n[pool.p]\n\
         servers = {{ well = '{}', strange = '{}', mute = '{}' }}\n\
         probe = {{ kind = 'rdp', interval = '100ms', timeout = '2s', fall = 1, rise = 1 }}\n",
        well.address(),
        strange.address(),
        mute.address()
    ));
    let scheduler = rig.gateway().scheduler();
    let pool = scheduler.pool("p").unwrap();
    let state = |name| pool.server(name).unwrap().health();
    until("the probes have told", || {
        use sekisho_scheduler::Health::{Down, Up};
        (state("well") == Up && state("strange") == Down && state("mute") == Down).then_some(())
    });
    assert!((0..6).all(|_| desktop(&rig, "") == "one"));
}
