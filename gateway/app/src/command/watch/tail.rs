//! `sekisho tail`: what happens in a running gateway, as it happens.

mod filter;
mod line;

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sekisho_config::Registry;

use super::look;
use super::seen::{Vip, Vips};
use crate::cli::TailOptions;
use crate::command::operator::{Client, Event, Events, Question, socket};
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
    let mut filter = Filter::new(options, &vips, client.clone());
    let (teller, told) = channel();
    if !filter.only_decisions() {
        let question = Question::get("/v1/events").and("topics", Some("health,operator,reload"));
        listen(&client, None, question, &teller)?;
    }
    for vip in followed {
        let question = Question::get("/v1/events").and("topics", Some("decisions")).and("vip", Some(&vip));
        listen(&client, Some(vip), question, &teller)?;
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

/// Follows one stream on a thread of its own. Refusals are known before this returns.
fn listen(
    client: &Client,
    vip: Option<String>,
    question: Question,
    teller: &Sender<Told>,
) -> Result<(), Failure> {
    let mut events = client.follow(question.clone())?;
    let (client, teller) = (client.clone(), teller.clone());
    let work = move || {
        loop {
            while let Ok(Some(event)) = events.next() {
                if teller.send(Told::Event(vip.clone(), event)).is_err() {
                    return;
                }
            }
            match again(&client, &question) {
                Ok(other) => events = other,
                // Whoever would hear of it is gone as well.
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

/// The stream again, if another process has taken the gateway's place.
fn again(client: &Client, question: &Question) -> Result<Events<BufReader<UnixStream>>, Failure> {
    let begun = Instant::now();
    loop {
        thread::sleep(PAUSE);
        match client.follow(question.clone()) {
            Err(Failure::NoGateway { .. }) if begun.elapsed() < PATIENCE => {}
            outcome => return outcome,
        }
    }
}
