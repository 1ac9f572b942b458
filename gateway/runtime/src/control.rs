//! The control thread: reloads, probes, certificates, the journal, and stopping. No client waits for it.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use sekisho_config::Config;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::access::{self, AccessLogs};
use crate::events::Happening;
use crate::gateway::{Board, Options, ReloadSummary, StartError};
use crate::handover::{Handed, Inherited, Memory, TableNews};
use crate::live::{self, Live};
use crate::sockets::{Addresses, Changes};
use crate::store::Store;
use crate::udp::Loads;
use crate::worker::{self, NewSocket, Order};
use crate::{descriptors, health};

/// How often the journal is written, and certificate files are looked at.
const CHORES: Duration = Duration::from_secs(1);

/// How long a worker may take to answer: it does nothing that takes long.
const PROMPT: Duration = Duration::from_secs(2);

/// How long connections go on unasked once another process accepts: time for a first request over a long way.
const UNASKED: Duration = Duration::from_secs(5);

/// What the program asks of the control thread.
#[derive(Debug)]
pub(crate) enum Command {
    Reload(Box<Config>, oneshot::Sender<Result<ReloadSummary, StartError>>),
    ReopenLogs,
    Hand(oneshot::Sender<Result<Handed, StartError>>),
    Remember(oneshot::Sender<Memory>),
    GoOn,
    Leave(std::sync::mpsc::Sender<TableNews>),
    Stop,
    StopNow,
}

/// A gateway before its first client.
#[derive(Debug)]
pub(crate) struct Prepared {
    model: live::Prepared,
    changes: Changes,
    access: AccessLogs,
    store: Store,
    workers: usize,
}

/// A started gateway, from the inside.
#[derive(Debug)]
pub(crate) struct Control {
    board: Arc<Board>,
    workers: Vec<Running>,
    /// Gives none once every worker has ended.
    ended: mpsc::Receiver<()>,
    access: AccessLogs,
    store: Store,
    /// Who is told what changes in tables, once another process has taken this one's place.
    told: Option<std::sync::mpsc::Sender<TableNews>>,
}

#[derive(Debug)]
struct Running {
    orders: mpsc::UnboundedSender<Order>,
    thread: JoinHandle<()>,
}

impl Prepared {
    /// Opens files and binds.
    pub(crate) fn new(config: Config, options: Options, handed: Handed) -> Result<Self, StartError> {
        let Handed { sockets, secret } = handed;
        let store = Store::open(&config.gateway, secret).map_err(|e| StartError::Secret(e.to_string()))?;
        let access = AccessLogs::of(&config.gateway, options.access).map_err(StartError::AccessLog)?;
        let model = live::Prepared::new(config, None)?;
        let workers = model.config().gateway.workers.unwrap_or_else(cores).max(1);
        let mut inherited = Inherited::new(sockets);
        let changes = Addresses::default().change(model.config(), workers, &mut inherited)?;
        inherited.dismiss();
        Ok(Self { model, changes, access, store, workers })
    }

    pub(crate) fn config(&self) -> &Config {
        self.model.config()
    }

    /// Spawns the workers and hands them their sockets.
    pub(crate) fn start(self, before: Option<&Memory>) -> Result<Control, StartError> {
        let Self { model, mut changes, access, mut store, workers: count } = self;
        let now = Instant::now();
        let live = Arc::new(model.into_live(store.secret(), seed(), None, now));
        live.scheduler.set_day(SystemTime::now(), now);
        store.replay(&live.scheduler, &live.config, before, now);
        changes.settle();
        let (end, ended) = mpsc::channel(1);
        let addresses = Arc::new(changes.addresses);
        let mut workers = Vec::with_capacity(count);
        let loads = Arc::new(Loads::new(count));
        for (index, sockets) in changes.sockets.into_iter().enumerate() {
            workers.push(spawn(
                index,
                (live.clone(), loads.clone()),
                (addresses.clone(), sockets),
                access.writer(),
                end.clone(),
            )?);
        }
        let board = Board {
            logs: access.watch(),
            events: Arc::default(),
            live: ArcSwap::new(live),
            addresses: ArcSwap::new(addresses),
            workers: workers.iter().map(|worker| worker.orders.downgrade()).collect(),
            loads,
        };
        Ok(Control { board: Arc::new(board), workers, ended, access, store, told: None })
    }
}

impl Control {
    pub(crate) fn board(&self) -> Arc<Board> {
        self.board.clone()
    }

    /// Runs until the gateway has stopped.
    pub(crate) fn run(mut self, commands: mpsc::UnboundedReceiver<Command>) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let local = LocalSet::new();
                let board = self.board.clone();
                local.spawn_local(async move {
                    let events = board.events.clone();
                    health::run(move || targets(&board), events).await;
                });
                local.block_on(&runtime, self.serve(commands));
            }
            Err(error) => tracing::error!(%error, "The control thread gets no event loop"),
        }
        for worker in &self.workers {
            let _ = worker.orders.send(Order::Quit);
        }
        for worker in self.workers {
            if worker.thread.join().is_err() {
                tracing::error!("A worker panicked");
            }
        }
        let live = self.board.live.load();
        // However busy the disk is: what the operator has set in the last moment is nowhere else.
        self.store.rest(&live.scheduler);
        tell(self.told.as_ref(), &live);
        self.access.close();
    }

    async fn serve(&mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut chores = tokio::time::interval(CHORES);
        chores.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut deadline: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = chores.tick() => {
                    self.chores();
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        tracing::warn!("The drain timeout is over: what is left is cut");
                        return;
                    }
                }
                _ = self.ended.recv() => return,
                command = commands.recv() => match command {
                    Some(Command::Reload(config, answer)) => {
                        let result = if deadline.is_some() { Err(StartError::Stopped) } else { self.reload(*config) };
                        match &result {
                            Ok(summary) => {
                                tracing::info!(%summary, "Reloaded");
                                self.board.events.tell(Happening::Reloaded { epoch: summary.epoch });
                            }
                            Err(error) => tracing::error!(%error, "Not reloaded, nothing has changed"),
                        }
                        let _ = answer.send(result);
                    }
                    Some(Command::ReopenLogs) => self.access.reopen(),
                    Some(Command::Hand(answer)) => {
                        let _ = answer.send(self.hand().await);
                    }
                    Some(Command::Remember(answer)) => {
                        let _ = answer.send(self.remember());
                    }
                    Some(Command::GoOn) => {
                        let live = self.board.live.load();
                        self.store.wake(&live.scheduler, &live.config);
                    }
                    Some(Command::Leave(told)) if deadline.is_none() => {
                        self.told = Some(told);
                        let patience = self.leave();
                        tracing::info!(?patience, "Another process serves from here on: connections have time to end");
                        deadline = Some(Instant::now() + patience);
                    }
                    Some(Command::Leave(_)) => {}
                    Some(Command::Stop) if deadline.is_none() => {
                        let patience = self.drain();
                        tracing::info!(?patience, "Stopping: connections have time to end");
                        deadline = Some(Instant::now() + patience);
                    }
                    // A handle that is gone cannot stop the gateway any more, and a second word means it.
                    Some(Command::Stop | Command::StopNow) | None => return,
                },
            }
        }
    }

    /// Has the workers accept nobody more; says how long their connections have to end.
    fn drain(&self) -> Duration {
        for worker in &self.workers {
            let _ = worker.orders.send(Order::Drain);
        }
        self.board.live.load().config.gateway.drain_timeout
    }

    /// Has the workers leave their listeners to another process; says how long their connections have to end.
    fn leave(&self) -> Duration {
        let patience = self.board.live.load().config.gateway.drain_timeout;
        for worker in &self.workers {
            let _ = worker.orders.send(Order::Leave(UNASKED.min(patience / 2)));
        }
        patience
    }

    /// Duplicates of all sockets, in the order in which they were bound. None may be missing: whoever waits at it would
    /// be lost.
    async fn hand(&self) -> Result<Handed, StartError> {
        let mut duplicates = Vec::new();
        for worker in &self.workers {
            let (answer, answered) = oneshot::channel();
            let _ = worker.orders.send(Order::Hand(answer));
            let answer = tokio::time::timeout(PROMPT, answered).await;
            let answer = answer.map_err(|_| StartError::Hand(io::Error::other("a worker hangs")))?;
            // A worker that is gone has none.
            let sockets = answer.ok().transpose().map_err(StartError::Hand)?;
            duplicates.extend(sockets.unwrap_or_default());
        }
        let sockets = self.board.addresses.load().handed(duplicates);
        Ok(Handed { sockets, secret: self.store.unkept() })
    }

    /// What another process has to know. What this one wrote so far is whole, and it writes no more.
    fn remember(&mut self) -> Memory {
        let live = self.board.live.load();
        self.store.rest(&live.scheduler);
        let tables = live.scheduler.tables().iter().map(|table| {
            let mut records = Vec::new();
            table.snapshot(&mut records, SystemTime::now(), Instant::now());
            TableNews { table: table.name().as_ref().to_owned(), records }
        });
        Memory {
            tables: tables.collect(),
            wishes: live.scheduler.wishes(),
            standings: live.scheduler.standings(),
        }
    }

    fn chores(&mut self) {
        let live = self.board.live.load();
        tell(self.told.as_ref(), &live);
        // The clock may have been set since, or the machine have slept.
        live.scheduler.set_day(SystemTime::now(), Instant::now());
        self.store.tick(&live.scheduler);
        for vip in &live.vips {
            if let Some(acceptor) = &vip.acceptor {
                acceptor.tend(&vip.vip.name);
            }
        }
    }

    fn reload(&mut self, config: Config) -> Result<ReloadSummary, StartError> {
        let before = self.board.live.load_full();
        if config.gateway.workers.unwrap_or_else(cores).max(1) != self.workers.len() {
            tracing::warn!("`workers` takes effect at the next start");
        }
        for key in access::fixed(&before.config.gateway, &config.gateway) {
            tracing::warn!("`{key}` takes effect at the next start");
        }
        if config.gateway.max_connections != before.config.gateway.max_connections {
            descriptors::announce(config.gateway.max_connections);
        }
        let prepared = live::Prepared::new(config, Some(&before))?;
        let addresses = self.board.addresses.load();
        let changes = addresses.change(prepared.config(), self.workers.len(), &mut Inherited::default())?;
        // From here on nothing can fail.
        let live = Arc::new(prepared.into_live(self.store.secret(), seed(), Some(&before), Instant::now()));
        live.enforce();
        let addresses = Arc::new(changes.addresses);
        for (worker, sockets) in self.workers.iter().zip(changes.sockets) {
            let _ = worker.orders.send(Order::Adopt(live.clone(), addresses.clone(), sockets));
        }
        let summary = ReloadSummary { opened: changes.opened, closed: changes.closed, epoch: live.epoch };
        self.board.addresses.store(addresses);
        self.board.live.store(live);
        Ok(summary)
    }
}

/// Tells the process that has taken this one's place what has changed in the tables.
fn tell(told: Option<&std::sync::mpsc::Sender<TableNews>>, live: &Live) {
    let Some(told) = told else { return };
    for table in live.scheduler.tables() {
        let (mut records, wall, now) = (Vec::new(), SystemTime::now(), Instant::now());
        if table.journal(&mut records, wall, now).snapshot_needed {
            records.clear();
            table.snapshot(&mut records, wall, now);
        }
        if !records.is_empty() {
            // Whoever has gone need not be told.
            let _ = told.send(TableNews { table: table.name().as_ref().to_owned(), records });
        }
    }
}

fn spawn(
    index: usize,
    (live, loads): (Arc<Live>, Arc<Loads>),
    (addresses, sockets): (Arc<Addresses>, Vec<NewSocket>),
    access: access::AccessWriter,
    end: mpsc::Sender<()>,
) -> Result<Running, StartError> {
    let (orders, received) = mpsc::unbounded_channel();
    let _ = orders.send(Order::Adopt(live.clone(), addresses, sockets));
    let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        if let Err(error) = worker::run(index, live, &loads, access, received) {
            tracing::error!(%error, "A worker gets no event loop");
        }
        drop(end);
    })?;
    Ok(Running { orders, thread })
}

fn targets(board: &Board) -> Vec<health::Target> {
    let live = board.live.load();
    let pool = |name: &str| live.config.pools.iter().find(|pool| &*pool.spec.name == name);
    live.servers()
        .filter_map(|side| {
            let pool = pool(&side.pool)?;
            Some(health::Target {
                pool: side.pool.clone(),
                server: side.state.clone(),
                probe: pool.probe.clone(),
                timeout: pool.spec.health.timeout,
                connector: side.connector.clone(),
                start_tls: side.start_tls,
                streams_only: side.streams_only,
                proxy_protocol: side.proxy_protocol,
            })
        })
        .collect()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where the kernel has no randomness yet, the time of day does: it spreads load, it hides nothing.
fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let now = SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |now| now.as_nanos() as u64)
    })
}
