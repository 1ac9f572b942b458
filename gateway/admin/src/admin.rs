//! The life of the doors: opened, moved by a reload, closed.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sekisho_config::{Admin as Settings, Registry};
use sekisho_runtime::{DoorTls, LogSender, View};
use tokio::sync::oneshot;

use crate::api::Api;
use crate::caller::Policy;
use crate::doors::{AdminError, Bound, BoundApi, BoundMetrics, Doors, HandedDoors};
use crate::endpoint::{self, Content, Listener};
use crate::metrics::Source;
use crate::nodes::Nodes;
use crate::secured::Secured;
use crate::socket::{Place, Socket};
use crate::steering::Steering;
use crate::upgrade::Upgrade;

/// What a reload changes: made before it, carried out after it. None: a door stays as it is.
#[derive(Debug)]
pub struct Change {
    metrics: Option<Option<BoundMetrics>>,
    admin: Option<Option<Socket>>,
    api: Option<Option<BoundApi>>,
    settings: Settings,
    tls: Option<DoorTls>,
}

/// Answers whoever operates a gateway, from threads of its own. Dropping it stops that.
#[derive(Debug)]
pub struct Admin {
    source: Arc<Source>,
    view: View,
    nodes: Nodes,
    upgrade: Upgrade,
    metrics: Option<Metrics>,
    admin: Option<Operator>,
    api: Option<Address>,
    steering: Steering,
    policy: Arc<Policy>,
    secured: Arc<Secured>,
    /// When the process began, whichever door is asked.
    started: Instant,
}

#[derive(Debug)]
struct Metrics {
    wanted: SocketAddr,
    address: SocketAddr,
    /// A second descriptor, to be handed on.
    listener: TcpListener,
    thread: Thread,
}

#[derive(Debug)]
struct Operator {
    // Before the file: nobody is let in to be cut.
    thread: Thread,
    /// A second descriptor, to be handed on.
    listener: UnixListener,
    file: Place,
}

/// The operator's address, which is served.
#[derive(Debug)]
struct Address {
    wanted: SocketAddr,
    /// With the port that the kernel chose.
    address: SocketAddr,
    /// A second descriptor, to be handed on.
    listener: TcpListener,
    thread: Thread,
}

impl Admin {
    /// Answers for the gateway behind `view` at the doors that are bound. `registry` has the gateway's protocols, which
    /// count some things themselves.
    ///
    /// # Errors
    /// [`AdminError::Thread`].
    pub fn start(view: View, registry: Registry, bound: Bound) -> Result<Self, AdminError> {
        Self::start_among(Nodes::default(), Upgrade::default(), view, registry, bound)
    }

    /// As [`start`](Self::start), for a gateway among other `nodes`, and one that can be replaced as it runs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_among(
        nodes: Nodes,
        upgrade: Upgrade,
        view: View,
        registry: Registry,
        bound: Bound,
    ) -> Result<Self, AdminError> {
        Self::start_steered(Steering::default(), nodes, upgrade, view, registry, bound)
    }

    /// As [`start_among`](Self::start_among), for a gateway whose configuration can be changed as it runs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_steered(
        steering: Steering,
        nodes: Nodes,
        upgrade: Upgrade,
        view: View,
        registry: Registry,
        bound: Bound,
    ) -> Result<Self, AdminError> {
        let source = Arc::new(Source::new(view.clone(), registry, nodes.clone()));
        let mut this = Self {
            source,
            view,
            nodes,
            upgrade,
            metrics: None,
            admin: None,
            api: None,
            steering,
            policy: Arc::default(),
            secured: Arc::default(),
            started: Instant::now(),
        };
        let Bound { metrics, admin, api, settings, tls } = bound;
        this.change(Change { metrics: Some(metrics), admin: Some(admin), api: Some(api), settings, tls })?;
        Ok(this)
    }

    /// Counts what becomes of the messages of the gateway's own log, for the metrics.
    pub fn watch_log(&self, log: LogSender) {
        self.source.watch_log(log);
    }

    /// Where the gateway is operated, with the port that the kernel chose.
    pub fn api_address(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(|api| api.address)
    }

    /// Where metrics are read, with the port that the kernel chose.
    pub fn address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|metrics| metrics.address)
    }

    /// Prepares to be reached at `doors`; nothing has changed yet.
    ///
    /// # Errors
    /// As [`bind`](crate::bind).
    pub fn prepare(&self, doors: &Doors) -> Result<Change, AdminError> {
        let same = self.metrics.as_ref().map(|metrics| metrics.wanted) == doors.metrics;
        let metrics = if same { None } else { Some(doors.metrics.map(BoundMetrics::new).transpose()?) };
        let now = self.admin.as_ref().map(|admin| &admin.file);
        // A file that somebody removed meanwhile is made again.
        let same = now.map(Place::path) == doors.admin.as_deref() && now.is_none_or(Place::stands);
        let admin = if same { None } else { Some(doors.admin.as_deref().map(Socket::bind).transpose()?) };
        let wanted = doors.api.listen;
        let same = self.api.as_ref().map(|api| api.wanted) == wanted;
        let api = if same { None } else { Some(wanted.map(BoundApi::new).transpose()?) };
        let tls = self.secured.prepare(doors.api.tls.as_ref()).map_err(AdminError::Tls)?;
        Ok(Change { metrics, admin, api, settings: doors.api.clone(), tls })
    }

    /// Carries a change out. A door before it, if there was another, is closed; who is in is answered, since the one
    /// who wished for the change is perhaps among them.
    ///
    /// # Errors
    /// [`AdminError::Thread`]; the doors that could not be opened are where they were.
    pub fn change(&mut self, change: Change) -> Result<(), AdminError> {
        // First who may do what: nobody comes in by the rules of before.
        self.policy.set(change.settings);
        self.secured.set(change.tls);
        if let Some(bound) = change.api {
            let (api, secured) = (self.api(), &self.secured);
            let opened = bound.map(|bound| Address::start(bound, api, secured)).transpose()?;
            let before = std::mem::replace(&mut self.api, opened);
            before.into_iter().for_each(|before| before.thread.leave());
        }
        if let Some(bound) = change.metrics {
            let opened = bound.map(|bound| Metrics::start(bound, &self.source)).transpose()?;
            let before = std::mem::replace(&mut self.metrics, opened);
            before.into_iter().for_each(|before| before.thread.leave());
        }
        if let Some(bound) = change.admin {
            let opened = bound.map(|bound| Operator::start(bound, self.api())).transpose()?;
            let before = std::mem::replace(&mut self.admin, opened);
            before.into_iter().for_each(|before| before.thread.leave());
        }
        Ok(())
    }

    fn api(&self) -> Api {
        Api::new(
            self.view.clone(),
            self.nodes.clone(),
            self.upgrade.clone(),
            self.steering.clone(),
            self.policy.clone(),
            self.started,
        )
    }

    /// Duplicates of the doors, for a process that is to take this one's place.
    ///
    /// # Errors
    /// The process has no room for them.
    pub fn hand(&self) -> io::Result<HandedDoors> {
        let metrics = self.metrics.as_ref().map(|of| Ok((of.wanted, of.listener.try_clone()?.into())));
        let admin = self.admin.as_ref();
        let admin = admin.map(|of| Ok((of.file.path().to_owned(), of.listener.try_clone()?.into())));
        let api = self.api.as_ref().map(|of| Ok((of.wanted, of.listener.try_clone()?.into())));
        let api: io::Result<_> = api.transpose();
        let (metrics, admin): (io::Result<_>, io::Result<_>) = (metrics.transpose(), admin.transpose());
        Ok(HandedDoors { metrics: metrics?, admin: admin?, api: api? })
    }

    /// Lets nobody in any more, since another process does; who is in is answered. `taken`: that process has the
    /// operator's socket, and with it the file.
    pub fn leave(&mut self, taken: bool) {
        if let Some(metrics) = &mut self.metrics {
            metrics.thread.finish();
        }
        if let Some(api) = &mut self.api {
            api.thread.finish();
        }
        if let Some(admin) = &mut self.admin {
            admin.thread.finish();
            if taken {
                admin.file.leave();
            }
        }
    }
}

impl Address {
    fn start(bound: BoundApi, api: Api, secured: &Arc<Secured>) -> Result<Self, AdminError> {
        let BoundApi { wanted, listener } = bound;
        let address = listener.local_addr()?;
        let (second, secured) = (listener.try_clone()?, secured.clone());
        let listener = || Ok(Listener::Tcp(tokio::net::TcpListener::from_std(listener)?, Some(secured)));
        let thread = Thread::start("admin-api", listener, Content::Api(Box::new(api)))?;
        tracing::info!(%address, "The gateway can be operated");
        Ok(Self { wanted, address, listener: second, thread })
    }
}

impl Metrics {
    fn start(bound: BoundMetrics, source: &Arc<Source>) -> Result<Self, AdminError> {
        let BoundMetrics { wanted, listener } = bound;
        let address = listener.local_addr()?;
        let second = listener.try_clone()?;
        let listener = || Ok(Listener::Tcp(tokio::net::TcpListener::from_std(listener)?, None));
        let thread = Thread::start("metrics", listener, Content::Metrics(source.clone()))?;
        tracing::info!(%address, "Metrics can be read");
        Ok(Self { wanted, address, listener: second, thread })
    }
}

impl Operator {
    fn start(socket: Socket, api: Api) -> Result<Self, AdminError> {
        let (listener, file) = socket.into_parts();
        let second = listener.try_clone()?;
        let listener = || Ok(Listener::Unix(tokio::net::UnixListener::from_std(listener)?));
        let thread = Thread::start("admin", listener, Content::Api(Box::new(api)))?;
        tracing::info!(path = %file.path().display(), "The gateway can be operated");
        Ok(Self { thread, listener: second, file })
    }
}

/// The thread of a door.
struct Thread {
    /// Dropped to stop at once; used to let who is in finish.
    stop: Option<oneshot::Sender<mpsc::Sender<()>>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// `listener` is made where the thread's event loop is known.
    fn start(
        name: &str,
        listener: impl FnOnce() -> io::Result<Listener>,
        content: Content,
    ) -> Result<Self, AdminError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            listener()?
        };
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(endpoint::run(listener, content, stopped));
            // A candidate that is still being checked is nobody's any more.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Lets nobody in any more, and goes on until who is in is answered. Whoever comes after it returns finds another
    /// door, unless the thread hangs.
    fn finish(&mut self) {
        let Some(stop) = self.stop.take() else { return };
        let (closed, is_closed) = mpsc::channel();
        if stop.send(closed).is_ok() {
            // The thread that ends meanwhile drops its end, which says the same.
            let _ = is_closed.recv_timeout(CLOSING);
        }
    }

    /// The same, and nobody waits for its end.
    fn leave(mut self) {
        self.finish();
        self.thread = None;
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop = None;
        // A thread that panicked has said so, and is gone all the same.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Thread")
    }
}

/// How long it takes at most that a door is closed.
const CLOSING: Duration = Duration::from_secs(1);
