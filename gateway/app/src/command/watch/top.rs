//! `sekisho top`: a live view of VIPs and servers, and changes of servers from there.
//!
//! ```text
//! snapshot   what is shown: rates, from two answers of the gateway
//! view       how it is shown, and what keys do to that
//! frame      both, as lines
//! keys       bytes of a terminal, as keys
//! screen     the terminal, given back as it was
//! ```

mod frame;
mod keys;
mod screen;
mod snapshot;
mod view;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use sekisho_config::Registry;
use serde_json::{Value, json};

use super::look;
use super::seen::{Pools, Status, Vips};
use crate::cli::TopOptions;
use crate::command::operator::{Client, Question, clean, now, socket};
use crate::failure::Failure;
use screen::{Screen, Woken};
use snapshot::{Seen, Snapshot};
use view::{Step, View};

/// Rates of the first frame are measured over this time.
const FIRST: Duration = Duration::from_millis(500);
/// The width of a frame where there is no terminal.
const WIDE: usize = 120;

/// Shows frames until somebody has seen enough.
pub(crate) fn run(
    options: &TopOptions,
    registry: &Registry,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut watch = Watch::new(Client::new(socket(&options.at, registry)?))?;
    let mut view = View::new(options.sort, options.filter.clone());
    let live = !options.once && !options.at.json && io::stdin().is_terminal() && io::stdout().is_terminal();
    if live {
        return interact(&mut watch, &mut view, options.interval, out);
    }
    loop {
        // One frame should not take long, and several should be what was asked for.
        let once = options.once || !options.at.json;
        thread::sleep(if once { FIRST.min(options.interval) } else { options.interval });
        let snapshot = watch.take()?;
        if options.at.json {
            writeln!(out, "{}", snapshot.json(now(), &view))?;
        } else {
            for line in frame::frame(&snapshot, &view, WIDE, usize::MAX) {
                writeln!(out, "{}", line.text.trim_end())?;
            }
        }
        out.flush()?;
        if once {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Draws at each interval and at each key, until `q`, a signal, or the end of the terminal.
fn interact(
    watch: &mut Watch,
    view: &mut View,
    interval: Duration,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut screen = Screen::take()?;
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    thread::sleep(FIRST.min(interval));
    let mut snapshot = watch.take()?;
    let mut due = Instant::now() + interval;
    loop {
        let (width, height) = screen.size();
        view.settle(&snapshot);
        let lines = frame::frame(&snapshot, view, width, height);
        out.write_all(frame::painted(&lines, colours).as_bytes())?;
        out.flush()?;
        let keys = match screen.wait(due.saturating_duration_since(Instant::now()))? {
            Woken::Keys(bytes) => keys::read(&bytes),
            Woken::Time => Vec::new(),
            Woken::Ended => return Ok(ExitCode::SUCCESS),
        };
        for key in keys {
            match view.press(key, &snapshot) {
                Step::Stay => {}
                Step::Quit => return Ok(ExitCode::SUCCESS),
                Step::Change { server, body } => {
                    view.say(watch.change(&server, &body));
                    due = Instant::now();
                }
            }
        }
        if Instant::now() >= due {
            match watch.take() {
                Ok(taken) => snapshot = taken,
                // Another process may be about to take its place: what was seen last stays, and why.
                Err(failure) => view.say(failure.to_string()),
            }
            due = Instant::now() + interval;
        }
    }
}

/// A gateway that is looked at again and again.
struct Watch {
    client: Client,
    before: Seen,
    at: Instant,
}

impl Watch {
    fn new(client: Client) -> Result<Self, Failure> {
        let before = seen(&client)?;
        Ok(Self { client, before, at: Instant::now() })
    }

    /// What there is now, with rates since the last look.
    fn take(&mut self) -> Result<Snapshot, Failure> {
        let seen = seen(&self.client)?;
        let at = Instant::now();
        let snapshot = Snapshot::between(&self.before, &seen, at.duration_since(self.at).as_secs_f64());
        (self.before, self.at) = (seen, at);
        Ok(snapshot)
    }

    /// Changes a server, and says what came of it.
    fn change(&self, server: &str, body: &Value) -> String {
        match self.client.ask(&Question::post(&format!("/v1/servers/{server}"), body)) {
            Ok(answer) => {
                let state = answer.get("state").and_then(Value::as_str).map(clean).unwrap_or_default();
                let weight = answer.get("weight").cloned().unwrap_or(json!(0));
                format!("{server} is {state} and has weight {weight}")
            }
            Err(failure) => failure.to_string(),
        }
    }
}

fn seen(client: &Client) -> Result<Seen, Failure> {
    let status: Status = look(client, "/v1/status")?;
    let (Vips { vips }, Pools { pools }) = (look(client, "/v1/vips")?, look(client, "/v1/pools")?);
    Ok(Seen { status, vips, pools })
}
