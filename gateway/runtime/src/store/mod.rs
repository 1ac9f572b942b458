//! What survives a restart: the journals of the persistence tables, what the operator has set, and the secret.
//!
//! Nothing here is worth a refused client: what cannot be written is logged and tried again, what cannot be read is
//! passed over. A thread of its own writes, so that a slow disk holds up neither workers nor probes.

mod journal;
mod lock;
mod name;
mod secret;
mod wishes;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use sekisho_api::KeyKind;
use sekisho_config::{Config, Gateway};
use sekisho_scheduler::{Scheduler, Secret, Table, Wish};

use self::journal::Journal;
use self::lock::Lock;
pub(crate) use self::secret::SecretError;
use self::wishes::Wishes;
use crate::handover::{Memory, RunSecret};

/// What survives a restart. Dropping it writes what is left.
#[derive(Debug)]
pub(crate) struct Store {
    secret: Secret,
    /// The same, where it is kept nowhere.
    unkept: Option<RunSecret>,
    directory: Option<PathBuf>,
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    queue: SyncSender<Work>,
    thread: JoinHandle<()>,
}

/// What is to be written.
#[derive(Debug, Default)]
struct Work {
    tables: Vec<Arc<Table>>,
    wishes: Vec<Wish>,
}

impl Work {
    fn of(scheduler: &Scheduler) -> Self {
        Self { tables: scheduler.tables().to_vec(), wishes: scheduler.wishes() }
    }
}

impl Store {
    /// Reads the secret, or makes one, in the state directory if there is one. Where it is kept nowhere, that of the
    /// process before this one counts, if it has `handed` one on.
    ///
    /// # Errors
    /// If a secret file is configured and cannot be used: a secret of its own would make this node refuse the
    /// cookies of the others.
    pub(crate) fn open(gateway: &Gateway, handed: Option<RunSecret>) -> Result<Self, SecretError> {
        let directory = gateway.state_directory.clone().filter(|directory| match make(directory) {
            Ok(()) => true,
            Err(error) => {
                let path = directory.display();
                tracing::error!(%path, %error, "No state directory: nothing will survive a restart");
                false
            }
        });
        let (secret, unkept) = match &gateway.secret_file {
            Some(file) => (secret::configured(file)?, None),
            None => secret::kept(directory.as_deref(), handed)?,
        };
        Ok(Self { secret, unkept, directory, writing: None })
    }

    /// The secret.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The secret, where it is kept nowhere.
    pub(crate) fn unkept(&self) -> Option<RunSecret> {
        self.unkept.clone()
    }

    /// Takes what was before into the scheduler, and goes on writing it: what the process before this one remembers
    /// itself, else what the files say. Once, before any client is served.
    pub(crate) fn replay(
        &mut self,
        scheduler: &Scheduler,
        config: &Config,
        before: Option<&Memory>,
        now: Instant,
    ) {
        let kinds = config.key_kinds();
        if let Some(Memory { tables, wishes, standings }) = before {
            for news in tables {
                if let Some(table) = scheduler.table(&news.table) {
                    table.replay(&news.records, &kinds, SystemTime::now(), now);
                }
            }
            scheduler.grant(wishes);
            scheduler.resume(standings, now);
        }
        let Some(directory) = self.directory.clone() else { return };
        let mut journals = Journals::new(directory, kinds);
        journals.known =
            before.iter().flat_map(|memory| &memory.tables).map(|news| news.table.clone()).collect();
        for table in scheduler.tables() {
            journals.of(table, SystemTime::now(), now);
        }
        if before.is_none() {
            let granted = scheduler.grant(&journals.wishes.read());
            if granted > 0 {
                tracing::info!(servers = granted, "What the operator had set holds still");
            }
        }
        self.begin(journals);
    }

    /// Writes what is left and nothing after it, so that another process may.
    pub(crate) fn rest(&mut self, scheduler: &Scheduler) {
        if let Some(Writing { queue, thread }) = self.writing.take() {
            let _ = queue.send(Work::of(scheduler));
            // The thread writes once more when nobody can send any longer.
            drop(queue);
            let _ = thread.join();
        }
    }

    /// Writes on, after a rest in which no other process has.
    pub(crate) fn wake(&mut self, scheduler: &Scheduler, config: &Config) {
        let Some(directory) = self.directory.clone().filter(|_| self.writing.is_none()) else { return };
        let mut journals = Journals::new(directory, config.key_kinds());
        journals.known = scheduler.tables().iter().map(|table| table.name().as_ref().to_owned()).collect();
        self.begin(journals);
    }

    fn begin(&mut self, journals: Journals) {
        let (queue, work) = sync_channel(1);
        let thread = std::thread::Builder::new().name("sekisho-store".to_owned());
        match thread.spawn(move || journals.run(&work)) {
            Ok(thread) => self.writing = Some(Writing { queue, thread }),
            Err(error) => tracing::error!(%error, "No thread for the journals: they are not written"),
        }
    }

    /// Has what changed written. To be called every second or so; while the disk is busy with the last time, nothing
    /// happens, for the tables remember.
    pub(crate) fn tick(&self, scheduler: &Scheduler) {
        if let Some(writing) = &self.writing {
            let _ = writing.queue.try_send(Work::of(scheduler));
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(Writing { queue, thread }) = self.writing.take() {
            // The thread writes once more when nobody can send any longer.
            drop(queue);
            let _ = thread.join();
        }
    }
}

/// The journals, and who writes them.
#[derive(Debug)]
struct Journals {
    directory: PathBuf,
    kinds: Vec<KeyKind>,
    lock: Option<Lock>,
    open: HashMap<Arc<str>, Journal>,
    /// Tables that know more than their journals: these are written anew and never read.
    known: HashSet<String>,
    wishes: Wishes,
}

impl Journals {
    fn new(directory: PathBuf, kinds: Vec<KeyKind>) -> Self {
        let lock = Lock::take(&directory);
        if lock.is_none() {
            let path = directory.display();
            tracing::warn!(%path, "Another gateway uses the state directory: journals are read, and written later");
        }
        let wishes = Wishes::new(&directory);
        Self { directory, kinds, lock, open: HashMap::new(), known: HashSet::new(), wishes }
    }

    /// The journal of a table. One that is met for the first time is taken into the table first.
    fn of(&mut self, table: &Table, wall: SystemTime, now: Instant) -> &mut Journal {
        let (directory, kinds, mine) = (&self.directory, &self.kinds, self.lock.is_some());
        let known = self.known.contains(table.name().as_ref());
        self.open.entry(Arc::clone(table.name())).or_insert_with(|| {
            let path = directory.join(name::file_name(table.name()));
            if known {
                return Journal::anew(path);
            }
            Journal::open(path, mine, table, kinds, wall, now)
        })
    }

    fn run(mut self, queue: &Receiver<Work>) {
        let mut last = Work::default();
        while let Ok(work) = queue.recv() {
            self.write(&work.tables, SystemTime::now(), Instant::now());
            if self.lock.is_some() {
                self.wishes.write(&work.wishes, Instant::now());
            }
            last = work;
        }
        self.write(&last.tables, SystemTime::now(), Instant::now());
    }

    fn write(&mut self, tables: &[Arc<Table>], wall: SystemTime, now: Instant) {
        if self.lock.is_none() {
            // The other gateway has left once this succeeds, and its journals say less than the tables do.
            self.lock = Lock::take(&self.directory);
            if self.lock.is_none() {
                return;
            }
            self.open.values_mut().for_each(Journal::rewrite_next);
        }
        for table in tables {
            self.of(table, wall, now).write(table, wall, now);
        }
    }
}

/// Users' names are in it: the directory is the gateway's alone if the gateway makes it.
fn make(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
