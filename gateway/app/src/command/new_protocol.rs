//! `sekisho new-protocol`: the template under another name.

mod manifest;
mod name;
mod source;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::NewProtocolOptions;
use crate::failure::Failure;
use manifest::manifest;
use name::Name;
use source::Source;

/// Why no crate was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refused {
    /// The name is none that a protocol and a crate can have.
    #[error("`{name}` cannot be a protocol's name: {reason}")]
    Name {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something is there already.
    #[error("{} exists already; nothing was written", .0.display())]
    Exists(PathBuf),
    /// No sources of Sekisho around the current directory, or none where `--source` says.
    #[error("Sekisho's sources are not in {} or above it; say where with --source DIR", .0.display())]
    NoSource(PathBuf),
    /// A file or directory could not be read or written.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The manifest of the sources is not what this program was built with.
    #[error("{} does not say what `{key}` is", file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// What was looked for.
        key: String,
    },
}

/// Writes the crate and says what to do with it.
pub(crate) fn run(options: &NewProtocolOptions, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let name = Name::parse(&options.name)?;
    let source = Source::find(options.source.as_deref())?;
    let place = match &options.path {
        Some(path) => {
            std::path::absolute(path).map_err(|error| Refused::File { file: path.clone(), error })?
        }
        None => source.plugin(&name),
    };
    let inside = place.starts_with(source.root());
    write_crate(&name, &source, &place, inside)?;
    let next = if inside { inside_steps(&name, &source, &place) } else { outside_steps(&name, &place) };
    write!(out, "{next}")?;
    Ok(ExitCode::SUCCESS)
}

fn write_crate(name: &Name, source: &Source, place: &Path, inside: bool) -> Result<(), Refused> {
    if place.exists() {
        return Err(Refused::Exists(place.to_owned()));
    }
    let mut files = vec![
        (PathBuf::from("Cargo.toml"), manifest(name, source, place, inside)?),
        (PathBuf::from("src/lib.rs"), name.rename(TEMPLATE)),
    ];
    if !inside {
        files.push((PathBuf::from("src/main.rs"), binary(name)));
    }
    for (file, content) in files {
        let file = place.join(file);
        let written = file
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::File::create_new(&file)?.write_all(content.as_bytes()));
        written.map_err(|error| Refused::File { file, error })?;
    }
    Ok(())
}

/// The program of a crate outside: a gateway with one protocol more.
fn binary(name: &Name) -> String {
    let (module, type_name) = (name.module(), name.type_name());
    format!(
        "//! A gateway that speaks `{name}` beside everything that Sekisho speaks.\n\n\
         fn main() -> std::process::ExitCode {{\n    \
         sekisho::main(sekisho::builtin().with({module}::{type_name}))\n}}\n"
    )
}

fn inside_steps(name: &Name, source: &Source, place: &Path) -> String {
    let member = place.strip_prefix(source.root()).unwrap_or(place).display();
    let (package, module, type_name) = (name.package(), name.module(), name.type_name());
    format!(
        "Written: {member}\n\n\
         Add it to the workspace, in Cargo.toml:\n\n  \
         members = [..., \"{member}\"]\n  \
         {package} = {{ path = \"{member}\" }}         # [workspace.dependencies]\n\n\
         and to the gateway, in gateway/app/Cargo.toml and gateway/app/src/builtin.rs:\n\n  \
         {package}.workspace = true\n  \
         .with({module}::{type_name})\n\n\
         Then: cargo test -p {package}\n"
    )
}

fn outside_steps(name: &Name, place: &Path) -> String {
    let place = place.display();
    format!(
        "Written: {place}\n\n\
         It is a whole gateway with one protocol more. In that directory:\n\n  \
         cargo test\n  \
         cargo run -- run gateway.toml       # with protocol = \"{name}\" in a VIP\n"
    )
}

/// The template's code, as it stood when this program was built.
const TEMPLATE: &str = include_str!("../../../../plugins/template/src/lib.rs");

#[cfg(test)]
mod tests;
