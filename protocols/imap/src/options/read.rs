//! Reading the values that are no plain words or numbers.

use sekisho_api::settings::{Problem, Section};
use sekisho_mail::Mechanism;

/// What every server of the last twenty years has, and clients ask before they log in.
const CAPABILITIES: &str = "IDLE ENABLE";

/// Ways of logging in, in the order of the file. EXTERNAL needs TLS, for which `tls` stands.
pub(super) fn mechanisms(section: &mut Section<'_>, tls: bool) -> Vec<Mechanism> {
    let Some(names) = section.texts("mechanisms") else { return vec![Mechanism::Plain, Mechanism::Login] };
    let known = || Mechanism::ALL.into_iter().chain([Mechanism::External]);
    let mut mechanisms = Vec::new();
    for name in names {
        match known().find(|mechanism| mechanism.word().eq_ignore_ascii_case(name.value)) {
            Some(Mechanism::External) if !tls => {
                let problem =
                    Problem::new(name.span, "`external` has no certificate", "this VIP has no `tls`");
                section.problem(problem.help("give it `tls` with `client-certificates`"));
            }
            Some(mechanism) if !mechanisms.contains(&mechanism) => mechanisms.push(mechanism),
            Some(_) => {}
            None => {
                let message = format!("unknown mechanism `{}`", name.value);
                let known = known().map(Mechanism::word).collect::<Vec<_>>().join(", ");
                let problem = Problem::new(name.span, message, "none that the gateway can pass on");
                section.problem(problem.help(format!("known: {known}")));
            }
        }
    }
    mechanisms
}

/// Names with one space between them.
pub(super) fn capabilities(section: &mut Section<'_>) -> Box<str> {
    let Some(names) = section.texts("capabilities") else { return CAPABILITIES.into() };
    let mut list: Vec<&str> = Vec::new();
    for name in names {
        let upper = name.value.to_ascii_uppercase();
        let ours = ["IMAP4REV1", "LITERAL-", "SASL-IR", "ID", "STARTTLS", "LOGINDISABLED"];
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
        if name.value.is_empty() || !name.value.bytes().all(allowed) {
            let message = format!("`{}` is not a capability", name.value);
            section.problem(Problem::new(name.span, message, "an atom is expected (RFC 9051, section 9)"));
        } else if ours.contains(&upper.as_str()) || upper.starts_with("AUTH=") {
            let message = format!("`{}` is the gateway's own to say", name.value);
            let problem = Problem::new(name.span, message, "it depends on the connection");
            section.problem(
                problem.help("list those beside it, such as \"IDLE\"; `mechanisms` gives the AUTH= ones"),
            );
        } else {
            list.push(name.value);
        }
    }
    list.join(" ").into()
}

/// One character.
pub(super) fn separator(section: &mut Section<'_>) -> Option<u8> {
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

/// One line of text.
pub(super) fn line<'s>(section: &mut Section<'s>, key: &'static str) -> Option<&'s str> {
    let text = section.text(key)?;
    if text.value.is_empty()
        || text.value.len() > 255
        || !text.value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    {
        let message = format!("`{key}` is not a line of text");
        section.problem(Problem::new(text.span, message, "1 to 255 printable ASCII characters"));
        return None;
    }
    Some(text.value)
}
