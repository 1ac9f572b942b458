//! What a query came over.

use sekisho_api::settings::{Problem, Section};

/// What a query came over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Datagrams.
    Udp,
    /// TCP (RFC 7766).
    Tcp,
    /// TLS (RFC 7858).
    Tls,
    /// HTTPS (RFC 8484).
    Https,
}

/// Reads `over`: what a VIP's clients may speak. `None` where a problem was recorded.
pub(crate) fn read(section: &mut Section<'_>, tls: bool) -> Option<Vec<Over>> {
    let written = section.has("over");
    let Some(texts) = section.texts("over") else {
        let usual = if tls { vec![Over::Tls] } else { vec![Over::Udp, Over::Tcp] };
        return (!written).then_some(usual);
    };
    let place = section.place("over");
    let mut over = Vec::new();
    for text in &texts {
        match WORDS.iter().find(|(word, _)| *word == text.value) {
            Some((_, one)) if over.contains(one) => {}
            Some((_, one)) => over.push(*one),
            None => {
                let message = format!("unknown value `{}` for `over`", text.value);
                let problem = Problem::new(text.span.clone(), message, "not known here");
                section.problem(problem.help("one of: udp, tcp, tls, https"));
            }
        }
    }
    let wrong = match (tls, over.as_slice()) {
        _ if over.len() < texts.len() && over.is_empty() => return None,
        (_, []) => Some(("nobody could ask", "name what clients speak, or leave `over` out")),
        (true, over) if over.iter().any(|one| matches!(one, Over::Udp | Over::Tcp)) => Some((
            "this VIP has `tls`, which datagrams and plain connections do not",
            "write \"tls\", \"https\" or both here, and a second VIP for the others",
        )),
        (false, over) if over.contains(&Over::Tls) => {
            Some(("this VIP has no certificate", "give it `tls = { certificates = [\"…\"] }`"))
        }
        (false, over) if over.contains(&Over::Https) && over.len() > 1 => Some((
            "without TLS nothing tells HTTP from plain DNS",
            "write [\"https\"] alone for a proxy that ends TLS in front, and a second VIP for the others",
        )),
        _ => None,
    };
    let Some((reason, help)) = wrong else { return Some(over) };
    section.problem(Problem::new(place, "`over` cannot be served", reason).help(help));
    None
}

const WORDS: [(&str, Over); 4] =
    [("udp", Over::Udp), ("tcp", Over::Tcp), ("tls", Over::Tls), ("https", Over::Https)];
