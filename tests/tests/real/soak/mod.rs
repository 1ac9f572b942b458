//! The binary under mixed load while its servers die and its configuration changes: no body is another's, and nothing is
//! left behind. Twenty seconds; `SEKISHO_SOAK` says how many others.

mod client;
mod server;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sekisho_tests::{Authority, Opcode, WebSocket, WebSocketServer, program, tls_client};

use super::{Folder, Sekisho};
pub(super) use client::{Client, Ended, Wire, connect};
use server::Server;
pub(super) use server::body;

const HOST: &str = "127.0.60.2";

/// How much a client has seen.
#[derive(Debug, Default)]
struct Tally {
    right: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    fn count(&self, ended: &Ended) {
        let counter = if matches!(ended, Ended::Right) { &self.right } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % bound
    }
}

/// What the gateway holds: KiB of memory, and descriptors.
pub(super) fn held(sekisho: &Sekisho) -> (u64, usize) {
    let process = format!("/proc/{}", sekisho.running.0.id());
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let memory = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (memory, std::fs::read_dir(format!("{process}/fd")).unwrap().count())
}

/// Its servers die so often that they would be kept out as flapping.
fn configuration(chat: &WebSocketServer, round: u64) -> String {
    let method = ["round-robin", "least-connections", "random-two"][(round % 3) as usize];
    format!(
        "[vip.clear]\nlisten = '{HOST}:7410'\nprotocol = 'http'\npool = 'web'\n\
         [vip.secure]\nlisten = '{HOST}:7411'\nprotocol = 'http'\npool = 'web'\n\
         tls = {{ certificates = ['www.example.org.pem'] }}\n\
         [vip.chat]\nlisten = '{HOST}:7412'\nprotocol = 'http'\npool = 'chat'\n\
         [pool.web]\nmethod = '{method}'\n\
         servers = {{ one = '{HOST}:7421', two = '{HOST}:7422', three = '{HOST}:7423' }}\n\
         probe = {{ kind = 'http', path = '/2/3', interval = '200ms', fast-interval = '100ms' }}\n\
         health = {{ flap-changes = 0 }}\n\
         [pool.chat]\nservers = {{ echo = '{}' }}\n",
        chat.address()
    )
}

#[test]
fn no_body_is_anothers_and_nothing_is_left_behind_while_servers_die_and_files_are_reloaded() {
    let seconds = std::env::var("SEKISHO_SOAK").map_or(20, |text| text.parse().unwrap());
    let (authority, folder) = (Authority::new(), Folder::new("soak"));
    authority.issue(&["www.example.org"], folder.path());
    let ca = authority.write(folder.path());
    let chat = WebSocketServer::start("echo");
    let mut servers: Vec<Server> =
        (7421..7424).map(|port| Server::start(format!("{HOST}:{port}").parse().unwrap())).collect();
    let sekisho = Sekisho::start_in(folder, &configuration(&chat, 0), &format!("{HOST}:7410"));
    let (clear, secure) = (format!("{HOST}:7410").parse().unwrap(), format!("{HOST}:7411").parse().unwrap());
    let chatting = format!("{HOST}:7412").parse().unwrap();
    let [plain, tls, two, sockets] = std::array::from_fn(|_| Tally::default());
    let over = AtomicBool::new(false);
    let (mut first, mut random, mut rounds) = (None, Random(6), 0);
    std::thread::scope(|scope| {
        let over = &over;
        for seed in 0..4 {
            let plain = &plain;
            scope.spawn(move || {
                let mut client = Client::new(|| Some(Box::new(connect(clear)?) as Box<dyn Wire>));
                ask(&mut client, Random(seed), plain, over);
            });
        }
        for seed in 4..6 {
            let (tls, trust) = (&tls, authority.client());
            scope.spawn(move || {
                let connect = || {
                    let stream = tls_client(&trust, "www.example.org", secure).ok()?;
                    stream.sock.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
                    Some(Box::new(stream) as Box<dyn Wire>)
                };
                ask(&mut Client::new(connect), Random(seed), tls, over);
            });
        }
        for number in 0..2 {
            let (two, ca, folder) =
                (&two, ca.display().to_string(), Folder::new(&format!("soak-two-{number}")));
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    curl(&ca, number == 0, &folder, two);
                }
            });
        }
        for number in 0..2u64 {
            let sockets = &sockets;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let Some(stream) = connect(chatting) else { continue };
                    let mut socket = WebSocket::open(stream, b"");
                    for turn in 0..50 {
                        let said = body(number * 1000 + turn, 1 + 97 * turn as usize);
                        socket.send(Opcode::Binary, &said);
                        let (_, heard) = socket.receive().expect("the echo's server is never killed");
                        assert!(heard == said, "a WebSocket says what was not said to it");
                        sockets.count(&Ended::Right);
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            });
        }
        let began = Instant::now();
        // What fails here ends the clients, too.
        let _ending = Ending(over);
        while began.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(Duration::from_millis(300 + random.below(700)));
            if first.is_none() && began.elapsed() > Duration::from_secs(seconds / 4) {
                first = Some(held(&sekisho));
            }
            let victim = random.below(3) as usize;
            match random.below(4) {
                0 => servers[victim].kill(),
                1 => servers.iter_mut().for_each(Server::restart),
                2 => {
                    rounds += 1;
                    sekisho.reload(&configuration(&chat, rounds), "Reloaded");
                }
                _ => {
                    servers[victim].kill();
                    std::thread::sleep(Duration::from_millis(random.below(300)));
                    servers[victim].restart();
                }
            }
        }
    });
    let numbers =
        format!("HTTP/1.1 {plain:?}, TLS {tls:?}, HTTP/2 {two:?}, WebSocket {sockets:?}, {rounds} reloads");
    eprintln!("{seconds} s: {numbers}");
    for tally in [&plain, &tls, &two, &sockets] {
        let (right, failed) = (tally.right.load(Ordering::Relaxed), tally.failed.load(Ordering::Relaxed));
        assert!(right > 20 && failed * 5 < right, "{numbers}\n{}", sekisho.log());
    }
    let (memory, descriptors) = first.unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let (now, open) = held(&sekisho);
        if open <= descriptors && now <= memory + memory / 4 + 8 * 1024 {
            eprintln!("memory {memory} KiB, then {now}; descriptors {descriptors}, then {open}");
            break;
        }
        let held = format!("memory {memory} KiB, then {now}; descriptors {descriptors}, then {open}");
        assert!(Instant::now() < end, "{held}\n{numbers}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Ends the clients whatever happens to who watches them.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn ask(
    client: &mut Client<impl Fn() -> Option<Box<dyn Wire>>>,
    mut random: Random,
    tally: &Tally,
    over: &AtomicBool,
) {
    while !over.load(Ordering::Relaxed) {
        let length = match random.below(20) {
            0 => random.below(1 << 20),
            1..8 => random.below(40_000),
            _ => random.below(500),
        };
        tally.count(&client.ask(random.below(1 << 32), length as usize, random.below(4) == 0));
        std::thread::sleep(Duration::from_millis(random.below(4)));
    }
}

/// Twenty bodies at a time over one connection of HTTP/2 with TLS, or one by prior knowledge: curl 7.88 loses all but the
/// first that it asks for in that way, whoever answers.
fn curl(ca: &str, secure: bool, folder: &Folder, tally: &Tally) {
    let out = folder.path().join("body-#1").display().to_string();
    let resolve = format!("www.example.org:7411:{HOST}");
    let (way, url) = match secure {
        true => ("--http2", "https://www.example.org:7411/[1-20]/30000".to_owned()),
        false => ("--http2-prior-knowledge", format!("http://{HOST}:7410/[7-7]/30000")),
    };
    let mut command = std::process::Command::new(program("curl"));
    command.args(["--silent", "--parallel", "--max-time", "20", "--cacert", ca, "--resolve", &resolve, way]);
    command.args([
        "--write-out",
        "%{filename_effective} %{http_code} %{exitcode}\\n",
        "--output",
        &out,
        &url,
    ]);
    let output = command.output().unwrap();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let words = line.rsplit("body-").next().unwrap().split(' ').filter_map(|word| word.parse().ok());
        let &[number, status, code] = &words.collect::<Vec<u64>>()[..] else { panic!("curl says {line}") };
        let file = folder.path().join(format!("body-{number}"));
        if status == 200 && code == 0 {
            let got = std::fs::read(&file).unwrap();
            assert!(got == body(number, 30_000), "body {number} is another: {} bytes", got.len());
            tally.count(&Ended::Right);
        } else {
            tally.count(&Ended::Failed);
        }
        let _ = std::fs::remove_file(file);
    }
}
