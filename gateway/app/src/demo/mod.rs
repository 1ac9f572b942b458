//! `sekisho demo`: the gateway at work, with servers and clients of its own, every claim checked as it is made.

mod access;
mod afterwards;
mod certificate;
mod client;
mod directory;
mod error;
mod page;
mod sample;
mod scene;
mod secret;
mod setup;
mod stage;
mod visit;
mod web_socket;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use sekisho_config::Registry;

use crate::cli::DemoOptions;
use crate::failure::Failure;
use crate::signals;
use page::{Colours, Page};
use stage::Stage;

pub(crate) use error::DemoError;

/// Plays all scenes; with `--once` that is all, otherwise everything stays up until the operator has seen enough.
pub(crate) fn run(
    options: &DemoOptions,
    registry: &Registry,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut page = Page::new(out, colours());
    // Any signal ends the demo, wherever it is, in an orderly way: its files are removed.
    let interrupted = Arc::new(AtomicBool::new(false));
    let raised = interrupted.clone();
    signals::listen(move |_| {
        raised.store(true, Ordering::Relaxed);
        true
    })
    .map_err(Failure::Signals)?;
    let stage = tour(registry, &mut page, interrupted)?;
    let all_held = page.failed() == 0;
    if options.once {
        stage.leave();
    } else {
        afterwards::stay(stage, &mut page)?;
    }
    Ok(if all_held { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn tour(registry: &Registry, page: &mut Page<'_>, interrupted: Arc<AtomicBool>) -> Result<Stage, DemoError> {
    let began = Instant::now();
    page.say(
        "Sekisho is a load balancer that keeps every client on its own server. This demo starts small servers \
         and a gateway in this process, on 127.0.0.1 alone, sends clients through, and checks what it claims. The \
         gateway reads this configuration:",
    )?;
    let scenes = scene::all();
    let mut stage = Stage::build(&scenes, registry, interrupted)?;
    page.verbatim(stage.configuration())?;
    for scene in &scenes {
        scene.play(&mut stage, page)?;
    }
    let (held, failed) = (page.held(), page.failed());
    let seconds = began.elapsed().as_secs_f32();
    page.title("Result")?;
    page.say(&match failed {
        0 => format!("All {held} claims held, in {seconds:.1} s."),
        _ => format!("{failed} of {} claims did not hold, in {seconds:.1} s.", held + failed),
    })?;
    Ok(stage)
}

/// <https://no-color.org>: any value but the empty one asks for plain text.
fn colours() -> Colours {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() { Colours::Plain } else { Colours::Terminal }
}
