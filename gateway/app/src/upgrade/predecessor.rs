//! The process whose place this one takes.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use sekisho_runtime::{Memory, TableNews};

use super::Broken;
use super::channel::Channel;
use super::words::{After, Answer, Estate, Knowledge, Welcome};

/// Says in an heir's environment which process it is the heir of. Its children have it too, and another parent.
pub(super) const VARIABLE: &str = "SEKISHO_HEIR_OF";
/// Longer than the other waits: it gives up first, and ends this process.
const PATIENCE: Duration = Duration::from_secs(60);

/// The process whose place this one takes.
#[derive(Debug)]
pub(crate) struct Predecessor {
    channel: Channel,
    estate: Result<Estate, Broken>,
}

impl Predecessor {
    /// That of this process; none, if it was started by somebody else.
    ///
    /// # Errors
    /// Standard input is not what it should be then.
    pub(crate) fn of_this_process() -> Result<Option<Self>, Broken> {
        let named = std::env::var(VARIABLE).ok().and_then(|text| text.parse::<u32>().ok());
        if named != Some(std::os::unix::process::parent_id()) {
            return Ok(None);
        }
        let end = io::stdin().as_fd().try_clone_to_owned()?;
        // Nobody else is to hold it open, nor to read from it.
        let nothing = std::fs::File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(nothing).map_err(io::Error::from)?;
        let channel = Channel::new(end);
        // Before anything can fail: what is not read takes the answer with it.
        let welcome = channel.hear::<Welcome>(Some(soon()));
        let estate = welcome.and_then(|(welcome, descriptors)| Estate::from(welcome, descriptors));
        Ok(Some(Self { channel, estate }))
    }

    /// What it leaves, once.
    pub(crate) fn estate(&mut self) -> Result<Estate, Broken> {
        std::mem::replace(&mut self.estate, Err(Broken::Stopped))
    }

    /// Says that this process could serve, and waits for what the other knows.
    pub(crate) fn prepared(&self) -> Result<Memory, Broken> {
        self.channel.say(&Answer::Prepared, &[], soon())?;
        let (Knowledge { wishes, standings, tables: names }, _) = self.channel.hear(Some(soon()))?;
        let mut tables = Vec::new();
        for table in names {
            let (records, _) = self.channel.receive(Some(soon()))?;
            tables.push(TableNews { table, records });
        }
        Ok(Memory { tables, wishes, standings })
    }

    /// Says that this process serves, and takes the socket of what moves addresses. From here on the other counts on it.
    pub(crate) fn serving(&self, socket: bool) -> Result<Option<UnixStream>, Broken> {
        self.channel.say(&Answer::Serving { socket }, &[], soon())?;
        match self.channel.hear(Some(soon()))? {
            (After::Yours, descriptors) => Ok(descriptors.into_iter().next().map(UnixStream::from)),
            (After::News { .. }, _) => Err(Broken::Strange("news before its time".to_owned())),
        }
    }

    /// Says that this process will not serve.
    pub(crate) fn fail(&self, why: String) {
        // Whoever has gone need not know.
        let _ = self.channel.say(&Answer::Failed { why }, &[], soon());
    }

    /// Hears what changes in its tables, until it has ended.
    pub(crate) fn follow(self, learn: impl Fn(&TableNews) + Send + 'static) -> io::Result<()> {
        let follow = move || {
            while let Ok((After::News { table }, _)) = self.channel.hear(None) {
                let Ok((records, _)) = self.channel.receive(None) else { break };
                learn(&TableNews { table, records });
            }
            tracing::info!("The process before this one has ended");
        };
        std::thread::Builder::new().name("predecessor".to_owned()).spawn(follow).map(drop)
    }
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}
