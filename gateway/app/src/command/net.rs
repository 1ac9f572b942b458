//! `sekisho net`: the way of servers' answers to clients.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use sekisho_config::{Config, Registry, ReturnPath};

use crate::cli::NetVerb;
use crate::failure::Failure;

/// Does what was asked.
pub(crate) fn run(verb: &NetVerb, registry: &Registry, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    match verb {
        NetVerb::Plan { file } => {
            write!(out, "{}", sekisho_net::plan(&read(file, registry)?)?)?;
            Ok(ExitCode::SUCCESS)
        }
        NetVerb::Doctor { file, client } => {
            let diagnosis = sekisho_net::examine(&read(file, registry)?, client);
            for note in &diagnosis.notes {
                writeln!(out, "{note}")?;
            }
            for finding in &diagnosis.findings {
                writeln!(out, "wrong: {finding}")?;
            }
            let right = diagnosis.findings.is_empty();
            writeln!(out, "{}", if right { "Nothing is wrong" } else { "Not all is right" })?;
            Ok(if right { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
        NetVerb::Clean { file } => {
            let path = match file {
                Some(file) => read(file, registry)?.network,
                None => ReturnPath::default(),
            };
            sekisho_net::clean(&path)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read(file: &Path, registry: &Registry) -> Result<Config, Failure> {
    let loaded = sekisho_config::check_file(file, registry, SystemTime::now());
    Ok(loaded.map_err(Failure::Configuration)?.config)
}
