//! The programs that are measured. Each does the same job: two servers behind, a cookie inserted and honoured,
//! X-Forwarded-For, connections to the servers kept, deadlines on, no access log (but for `sekisho-watched`), one worker.
//! Under the DNS loads: one server behind, probed each second, no access log, two threads. Under the mail loads: two
//! servers, users kept on theirs.

mod dnsdist;
mod dovecot;
mod haproxy;
mod nginx;
mod sekisho;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::load::Work;
use super::places::Front;
use super::{Outcome, failed};

/// A program that can be measured.
pub(super) trait Subject {
    /// Its name on the command line and in the table.
    fn name(&self) -> &'static str;

    /// Its name and version, for people. Fails if it is not there; Sekisho is built here.
    fn version(&self) -> Outcome<String>;

    /// Whether it is of interest under this work.
    fn takes(&self, work: Work) -> bool;

    /// Writes what it needs into the folder of `site` and says how to start it, in the foreground.
    fn command(&self, site: &Site<'_>) -> Outcome<Command>;
}

/// Where a subject runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    /// A folder of its own.
    pub(super) folder: &'a Path,
    /// The front that the load needs. What differs too much from one load to another is configured for it alone.
    pub(super) front: Front,
    /// The address that its fronts listen on.
    pub(super) address: Ipv4Addr,
    /// Certificate and key.
    pub(super) pem: &'a Path,
    /// Connections that it is told to allow: more than any load makes.
    pub(super) connections: u32,
}

/// All subjects, Sekisho last.
pub(super) fn all(quick: bool, sekisho: Option<PathBuf>) -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(haproxy::Haproxy { splice: false }),
        Box::new(haproxy::Haproxy { splice: true }),
        Box::new(nginx::Nginx),
        Box::new(dnsdist::Dnsdist),
        Box::new(dovecot::Dovecot),
        Box::new(sekisho::Sekisho { quick, given: sekisho.clone(), watched: true }),
        Box::new(sekisho::Sekisho { quick, given: sekisho, watched: false }),
    ]
}

/// Idle connections that every subject may keep to a server: as many as the largest load has clients. Fewer would
/// make it close and open them all the time; HAProxy has no such limit.
const KEPT_TO_A_SERVER: u32 = 1_024;

/// A peer's program: on the path, or where administrators' programs are, which is on root's path only.
pub(super) fn peer(program: &str) -> Outcome<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places.map(|place| place.join(program)).find(|file| file.is_file());
    found.ok_or_else(|| format!("there is no {program}; `cargo xtask test` installs the peers"))
}

/// What a program prints when asked for its version.
fn ask(program: &Path, argument: &str) -> Outcome<String> {
    let answer = Command::new(program).arg(argument).output();
    let answer = answer.map_err(failed(format!("cannot run {}", program.display())))?;
    // nginx answers on standard error.
    let text = [answer.stdout, answer.stderr].concat();
    Ok(String::from_utf8_lossy(&text).into_owned())
}
