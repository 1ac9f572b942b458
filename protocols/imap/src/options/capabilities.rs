//! The key `capabilities`.

use sekisho_api::settings::{Problem, Section};

/// What every server of the last twenty years has, and clients ask before they log in.
const CAPABILITIES: &str = "IDLE ENABLE";

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
