//! One thread that serves: its own listeners, timers, buffers and log, shared with nobody.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::LocalSet;

use crate::access::AccessWriter;
use crate::counted::Counted;
use crate::live::{Live, LiveVip};
use crate::relay::{Buffers, Pipes, Shared};
use crate::roster::{Roster, Visit};
use crate::slot::{Drain, Serving, Slot};
use crate::sockets::{Addresses, Duplicate};
use crate::ticker::{TICK, Ticker};
use crate::udp::{Loads, Meter, Spread, Workbench};

/// What the control thread tells a worker.
#[derive(Debug)]
pub(crate) enum Order {
    /// Serve from this configuration from now on. New sockets come along; those of addresses that are no longer in
    /// it close, and those that belong to another VIP in it serve that one.
    Adopt(Arc<Live>, Arc<Addresses>, Vec<NewSocket>),
    /// Tell an operator about the clients, or end some.
    Visit(Visit),
    /// Duplicate the sockets that are listened on.
    Hand(oneshot::Sender<std::io::Result<Vec<Duplicate>>>),
    /// Close the listeners and ask every conversation to end.
    Drain,
    /// Leave the listeners to another process, and ask every conversation to end after so long: whoever was accepted a
    /// moment ago has not said yet what it came for.
    Leave(Duration),
    /// End now.
    Quit,
}

/// A bound socket for a worker.
#[derive(Debug)]
pub(crate) struct NewSocket {
    /// The VIP that it belongs to.
    pub(crate) vip: Arc<str>,
    /// The address as bound.
    pub(crate) bound: SocketAddr,
    pub(crate) socket: Socket,
    /// Held as long as the socket is open.
    pub(crate) open: Arc<()>,
    /// Its number among the sockets of its address, in the order in which they were bound.
    pub(crate) place: usize,
    /// There are enough without it: nobody new comes here, and it closes when all who did have been accepted.
    pub(crate) spare: bool,
}

/// A TCP listener or a UDP socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(std::net::TcpListener),
    Udp(std::net::UdpSocket),
}

/// One worker, as everything that runs in it sees it.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Its number, from 0; the same over reloads.
    pub(crate) index: usize,
    live: RefCell<Arc<Live>>,
    pub(crate) shared: Rc<Shared>,
    pub(crate) access: RefCell<AccessWriter>,
    pub(crate) roster: Rc<Roster>,
    /// What batches of datagrams are worked on with.
    pub(crate) workbench: RefCell<Workbench>,
    pub(crate) meter: RefCell<Meter>,
    pub(crate) tasks: Cell<usize>,
    /// Connections numbered so far.
    numbered: Cell<u64>,
    drained: Notify,
}

impl Worker {
    /// Looks at the configuration in force without counting a reference.
    pub(crate) fn with_live<T>(&self, look: impl FnOnce(&Live) -> T) -> T {
        look(&self.live.borrow())
    }

    /// The coarse clock.
    pub(crate) fn ticker(&self) -> &Rc<Ticker> {
        &self.shared.ticker
    }

    /// The next connection's number: this worker's own count above its index, so that no two workers give the same.
    pub(crate) fn number(&self) -> u64 {
        let count = self.numbered.get() + 1;
        self.numbered.set(count);
        count << WORKER_BITS | self.index as u64
    }

    /// Counts as a client being served until it is dropped.
    pub(crate) fn busy(self: &Rc<Self>) -> Served {
        self.tasks.set(self.tasks.get() + 1);
        Served(self.clone())
    }

    /// Starts a task that counts as a client being served until it ends, be it by a panic.
    pub(crate) fn serve(self: &Rc<Self>, task: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(Counted::new(task, self.busy()));
    }
}

/// A client being served: while there is one, a draining worker goes on.
pub(crate) struct Served(Rc<Worker>);

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Served")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let left = self.0.tasks.get() - 1;
        self.0.tasks.set(left);
        if left == 0 {
            self.0.drained.notify_one();
        }
    }
}

/// Bits of a connection's number that tell its worker: there are at most 1,024.
const WORKER_BITS: u32 = 10;

/// Runs a worker until it is told to quit, or has drained.
///
/// # Errors
/// If the thread gets no event loop, or the kernel has no randomness.
pub(crate) fn run(
    index: usize,
    live: Arc<Live>,
    loads: &Loads,
    access: AccessWriter,
    orders: mpsc::UnboundedReceiver<Order>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(61).build()?;
    let worker = Rc::new(Worker {
        index,
        live: RefCell::new(live),
        shared: Rc::new(Shared {
            ticker: Ticker::new(Instant::now()),
            buffers: Buffers::default(),
            pipes: Pipes::default(),
        }),
        access: RefCell::new(access),
        roster: Roster::new(Instant::now()),
        workbench: RefCell::new(Workbench::new()?),
        meter: RefCell::new(Meter::new(Instant::now())),
        tasks: Cell::new(0),
        numbered: Cell::new(0),
        drained: Notify::new(),
    });
    let local = LocalSet::new();
    local.block_on(&runtime, main_loop(worker.clone(), loads, orders));
    // Everything still open ends with the set: the sockets close.
    drop(local);
    worker.access.borrow_mut().tick();
    Ok(())
}

async fn main_loop(worker: Rc<Worker>, loads: &Loads, mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut slots: Vec<Rc<Slot>> = Vec::new();
    let mut drains = Drains::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut draining = false;
    let mut patience: Option<Instant> = None;
    let mut spread = Spread::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = Instant::now();
                worker.ticker().sweep(now);
                loads.report(worker.index, worker.meter.borrow_mut().look(now));
                if worker.index == 0 {
                    let active = spread.decide(loads);
                    slots.iter().for_each(|slot| slot.spread(active));
                }
                worker.access.borrow_mut().tick();
                if patience.is_some_and(|end| now >= end) {
                    patience = None;
                    drains.values().for_each(|drain| drain.begin());
                }
            }
            () = worker.drained.notified(), if draining => {}
            order = orders.recv() => match order {
                Some(Order::Adopt(live, addresses, sockets)) => {
                    adopt(&worker, (&mut slots, &mut drains), &live, &addresses, sockets);
                }
                Some(Order::Visit(visit)) => worker.roster.visit(visit),
                Some(Order::Hand(answer)) => {
                    let _ = answer.send(slots.iter().filter_map(|slot| slot.duplicate()).collect());
                }
                Some(Order::Drain) => {
                    draining = true;
                    slots.drain(..).for_each(|slot| slot.close());
                    drains.values().for_each(|drain| drain.begin());
                }
                Some(Order::Leave(after)) => {
                    draining = true;
                    patience = Some(Instant::now() + after);
                    slots.drain(..).for_each(|slot| slot.leave());
                }
                Some(Order::Quit) | None => return,
            },
        }
        if draining && worker.tasks.get() == 0 {
            // One more turn for what the kernel had accepted before the listeners closed.
            tokio::time::sleep(Duration::from_millis(1)).await;
            if worker.tasks.get() == 0 {
                return;
            }
        }
    }
}

/// What tells the conversations of a VIP to end, by its name: over reloads, and for those of its addresses that went.
type Drains = HashMap<Arc<str>, Rc<Drain>>;

fn adopt(
    worker: &Rc<Worker>,
    (slots, drains): (&mut Vec<Rc<Slot>>, &mut Drains),
    live: &Arc<Live>,
    addresses: &Addresses,
    sockets: Vec<NewSocket>,
) {
    let before = worker.live.replace(live.clone());
    // An address that went leaves its conversations alone; a VIP that went asks them to end.
    drains.retain(|name, drain| {
        let stays = live.vip(name).is_some();
        if !stays {
            drain.begin();
        }
        stays
    });
    // Addresses of one VIP share what is served, and with it the protocol's pooled connections.
    let mut made: HashMap<Arc<str>, Rc<Serving>> = HashMap::new();
    let mut serving = |vip: &Arc<LiveVip>| {
        let name = &vip.vip.name;
        let drain = drains.entry(name.clone()).or_default();
        made.entry(name.clone()).or_insert_with(|| Serving::new(worker, vip, drain.clone())).clone()
    };
    slots.retain(|slot| match addresses.vip(slot.kind, slot.bound).and_then(|name| live.vip(name)) {
        Some(vip) => {
            slot.change(serving(vip));
            true
        }
        None => {
            slot.close();
            false
        }
    });
    for new in sockets {
        let Some(vip) = live.vip(&new.vip) else { continue };
        match Slot::open(worker, serving(vip), new) {
            Ok(slot) => slots.push(slot),
            Err(error) => tracing::error!(vip = %vip.vip.name, %error, "A listener could not be registered"),
        }
    }
    // Whoever waits in a queue looks at the servers that there are now, or hears that its pool is no more.
    before.scheduler.stir();
    live.scheduler.stir();
}
