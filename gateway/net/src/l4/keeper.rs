//! The thread that keeps the kernel's rules in step with pools. No worker waits for it.

use std::collections::HashMap;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sekisho_config::{Config, OnStop};
use sekisho_runtime::View;
use sekisho_scheduler::{Health, Scheduler};
use tracing::{debug, error, info, warn};

use super::choice::Choice;
use super::count::{self, Count, What};
use super::service::{self, Service};
use super::{claim, flows, needs, nft, text};
use crate::install::NetworkError;

/// Keeps the rules of VIPs that the kernel serves. Dropping it does with them what their `on-stop` says.
#[derive(Debug)]
pub struct L4 {
    stop: Option<Sender<Stop>>,
    thread: Option<JoinHandle<()>>,
    /// Whether the rules are this process's, or will be in a moment.
    ours: Arc<AtomicBool>,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// As each VIP's `on-stop` says.
    AsSaid,
    /// All rules stay.
    Leave,
}

impl L4 {
    /// Puts in the rules of the gateway behind `view`, and begins to keep them. Those that a gateway which was killed has
    /// left serve on until this one's first probes are answered, and go where this one serves their addresses itself. What
    /// [`check`](super::check) finds is to be known before.
    ///
    /// # Errors
    /// What the kernel says. [`NetworkError::OthersRules`]: the rules are of a gateway that lives.
    pub fn start(view: View) -> Result<Self, NetworkError> {
        Self::begin(view, false)
    }

    /// As [`start`](Self::start), after a process that [leaves](Self::leave) its rules to this one, perhaps in a moment.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn taken_over(view: View) -> Result<Self, NetworkError> {
        Self::begin(view, true)
    }

    fn begin(view: View, taken_over: bool) -> Result<Self, NetworkError> {
        let (config, scheduler) = view.in_force();
        for address in needs::strange(&config) {
            warn!(%address, "Of no interface: unless a router sends its packets here, nobody reaches it");
        }
        let services = service::services(&config);
        let left = nft(&["list", "table", "inet", text::TABLE], "")
            .is_ok_and(|rules| !services.is_empty() || needs::in_the_way(&rules, &config));
        let claim = (left && !taken_over).then(claim).transpose()?;
        let ours = Arc::new(AtomicBool::new(taken_over || claim.is_some()));
        let mut keeper =
            Keeper { view, claim, ours: ours.clone(), left, installed: None, read: HashMap::new() };
        if !left {
            keeper.install(&config, &scheduler, services)?;
        }
        let (stop, stopped) = mpsc::channel();
        let patience = left.then(|| Instant::now() + PATIENCE);
        let thread = std::thread::Builder::new().name("l4".to_owned());
        let thread = thread.spawn(move || keeper.run(&stopped, patience)).map_err(NetworkError::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), ours })
    }

    /// Whether the machine can follow a reload: as [`check`](super::check), and no other gateway has such VIPs.
    ///
    /// # Errors
    /// As [`check_first`](super::check_first).
    pub fn check(&self, config: &Config) -> Result<(), NetworkError> {
        if self.ours.load(Relaxed) { needs::check(config) } else { needs::check_first(config) }
    }

    /// Ends it with all rules left where they are: for a process that takes this one's place, or that nobody has stopped.
    pub fn leave(mut self) {
        self.end(Stop::Leave);
    }

    fn end(&mut self, how: Stop) {
        // A thread that panicked has said so.
        let _ = self.stop.take().map(|stop| stop.send(how));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for L4 {
    fn drop(&mut self) {
        self.end(Stop::AsSaid);
    }
}

struct Keeper {
    view: View,
    /// While there are rules of this process.
    claim: Option<UnixListener>,
    ours: Arc<AtomicBool>,
    /// Whether rules of a gateway before this one are in, which are to become this one's.
    left: bool,
    installed: Option<Installed>,
    /// The counters as they were last read.
    read: HashMap<String, Count>,
}

/// What is in the kernel.
struct Installed {
    config: Arc<Config>,
    /// Each with its choices, one for each version of IP that it listens on.
    services: Vec<(Service, Vec<Choice>)>,
}

impl Keeper {
    fn run(mut self, stopped: &Receiver<Stop>, mut patience: Option<Instant>) {
        let (mut counted, mut rest) = (Instant::now(), TICK);
        loop {
            match stopped.recv_timeout(rest) {
                Ok(Stop::Leave) => return,
                Ok(Stop::AsSaid) | Err(RecvTimeoutError::Disconnected) => {
                    if patience.is_some() {
                        // What was left is this one's to take out.
                        let _ = self.follow();
                    }
                    return self.withdraw();
                }
                Err(RecvTimeoutError::Timeout) => rest = TICK,
            }
            if patience.is_some_and(|end| Instant::now() < end && !self.probed()) {
                continue;
            }
            patience = None;
            if counted.elapsed() >= COUNTED {
                counted = Instant::now();
                self.count();
            }
            if let Err(error) = self.follow() {
                error!(%error, "Rules of VIPs with mode = \"l4\" are not in step with their pools");
                rest = AGAIN;
            }
        }
    }

    /// Whether every server that is probed has been.
    fn probed(&self) -> bool {
        let (config, scheduler) = self.view.in_force();
        service::services(&config).iter().all(|service| {
            let probed =
                config.pools.iter().any(|pool| pool.spec.name == service.pool && pool.probe.is_some());
            let servers = scheduler.pool(&service.pool).map(|pool| pool.servers()).unwrap_or_default();
            !probed || servers.iter().all(|server| server.last_probe().is_some())
        })
    }

    /// Does what has changed since.
    fn follow(&mut self) -> Result<(), NetworkError> {
        let (config, scheduler) = self.view.in_force();
        let Some(installed) = &mut self.installed else {
            return self.install(&config, &scheduler, service::services(&config));
        };
        if !Arc::ptr_eq(&installed.config, &config) {
            let services = service::services(&config);
            if !services.iter().eq(installed.services.iter().map(|(service, _)| service)) {
                self.count();
                return self.install(&config, &scheduler, services);
            }
            installed.config = config;
        }
        let choices =
            choose(installed.services.iter().map(|(service, had)| (service, had.as_slice())), &scheduler);
        let changed: Vec<_> = installed
            .services
            .iter()
            .zip(&choices)
            .flat_map(|((service, had), has)| had.iter().zip(has).map(move |(had, has)| (service, had, has)))
            .filter(|(_, had, has)| had.slots != has.slots)
            .collect();
        if !changed.is_empty() {
            let text: Vec<_> = changed.iter().map(|(service, _, has)| (*service, *has)).collect();
            nft(&["-f", "-"], &text::change(&text))?;
            for (service, had, has) in changed {
                forget(service, has, Some(had), &scheduler);
                let (vip, family) = (&service.vip, has.family);
                match (had.slots.is_empty(), has.slots.is_empty()) {
                    (false, true) => warn!(%vip, ?family, "No server: the kernel refuses clients"),
                    _ => debug!(%vip, ?family, "The kernel's table of servers has changed"),
                }
            }
        }
        installed.services.iter_mut().zip(choices).for_each(|((_, had), has)| *had = has);
        Ok(())
    }

    /// Makes the rules those of a configuration.
    fn install(
        &mut self,
        config: &Arc<Config>,
        scheduler: &Scheduler,
        services: Vec<Service>,
    ) -> Result<(), NetworkError> {
        if (self.left || !services.is_empty()) && self.claim.is_none() {
            self.claim = Some(claim()?);
            self.ours.store(true, Relaxed);
        }
        let choices = choose(services.iter().map(|service| (service, [].as_slice())), scheduler);
        let services: Vec<_> = services.into_iter().zip(choices).collect();
        let had =
            self.left || self.installed.as_ref().is_some_and(|installed| !installed.services.is_empty());
        match (had, services.is_empty()) {
            (_, false) => {
                nft(&["-f", "-"], &text::all(&served(&services)))?;
                info!(vips = services.len(), nft = text::TABLE, "The kernel serves VIPs");
            }
            (true, true) => {
                nft(&["-f", "-"], &text::none())?;
                info!(nft = text::TABLE, "The kernel serves no VIPs any more");
                self.claim = None;
                self.ours.store(false, Relaxed);
            }
            // Another gateway of this machine may have such rules.
            (false, true) => {}
        }
        for (service, choices) in &services {
            choices.iter().for_each(|choice| forget(service, choice, None, scheduler));
        }
        self.left = false;
        self.read.clear();
        self.installed = Some(Installed { config: config.clone(), services });
        Ok(())
    }

    /// Reads the counters. Where they are gone so are the rules: another program took them out.
    fn count(&mut self) {
        let Some(installed) = self.installed.as_ref().filter(|installed| !installed.services.is_empty())
        else {
            return;
        };
        let printed = match nft(&["--json", "list", "counters", "table", "inet", text::TABLE], "") {
            Ok(printed) => printed,
            Err(error) => {
                warn!(%error, "The rules of VIPs with mode = \"l4\" are gone: they are put in again");
                self.installed = None;
                return;
            }
        };
        let (now, read) = (Instant::now(), count::read(&printed));
        let (_, scheduler) = self.view.in_force();
        for (service, _) in &installed.services {
            let pool = scheduler.pool(&service.pool);
            let mut sum = [0; 3];
            for server in &service.servers {
                let grown = |what: What| {
                    let name = count::name(service, server, what);
                    let was = self.read.get(&name).copied().unwrap_or_default();
                    count::grown(was, read.get(&name).copied().unwrap_or(was))
                };
                let [(new, _), (_, received), (_, sent)] = What::ALL.map(grown);
                if let Some(state) = pool.and_then(|pool| pool.server(&server.name)) {
                    state.carried(new, received + sent, now);
                }
                sum.iter_mut().zip([new, received, sent]).for_each(|(sum, more)| *sum += more);
            }
            let [new, received, sent] = sum;
            self.view.carried(&service.vip, new, received, sent);
        }
        self.read = read;
    }

    /// Leaves the rules of those VIPs that serve on.
    fn withdraw(mut self) {
        self.count();
        let Some(Installed { mut services, .. }) = self.installed else { return };
        if services.is_empty() {
            return;
        }
        services.retain(|(service, _)| service.on_stop == OnStop::Keep);
        let text = if services.is_empty() { text::none() } else { text::all(&served(&services)) };
        if let Err(error) = nft(&["-f", "-"], &text) {
            error!(%error, "Rules of VIPs with mode = \"l4\" were not taken out");
        }
    }
}

fn served(services: &[(Service, Vec<Choice>)]) -> Vec<text::Served<'_>> {
    services.iter().map(|(service, choices)| (service, choices.as_slice())).collect()
}

/// Has flows of datagrams end whose server has gone down, now that no new ones begin there. Streams end by themselves: a
/// client notices that nobody answers.
fn forget(service: &Service, has: &Choice, had: Option<&Choice>, scheduler: &Scheduler) {
    let down = |name: &&str| {
        let server = scheduler.pool(&service.pool).and_then(|pool| pool.server(name));
        server.is_some_and(|server| server.health() == Health::Down)
    };
    let lost: Vec<&str> = has.lost(had).filter(down).collect();
    if service.protocol != "udp" || lost.is_empty() {
        return;
    }
    let servers = service.targets(has.family).filter(|server| lost.contains(&&*server.name));
    let servers = servers.map(|server| server.address).collect();
    match flows::forget(has.family, &service.listens(has.family).collect(), &servers) {
        Ok(flows) => debug!(vip = %service.vip, flows, "Flows of servers that are down were forgotten"),
        Err(error) => warn!(vip = %service.vip, %error, "Flows of servers that are down stay there"),
    }
}

/// The choices now, after those of before.
fn choose<'s>(
    services: impl Iterator<Item = (&'s Service, &'s [Choice])>,
    scheduler: &Scheduler,
) -> Vec<Vec<Choice>> {
    let now = Instant::now();
    let of = |(service, had): (&Service, &[Choice])| {
        let pool = scheduler.pool(&service.pool);
        let one = |family| {
            let before = had.iter().find(|choice| choice.family == family);
            Some(Choice::now(service, family, pool?, before, now))
        };
        service.families().filter_map(one).collect()
    };
    services.map(of).collect()
}

/// How often pools are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often counters are read.
const COUNTED: Duration = Duration::from_secs(1);
/// How long it rests after a transaction that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How long rules that were left serve on without an answer to this gateway's first probes.
const PATIENCE: Duration = Duration::from_secs(2);
