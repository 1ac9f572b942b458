use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use sekisho_api::{Lease, Route, Unavailable};

use crate::testing::*;
use crate::*;

/// A waker that only notes that it was called.
#[derive(Debug, Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A client in the queue.
#[derive(Debug)]
struct Client {
    waiting: Waiting,
    bell: Arc<Bell>,
    route: Route,
    address: u32,
}

impl Client {
    fn join(bench: &Bench, address: u32) -> Result<Self, Unavailable> {
        let waiting = bench.pool().enqueue(bench.now)?;
        Ok(Self { waiting, bell: Arc::default(), route: Route::new(), address })
    }

    fn rung(&self) -> bool {
        self.bell.0.swap(false, SeqCst)
    }

    fn poll(&mut self, bench: &Bench) -> Poll<Result<Lease, Unavailable>> {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.waiting.poll(&mut Context::from_waker(&waker), &bench.ask(&self.route, self.address), bench.now)
    }
}

fn bench(limits: &[u32], capacity: usize) -> Bench {
    let names = ["a", "b", "c", "d"];
    let servers = limits.iter().zip(names);
    let servers =
        servers.map(|(&limit, name)| ServerSpec { max_connections: Some(limit), ..server(name) }).collect();
    let mut spec = pool(Method::LeastConnections, servers);
    spec.queue.capacity = capacity;
    Bench::new(spec)
}

#[test]
fn the_queue_is_bounded_and_may_be_off() {
    let bench0 = bench(&[1], 0);
    assert_eq!(bench0.pool().enqueue(bench0.now).unwrap_err(), Unavailable::Full);
    let bench = bench(&[1], 2);
    let _a = bench.pool().enqueue(bench.now).unwrap();
    let b = bench.pool().enqueue(bench.now).unwrap();
    assert_eq!(bench.pool().enqueue(bench.now).unwrap_err(), Unavailable::Full);
    drop(b);
    assert_eq!(bench.pool().queued(), 1);
    assert!(bench.pool().enqueue(bench.now).is_ok());
}

#[test]
fn who_came_first_is_served_first_and_newcomers_wait_behind() {
    let bench = bench(&[1], 10);
    let mut held = Some(bench.choose(&Route::new(), 0).unwrap());
    let mut clients: Vec<_> = (1..6).map(|address| Client::join(&bench, address).unwrap()).collect();
    // Polled in any order, nobody overtakes.
    assert!(clients.iter_mut().rev().all(|client| client.poll(&bench).is_pending()));
    while !clients.is_empty() {
        drop(held.take());
        assert_eq!(bench.choose(&Route::new(), 99).unwrap_err(), Unavailable::Full);
        for (i, client) in clients.iter().enumerate() {
            assert_eq!(client.rung(), i == 0, "only the first is woken");
        }
        assert!(clients.iter_mut().skip(1).all(|client| client.poll(&bench).is_pending()));
        let Poll::Ready(Ok(lease)) = clients.remove(0).poll(&bench) else { panic!("the first is served") };
        held = Some(lease);
        // The next looks whether there was room for two, and waits on.
        if let Some(next) = clients.first_mut() {
            assert!(next.rung());
            assert!(next.poll(&bench).is_pending());
        }
    }
    drop(held);
    assert!(bench.choose(&Route::new(), 99).is_ok());
}

#[test]
fn who_waited_too_long_is_told_so_and_leaves() {
    let mut bench = bench(&[1], 10);
    let _held = bench.choose(&Route::new(), 0).unwrap();
    let mut client = Client::join(&bench, 1).unwrap();
    assert!(client.poll(&bench).is_pending());
    bench.pass(client.waiting.deadline() - bench.now);
    assert!(matches!(client.poll(&bench), Poll::Ready(Err(Unavailable::QueueTimeout))));
    drop(client);
    assert_eq!(bench.pool().queued(), 0);
}

#[test]
fn who_gives_up_after_being_woken_passes_the_place_on() {
    let bench = bench(&[1], 10);
    let held = bench.choose(&Route::new(), 0).unwrap();
    let mut first = Client::join(&bench, 1).unwrap();
    let mut second = Client::join(&bench, 2).unwrap();
    assert!(first.poll(&bench).is_pending() && second.poll(&bench).is_pending());
    drop(held);
    assert!(first.rung());
    drop(first);
    assert!(second.rung());
    assert!(second.poll(&bench).is_ready());
}

#[test]
fn who_waits_for_one_server_keeps_nobody_from_another() {
    let mut bench = bench(&[1, 1], 10);
    bench.persist = by_source();
    let held = bench.choose(&Route::new(), 1).unwrap();
    let other = bench.choose(&Route::new(), 2).unwrap();
    let mut returning = Client::join(&bench, 1).unwrap();
    assert!(returning.poll(&bench).is_pending());
    let mut anybody = Client::join(&bench, 3).unwrap();
    assert!(anybody.poll(&bench).is_pending());
    drop(other);
    assert!(anybody.rung());
    assert!(anybody.poll(&bench).is_ready());
    // Its own server is not given to a newcomer meanwhile.
    let home = name(&held);
    drop(held);
    let newcomer = bench.choose(&Route::new(), 9);
    assert!(newcomer.as_ref().map_or(true, |lease| name(lease) != home));
    let Poll::Ready(Ok(lease)) = returning.poll(&bench) else { panic!("served by its own") };
    assert_eq!(name(&lease), home);
}

#[test]
fn a_server_that_comes_up_wakes_the_queue_and_one_that_goes_down_ends_useless_waiting() {
    let bench = bench(&[1, 1], 10);
    bench.probe("b", false);
    let _held = bench.choose(&Route::new(), 0).unwrap();
    let mut client = Client::join(&bench, 1).unwrap();
    let mut second = Client::join(&bench, 2).unwrap();
    assert!(client.poll(&bench).is_pending() && second.poll(&bench).is_pending());
    bench.probe("b", true);
    assert!(client.rung());
    let Poll::Ready(Ok(lease)) = client.poll(&bench) else { panic!("room on b") };
    assert!(second.rung() && second.poll(&bench).is_pending());
    drop(lease);
    assert!(second.rung());
    bench.probe("b", false);
    bench.probe("a", false);
    assert!(matches!(second.poll(&bench), Poll::Ready(Err(Unavailable::AllDown))));
}

/// Random arrivals, departures, failures and reloads; wakers ring a bell and clients are polled only when theirs
/// rang. Once no bell rings, nobody may be waiting for something that is free.
#[test]
fn no_wake_up_is_lost() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut bench = bench(&[1, 2, 1], 6);
        if seed % 2 == 0 {
            bench.persist = by_source();
        }
        let mut held: Vec<Lease> = Vec::new();
        let mut clients: Vec<Client> = Vec::new();
        for step in 0..300 {
            bench.pass(Duration::from_millis(dice.roll(20)));
            match dice.roll(10) {
                0..=3 => {
                    let address = dice.roll(6) as u32;
                    match bench.choose(&Route::new(), address) {
                        Ok(lease) => held.push(lease),
                        Err(_) => {
                            if let Ok(mut client) = Client::join(&bench, address) {
                                if dice.roll(3) == 0 {
                                    client.route.exclude.push(bench.server("b").id());
                                }
                                client.bell.0.store(true, SeqCst);
                                clients.push(client);
                            }
                        }
                    }
                }
                4..=6 if !held.is_empty() => drop(held.swap_remove(dice.roll(held.len() as u64) as usize)),
                7 if !clients.is_empty() => {
                    drop(clients.swap_remove(dice.roll(clients.len() as u64) as usize));
                }
                8 => drop(bench.probe(["a", "b", "c"][dice.roll(3) as usize], dice.roll(3) > 0)),
                _ => {}
            }
            // Woken clients run, in any order, until it is quiet.
            while let Some(i) = {
                let rung: Vec<_> = (0..clients.len()).filter(|&i| clients[i].bell.0.load(SeqCst)).collect();
                (!rung.is_empty()).then(|| rung[dice.roll(rung.len() as u64) as usize])
            } {
                assert!(clients[i].rung());
                if let Poll::Ready(outcome) = clients[i].poll(&bench) {
                    clients.remove(i);
                    held.extend(outcome);
                }
            }
            for client in &clients {
                let served = bench.pool().explain(&bench.ask(&client.route, client.address), bench.now);
                let free: Vec<_> = served
                    .candidates
                    .iter()
                    .filter(|c| c.state == State::Up && c.max_connections.is_some_and(|most| c.active < most))
                    .map(|c| c.name.to_string())
                    .collect();
                let own = served.keys.iter().find_map(|line| match &line.lookup {
                    Lookup::Hit(server) => Some(server.to_string()),
                    _ => None,
                });
                let excluded: Vec<u64> = client.route.exclude.to_vec();
                let usable = |name: &String| !excluded.contains(&bench.server(name).id());
                let waits_for = own.filter(|own| usable(own) && bench.server(own).state() == State::Up);
                let could = match waits_for {
                    Some(own) => free.contains(&own),
                    None => free.iter().any(usable),
                };
                assert!(!could, "seed {seed}, step {step}: {client:?} sleeps beside {free:?}\n{served}");
            }
        }
    }
}

/// Wakes a thread.
#[derive(Debug)]
struct Thread(std::thread::Thread);

impl Wake for Thread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn no_wake_up_is_lost_between_threads() {
    let mut spec =
        pool(Method::LeastConnections, vec![ServerSpec { max_connections: Some(1), ..server("a") }]);
    // A lost wake-up shows as a timeout; nothing else takes anywhere near as long.
    spec.queue = QueueSpec { capacity: 8, timeout: Duration::from_secs(60) };
    let bench = Bench::new(spec);
    std::thread::scope(|scope| {
        for client in 0..4 {
            let bench = &bench;
            scope.spawn(move || {
                let waker = Waker::from(Arc::new(Thread(std::thread::current())));
                let route = Route::new();
                let ask = bench.ask(&route, client);
                for _ in 0..500 {
                    let lease = bench.pool().choose(&ask, Instant::now()).or_else(|_| {
                        let mut waiting = bench.pool().enqueue(Instant::now())?;
                        loop {
                            match waiting.poll(&mut Context::from_waker(&waker), &ask, Instant::now()) {
                                Poll::Ready(outcome) => return outcome,
                                Poll::Pending => {
                                    std::thread::park_timeout(waiting.deadline() - Instant::now());
                                }
                            }
                        }
                    });
                    assert_eq!(bench.server("a").active(), 1);
                    drop(lease.unwrap());
                }
            });
        }
    });
    assert_eq!((bench.server("a").active(), bench.pool().queued()), (0, 0));
}

#[test]
fn whoever_waits_follows_its_pool_over_a_reload() {
    let mut bench = bench(&[1], 4);
    let _held = bench.choose(&Route::new(), 0).unwrap();
    let (mut first, mut second) = (Client::join(&bench, 1).unwrap(), Client::join(&bench, 2).unwrap());
    assert!(first.poll(&bench).is_pending() && second.poll(&bench).is_pending());
    let mut file = bench.pool().spec().clone();
    file.servers.push(ServerSpec { max_connections: Some(1), ..server("b") });
    bench.reload(vec![file]);
    bench.scheduler.stir();
    assert!(first.rung(), "nobody told it of the new server");
    assert!(second.waiting.follow(bench.pool()) && first.waiting.follow(bench.pool()));
    let Poll::Ready(Ok(lease)) = first.poll(&bench) else { panic!("a server is free") };
    assert_eq!(name(&lease), "b");
    assert!(second.poll(&bench).is_pending());
    drop(lease);
    assert!(second.rung() && second.poll(&bench).is_ready(), "it was forgotten in the line");
    assert!(!first.waiting.follow(Bench::new(pool(Method::RoundRobin, vec![server("c")])).pool()));
}
