//! `sekisho tail`: what happens in a running gateway, as it happens.

mod filter;
mod line;

use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sekisho_config::Registry;

use super::look;
use super::seen::{Status, Vip, Vips};
use crate::cli::TailOptions;
use crate::command::operator::{Client, Event, Events, Question, socket, word};
use crate::failure::Failure;
use filter::Filter;

/// VIPs whose decisions are followed at once; the gateway has places for a few more streams.
const VIPS_MAX: usize = 12;
/// How long another process may take to take the gateway's place.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// What one of the streams has to say.
enum Told {
    /// Something happened; the VIP is that of a decision.
    Event(Option<String>, Event),
    /// The gateway is gone, or refuses.
    Ended(Failure),
}

/// Prints what happens until the gateway is gone, or enough is printed.
pub(crate) fn run(
    options: &TailOptions,
    registry: &Registry,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let client = Client::new(socket(&options.at, registry)?);
    let Vips { vips } = look(&client, "/v1/vips")?;
    let followed = followed(options, &vips)?;
    let filter = Filter::new(options, &vips);
    let (teller, told) = channel();
    if !filter.only_decisions() {
        listen(&client, None, None, &teller)?;
    }
    let names = followed.join(", ");
    for vip in followed {
        listen(&client, Some(vip), options.user.clone(), &teller)?;
    }
    if !options.at.json {
        // Nothing may happen for long, and whoever looks should know that it is waited for. Nobody needs to read it.
        _ = writeln!(io::stderr(), "following {names}; Ctrl-C ends this");
    }
    drop(teller);
    let mut left = options.count;
    for told in told {
        let (vip, event) = match told {
            Told::Event(vip, event) => (vip, event),
            Told::Ended(failure) => return Err(failure),
        };
        if !filter.keeps(vip.as_deref(), &event) {
            continue;
        }
        if options.at.json {
            writeln!(out, "{}", line::object(vip.as_deref(), &event))?;
        } else {
            writeln!(out, "{}", line::text(vip.as_deref(), &event))?;
        }
        out.flush()?;
        if let Some(left) = &mut left {
            *left -= 1;
            if *left == 0 {
                break;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The VIPs whose decisions are wanted. The kernel chooses for some by itself, and tells nobody.
fn followed(options: &TailOptions, vips: &[Vip]) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = match options.vips.is_empty() {
        true => vips.iter().filter(|vip| vip.mode != "l4").map(|vip| vip.name.clone()).collect(),
        false => options.vips.clone(),
    };
    match names.len() {
        0..=VIPS_MAX => Ok(names),
        many => Err(Failure::Refused {
            error: format!("there are {many} VIPs, and decisions of {VIPS_MAX} can be followed at once"),
            help: "say which, with --vip".to_owned(),
        }),
    }
}

/// One of the streams, and where it stands.
struct Source {
    client: Client,
    /// The VIP whose decisions it tells; none: everything else.
    vip: Option<String>,
    /// Whose decisions; none: everybody's.
    user: Option<String>,
    /// The process that it comes from, and the number of the event that was told last.
    process: u32,
    told: Option<u64>,
}

/// Follows one stream on a thread of its own. Refusals are known before this returns.
fn listen(
    client: &Client,
    vip: Option<String>,
    user: Option<String>,
    teller: &Sender<Told>,
) -> Result<(), Failure> {
    let Status { pid: process, .. } = look(client, "/v1/status")?;
    let mut source = Source { client: client.clone(), vip, user, process, told: None };
    let (mut events, teller) = (source.follow()?, teller.clone());
    let work = move || {
        loop {
            while let Ok(Some(event)) = events.next() {
                source.told = event.id.or(source.told);
                // The process of before says no more than what happens to itself.
                let last = event.name == "operator" && word(&event.data, "action") == "upgrade";
                let wanted = source.vip.is_none() || event.name == "decision";
                if wanted && teller.send(Told::Event(source.vip.clone(), event)).is_err() {
                    return;
                }
                if last {
                    break;
                }
            }
            match source.again() {
                Ok(other) => events = other,
                Err(failure) => {
                    _ = teller.send(Told::Ended(failure));
                    return;
                }
            }
        }
    };
    thread::Builder::new().name("events".to_owned()).spawn(work)?;
    Ok(())
}

impl Source {
    fn follow(&self) -> Result<Events<BufReader<UnixStream>>, Failure> {
        // Operators' requests are told on each, so that each knows of another process.
        let topics = if self.vip.is_some() { "decisions,operator" } else { "health,operator,reload" };
        let question = Question::get("/v1/events").and("topics", Some(topics));
        let question = question.and("vip", self.vip.as_deref()).and("user", self.user.as_deref());
        let after = self.told.map(|told| told.to_string());
        self.client.follow(question.and("after", after.as_deref()))
    }

    /// The stream again, behind what was told; of another process that has taken the gateway's place, from its
    /// beginning.
    fn again(&mut self) -> Result<Events<BufReader<UnixStream>>, Failure> {
        let begun = Instant::now();
        loop {
            thread::sleep(PAUSE);
            let events = look(&self.client, "/v1/status").and_then(|Status { pid, .. }| {
                if pid != self.process {
                    (self.process, self.told) = (pid, Some(0));
                }
                self.follow()
            });
            match events {
                Err(Failure::NoGateway { .. }) if begun.elapsed() < PATIENCE => {}
                outcome => return outcome,
            }
        }
    }
}
