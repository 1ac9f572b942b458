//! The scenes of the demo, one file each.

mod audience;
mod caller;
mod dns;
mod http;
mod https;
mod imap;
mod rdp;
mod reader;
mod site;
mod tcp;

use std::fmt;

use super::DemoError;
use super::page::Page;
use super::setup::Setup;
use super::stage::Stage;

/// A part of the demo: what it needs on the stage, what it shows there, what the reader can try afterwards.
///
/// A protocol joins the demo with a file here and a line in [`all`].
pub(super) trait Scene: fmt::Debug {
    /// Puts servers and configuration on the stage.
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError>;

    /// Plays, and leaves every server running.
    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError>;

    /// What to try while everything stays up.
    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError>;
}

/// Something to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    /// The command.
    pub(super) command: String,
    /// What it shows.
    pub(super) shows: &'static str,
}

impl Hint {
    fn new(command: impl Into<String>, shows: &'static str) -> Self {
        Self { command: command.into(), shows }
    }
}

/// All scenes, in the order in which they are played.
pub(super) fn all() -> Vec<Box<dyn Scene>> {
    vec![
        Box::new(rdp::Rdp),
        Box::new(http::Http),
        Box::new(https::Https),
        Box::new(site::Site),
        Box::new(imap::Imap),
        Box::new(dns::Dns),
        Box::new(tcp::Tcp),
    ]
}
