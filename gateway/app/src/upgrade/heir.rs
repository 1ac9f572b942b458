//! The heir, as the process sees it whose place it is to take.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use sekisho_runtime::{Memory, TableNews};

use super::Broken;
use super::channel::Channel;
use super::program::Program;
use super::words::{After, Answer, Estate, Knowledge};

/// How long it has until it could serve: it may wait for the names of servers to be resolved.
const PREPARE: Duration = Duration::from_secs(30);
/// How long it has from there until it serves, with all tables.
const SERVE: Duration = Duration::from_secs(20);
/// How long it has to take what is said to it afterwards.
const TAKE: Duration = Duration::from_secs(5);
/// How long it has to end once it has nothing to say any more.
const END: Duration = Duration::from_secs(2);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A process that is to take this one's place. Dropped before it serves, it is ended.
#[derive(Debug)]
pub(crate) struct Heir {
    child: Child,
    channel: Channel,
    serves: bool,
}

impl Heir {
    /// Starts it and waits until it could serve.
    pub(crate) fn prepare(program: &Program, estate: &Estate) -> Result<Self, Broken> {
        let by = Instant::now() + PREPARE;
        let (channel, end) = Channel::pair()?;
        let child = program.start(end)?;
        let mut heir = Self { child, channel, serves: false };
        let (welcome, descriptors) = estate.words();
        let said = heir.channel.say(&welcome, &descriptors, by);
        match said.and_then(|()| heir.answer(by)) {
            Ok(Answer::Prepared) => Ok(heir),
            Ok(other) => Err(Broken::Strange(format!("{other:?}"))),
            Err(error) => Err(heir.explain(error)),
        }
    }

    /// Has it serve, with what this process knows. True: it has taken the operator's socket.
    pub(crate) fn serve(&mut self, memory: &Memory) -> Result<bool, Broken> {
        let socket = self.told(memory).map_err(|error| self.explain(error))?;
        // Between the word and now it may have been killed: then there is nobody to leave anything to.
        match self.child.try_wait()? {
            Some(status) => Err(Broken::Gone(status.to_string())),
            None => {
                self.serves = true;
                Ok(socket)
            }
        }
    }

    fn told(&self, memory: &Memory) -> Result<bool, Broken> {
        let by = Instant::now() + SERVE;
        let Memory { tables, wishes, standings } = memory;
        let names = tables.iter().map(|news| news.table.clone()).collect();
        let knowledge = Knowledge { wishes: wishes.clone(), standings: standings.clone(), tables: names };
        self.channel.say(&knowledge, &[], by)?;
        for TableNews { records, .. } in tables {
            self.channel.send(records, &[], by)?;
        }
        match self.answer(by)? {
            Answer::Serving { socket } => Ok(socket),
            other => Err(Broken::Strange(format!("{other:?}"))),
        }
    }

    /// Leaves it all that is left.
    pub(crate) fn inherit(&self, speaker: Option<&UnixStream>) -> Result<(), Broken> {
        let speaker: Vec<_> = speaker.iter().map(|speaker| speaker.as_fd()).collect();
        self.channel.say(&After::Yours, &speaker, Instant::now() + TAKE)
    }

    /// Tells it what has changed in a table.
    pub(crate) fn tell(&self, news: TableNews) -> Result<(), Broken> {
        let TableNews { table, records } = news;
        let by = Instant::now() + TAKE;
        self.channel.say(&After::News { table }, &[], by)?;
        self.channel.send(&records, &[], by)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn answer(&self, by: Instant) -> Result<Answer, Broken> {
        match self.channel.hear(Some(by))? {
            (Answer::Failed { why }, _) => Err(Broken::Refused(why)),
            (answer, _) => Ok(answer),
        }
    }

    /// How it ended, where it has. One that has closed its end and goes on is not waited for.
    fn explain(&mut self, error: Broken) -> Broken {
        let by = Instant::now() + END;
        while matches!(error, Broken::Gone(_)) && Instant::now() < by {
            match self.child.try_wait() {
                Ok(Some(status)) => return Broken::Gone(status.to_string()),
                Ok(None) => thread::sleep(LOOK),
                Err(_) => break,
            }
        }
        error
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        if !self.serves {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
