//! A run: every load, with the subjects taking turns.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::certificate::{self, Tls};
use super::child::Child;
use super::client::Target;
use super::dns::Ground;
use super::load::{Load, Work};
use super::machine::{self, Cpus};
use super::options::Plan;
use super::places::{Front, refuse_busy, subject_address};
use super::results::{Figure, Results, Row};
use super::sample::{self, Sample};
use super::scratch::Scratch;
use super::subject::{Site, Subject};
use super::{Outcome, check, failed, origin, syscalls};

/// Does what the plan says.
pub(super) async fn run(plan: &Plan) -> Outcome<Results> {
    let mut versions = Vec::new();
    for subject in &plan.subjects {
        versions.push(subject.version().map_err(failed(subject.name()))?);
    }
    refuse_busy(plan.subjects.len())?;
    let cpus = Cpus::take()?;
    let scratch = Scratch::new()?;
    origin::start().await?;
    let dns = if plan.loads.iter().any(|load| load.work.front().is_dns()) {
        Some(Ground::prepare(&scratch, cpus).await?)
    } else {
        None
    };
    let bench = Bench { plan, cpus, tls: certificate::make(&scratch)?, dns, scratch };
    let mut results = Results {
        subjects: plan.subjects.iter().map(|subject| subject.name()).zip(versions).collect(),
        judged: !plan.quick,
        machine: machine::describe(&cpus),
        shared_core: cpus.shared(),
        rounds: plan.rounds,
        window: plan.window,
        idle_connections: plan.idle_connections,
        rows: Vec::new(),
        system_calls: Vec::new(),
    };
    for load in &plan.loads {
        results.rows.push(bench.row(load).await.map_err(failed(load.name))?);
    }
    if plan.syscalls {
        for index in bench.takers(syscalls::load()?) {
            let running = bench.start(index, Front::Http).await?;
            let calls = syscalls::count(&running, &bench.scratch).await.map_err(running.failed())?;
            results.system_calls.push((running.subject.name(), calls));
        }
    }
    Ok(results)
}

/// Starts of a subject before the benchmark gives up.
const CHANCES: usize = 3;

/// What all loads share.
struct Bench<'a> {
    plan: &'a Plan,
    cpus: Cpus,
    tls: Tls,
    dns: Option<Ground>,
    scratch: Scratch,
}

/// A subject at work.
pub(super) struct Running<'a> {
    /// What it is.
    pub(super) subject: &'a dyn Subject,
    /// How clients reach it.
    pub(super) target: Target,
    /// What the DNS loads need.
    pub(super) dns: Option<&'a Ground>,
    child: Child,
}

impl Running<'_> {
    /// Its processes.
    pub(super) fn tree(&self) -> Vec<u32> {
        self.child.tree()
    }

    /// An error if it is gone.
    pub(super) fn alive(&mut self) -> Outcome {
        self.child.alive()
    }

    /// Puts its name in front of an error, and its log behind.
    pub(super) fn failed(&self) -> impl FnOnce(String) -> String {
        let (name, words) = (self.subject.name(), self.child.last_words());
        move |error| format!("{name}: {error}{words}")
    }
}

impl Bench<'_> {
    /// All samples of one load.
    async fn row(&self, load: &'static Load) -> Outcome<Row> {
        let takers: Vec<usize> = self.takers(load).collect();
        let mut samples: Vec<Vec<Sample>> = self.plan.subjects.iter().map(|_| Vec::new()).collect();
        if let Work::Idle(front) = load.work {
            // A fresh process each time: what a load before left in an allocator is not the connections' memory.
            for _ in 0..self.plan.rounds.min(2) {
                for &index in &takers {
                    let mut running = self.start(index, front).await?;
                    take(load, &mut running, self.plan, samples.get_mut(index)).await?;
                }
            }
        } else {
            let mut fleet = Vec::new();
            for &index in &takers {
                fleet.push((index, self.start(index, load.work.front()).await?));
            }
            for round in 0..self.plan.rounds as usize {
                for at in turn(fleet.len(), round) {
                    let Some((index, running)) = fleet.get_mut(at) else { continue };
                    take(load, running, self.plan, samples.get_mut(*index)).await?;
                }
            }
        }
        progress("\n")?;
        Ok(Row { load, figures: samples.iter().map(|samples| Figure::of(samples)).collect() })
    }

    fn takers(&self, load: &Load) -> impl Iterator<Item = usize> {
        let subjects = self.plan.subjects.iter().enumerate();
        subjects.filter(|(_, subject)| subject.takes(load.work)).map(|(index, _)| index)
    }

    /// Starts a subject and sees it do its job. One that comes up and then does not is given another chance.
    async fn start(&self, index: usize, front: Front) -> Outcome<Running<'_>> {
        let mut last = self.begin(index, front).await;
        for _ in 1..CHANCES {
            if last.is_ok() {
                break;
            }
            last = self.begin(index, front).await;
        }
        last
    }

    async fn begin(&self, index: usize, front: Front) -> Outcome<Running<'_>> {
        let subject = self.plan.subjects.get(index).ok_or("no such subject")?.as_ref();
        let folder = self.scratch.folder(subject.name())?;
        let address = subject_address(index);
        let site =
            Site { folder: &folder, front, address, pem: &self.tls.pem, connections: self.connections() };
        let child = self.spawn(subject, &site).map_err(failed(subject.name()))?;
        let target = Target { address, tls: self.tls.client.clone() };
        let mut running = Running { subject, target, dns: self.dns.as_ref(), child };
        let ready = match listening(&mut running, front).await {
            Ok(()) => check::front(front, &running.target).await,
            failed => failed,
        };
        ready.map_err(running.failed())?;
        Ok(running)
    }

    /// Connections that every subject is told to allow: more than any load makes.
    fn connections(&self) -> u32 {
        self.plan.idle_connections.saturating_add(300).max(4_000)
    }

    /// On the subjects' core; under the DNS loads, on all.
    fn spawn(&self, subject: &dyn Subject, site: &Site<'_>) -> Outcome<Child> {
        let (command, log) = (subject.command(site)?, Path::join(site.folder, "log"));
        if site.front.is_dns() {
            Child::start(command, |start| self.cpus.everywhere(start), &log)
        } else {
            Child::start(command, |start| self.cpus.as_subject(start), &log)
        }
    }
}

async fn listening(running: &mut Running<'_>, front: Front) -> Outcome {
    for _ in 0..1_000 {
        running.alive()?;
        if TcpStream::connect(running.target.at(front)).await.is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Err(format!("it does not listen on {}", running.target.at(front)))
}

async fn take(
    load: &Load,
    running: &mut Running<'_>,
    plan: &Plan,
    samples: Option<&mut Vec<Sample>>,
) -> Outcome {
    let sample = sample::undisturbed(load, running, plan).await.map_err(running.failed())?;
    progress(&format!(
        "{:12} {:15} {:9.2} {}\n",
        load.name,
        running.subject.name(),
        sample.figure,
        load.unit
    ))?;
    if let Some(samples) = samples {
        samples.push(sample);
    }
    Ok(())
}

/// The order of the subjects in a round: each is first, last and everybody's neighbour in turn.
fn turn(subjects: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..subjects).collect();
    order.rotate_left(round % subjects.max(1));
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

fn progress(text: &str) -> Outcome {
    std::io::stderr().write_all(text.as_bytes()).map_err(failed("cannot report"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_subject_is_always_first() {
        let first: Vec<Option<usize>> = (0..4).map(|round| turn(3, round).first().copied()).collect();
        assert_eq!(first, [Some(0), Some(0), Some(2), Some(2)]);
        assert_eq!(turn(0, 3), Vec::<usize>::new());
    }
}
