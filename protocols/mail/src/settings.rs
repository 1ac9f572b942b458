//! Keys of a VIP that all protocols of mail have.

use sekisho_api::settings::{Problem, Section};

use crate::{Mechanism, NameIn};

/// Few enough to make guessing slow, many enough for somebody who tries all the passwords that come to mind.
pub const MAX_FAILED_LOGINS: u8 = 6;

/// `mechanisms`: ways of logging in, in the order of the file. EXTERNAL needs TLS, for which `tls` stands.
pub fn mechanisms(section: &mut Section<'_>, tls: bool) -> Vec<Mechanism> {
    let Some(names) = section.texts("mechanisms") else { return vec![Mechanism::Plain, Mechanism::Login] };
    let mut mechanisms = Vec::new();
    for name in names {
        match Mechanism::named_by_server(name.value.as_bytes()) {
            Some(Mechanism::External) if !tls => {
                let problem =
                    Problem::new(name.span, "`external` has no certificate", "this VIP has no `tls`");
                section.problem(problem.help("give it `tls` with `client-certificates`"));
            }
            Some(mechanism) if !mechanisms.contains(&mechanism) => mechanisms.push(mechanism),
            Some(_) => {}
            None => {
                let message = format!("unknown mechanism `{}`", name.value);
                let known = Mechanism::ALL.into_iter().chain([Mechanism::External]);
                let known = known.map(Mechanism::word).collect::<Vec<_>>().join(", ");
                let problem = Problem::new(name.span, message, "none that the gateway can pass on");
                section.problem(problem.help(format!("known: {known}")));
            }
        }
    }
    mechanisms
}

/// `external-identity`: what in a certificate names the user.
pub fn external_identity(section: &mut Section<'_>) -> NameIn {
    let names = [("cn", NameIn::CommonName), ("uid", NameIn::UserId), ("email", NameIn::Email)];
    section.word("external-identity", &names).unwrap_or_default()
}

/// `max-failed-logins`: logins that fail, before the connection ends.
pub fn max_failed_logins(section: &mut Section<'_>) -> u8 {
    let failed = section.integer("max-failed-logins", MAX_FAILED_LOGINS.into(), 1..=100);
    u8::try_from(failed).unwrap_or(MAX_FAILED_LOGINS)
}

/// `master-separator`: what stands between a user and the operator who logs in as that user.
pub fn master_separator(section: &mut Section<'_>) -> Option<u8> {
    let text = section.text("master-separator")?;
    match text.value.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Some(*byte),
        _ => {
            let problem = Problem::new(text.span, "`master-separator` is not one character", "such as \"*\"");
            section.problem(problem);
            None
        }
    }
}

/// `banner`: one line of text.
pub fn banner<'s>(section: &mut Section<'s>) -> Option<&'s str> {
    let text = section.text("banner")?;
    if text.value.is_empty()
        || text.value.len() > 255
        || !text.value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    {
        let label = "1 to 255 printable ASCII characters";
        section.problem(Problem::new(text.span, "`banner` is not a line of text", label));
        return None;
    }
    Some(text.value)
}
