//! Upgrades under load.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::site::{LONG, RAW, Site, WEB, ask};

/// Clients, each of which comes so often.
const CLIENTS: usize = 20;
const EVERY: Duration = Duration::from_millis(20);

/// Clients that come at a rate, whatever becomes of those before them.
struct Clients {
    end: Arc<AtomicBool>,
    begun: Instant,
    threads: Vec<JoinHandle<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    served: usize,
    failed: BTreeMap<String, usize>,
    longest: Duration,
}

impl Clients {
    fn start(site: &Site) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let client = |number: usize| {
            let to: SocketAddr = [WEB, RAW][number % 2].parse().unwrap();
            let end = end.clone();
            // They do not come all at once.
            let first = begun + EVERY * number as u32 / CLIENTS as u32;
            site.machine.stay(move || come(to, first, &end))
        };
        Self { threads: (0..CLIENTS).map(client).collect(), end, begun }
    }

    fn end(self) -> Seen {
        self.end.store(true, Relaxed);
        let mut all = Seen::default();
        for thread in self.threads {
            let seen = thread.join().unwrap();
            all.served += seen.served;
            all.longest = all.longest.max(seen.longest);
            seen.failed.into_iter().for_each(|(why, count)| *all.failed.entry(why).or_default() += count);
        }
        let rate = all.served as f64 / self.begun.elapsed().as_secs_f64();
        eprintln!(
            "{} connections, {rate:.0} a second, failed: {:?}, the slowest {:?}",
            all.served, all.failed, all.longest
        );
        all
    }
}

fn come(to: SocketAddr, first: Instant, end: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut next = first;
    while !end.load(Relaxed) {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next += EVERY;
        let begun = Instant::now();
        match ask(to, "/", "") {
            Ok(_) => seen.served += 1,
            Err(why) => *seen.failed.entry(why).or_default() += 1,
        }
        seen.longest = seen.longest.max(begun.elapsed());
    }
    seen
}

#[test]
fn twenty_upgrades_under_a_thousand_connections_a_second_lose_none() {
    let workers = |n: usize| format!("workers = {}", [2, 3, 1, 4][n % 4]);
    let site = Site::start("load", &workers(0), "");
    let download = site.machine.stay(|| ask(WEB.parse().unwrap(), "/long", ""));
    let clients = Clients::start(&site);
    let mut process = site.process();
    for round in 1..=20 {
        site.configure(&workers(round), "");
        site.install();
        if round % 2 == 0 {
            site.signal(process, "-USR2");
        } else {
            site.operate(&["upgrade"]);
        }
        process = site.process_after(process);
        std::thread::sleep(Duration::from_millis(300));
    }
    let seen = clients.end();
    assert!(seen.failed.is_empty() && seen.served > 2000, "{seen:?}\n{}", site.log());
    let answer = download.join().unwrap().unwrap_or_else(|error| panic!("download: {error}\n{}", site.log()));
    assert!(answer.len() > LONG);
    assert!(!site.log().contains("ERROR"), "{}", site.log());
}
