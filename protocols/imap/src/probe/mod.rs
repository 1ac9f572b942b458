//! The probe `imap`: a greeting, capabilities that a client can log in with, and the login of a user if there is one for
//! that.

mod note;
mod run;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use sekisho_api::settings::{Found, Problem, Section};
use sekisho_api::{Probe, ProbeKind, ProbeRun};
use sekisho_mail::{Credentials, Secret, is_name};

use run::Run;

/// `imap`: a server that greets, says that it speaks IMAP4rev1 and logs the probe's user in, if there is one, is well.
#[derive(Debug)]
pub(crate) struct ImapProbe;

impl ProbeKind for ImapProbe {
    fn name(&self) -> &'static str {
        "imap"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        let start_tls = options.flag("starttls", false);
        Some(Arc::new(Greets { start_tls, user: user(options).map(Arc::new) }))
    }
}

/// A configured probe.
#[derive(Clone, Debug)]
struct Greets {
    start_tls: bool,
    user: Option<Arc<Credentials>>,
}

impl Probe for Greets {
    fn open(&self, _: &str, _: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        Box::new(Run::new(self.start_tls, self.user.clone()))
    }
}

/// The user that the probe logs in as.
fn user(section: &mut Section<'_>) -> Option<Credentials> {
    let (name, written) = (section.text("user"), section.text("password"));
    let read = section.text("password-file").and_then(|path| read(section, &path));
    let password = written.map(|text| Secret::new(text.value.as_bytes().to_vec())).or(read);
    match (name, password) {
        (Some(name), _) if !is_name(name.value.as_bytes()) => {
            let problem =
                Problem::new(name.span, "`user` is not a name", "empty, or with control characters");
            section.problem(problem);
            None
        }
        (Some(name), Some(mut password)) => {
            Some(Credentials::password(name.value.into(), std::mem::take(&mut *password)))
        }
        (Some(_), None) => {
            if !section.has("password-file") {
                section.missing("password", "write `password`, or a file with it: `password-file`");
            }
            None
        }
        (None, Some(_)) => {
            section.missing("user", "write whose password it is: `user`");
            None
        }
        (None, None) => None,
    }
}

/// The password in a file: what stands before its first end of line.
fn read(section: &Section<'_>, path: &Found<&str>) -> Option<Secret> {
    let wrong = |label: String| {
        section.problem(Problem::new(path.span.clone(), "`password-file` cannot be used", label));
    };
    if !Path::new(path.value).is_absolute() {
        wrong("an absolute path is expected".to_owned());
        return None;
    }
    let contents = std::fs::read(path.value).map(Secret::new);
    let contents = contents.map_err(|error| wrong(error.to_string())).ok()?;
    let line = contents.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if line.is_empty() {
        wrong("its first line is empty".to_owned());
        return None;
    }
    Some(Secret::new(line.to_vec()))
}
