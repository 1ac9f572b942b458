//! The operator's own form of a line: text with the names of fields in braces.

use sekisho_api::settings::{Found, Problem, Span, nearest};

use crate::model::{LineFormat, LinePiece, LogField, LogFormat};
use crate::read::context::Context;

/// Reads `text`, `json`, or a form with a brace in it. `{{` and `}}` are the braces themselves.
pub(super) fn read(written: &Found<&str>, context: &Context<'_>) -> Option<LineFormat> {
    match written.value {
        "text" => return Some(LineFormat::All(LogFormat::Text)),
        "json" => return Some(LineFormat::All(LogFormat::Json)),
        text if !text.contains('{') => {
            let message = format!("unknown value `{text}` for `format`");
            let problem = Problem::new(written.span.clone(), message, "names no field");
            context.error(
                problem.help("one of: text, json; or a form of your own: '{client} \"{target}\" {status}'"),
            );
            return None;
        }
        _ => {}
    }
    match pieces(written.value) {
        Ok(pieces) => Some(LineFormat::Own(pieces.into())),
        Err(wrong) => {
            context.error(wrong.problem(written));
            None
        }
    }
}

/// What is wrong with a form, and where in it.
#[derive(Debug)]
struct Wrong<'a> {
    at: usize,
    length: usize,
    what: What<'a>,
}

#[derive(Debug)]
enum What<'a> {
    Unknown(&'a str),
    Brace,
    Control,
}

fn pieces(text: &str) -> Result<Vec<LinePiece>, Wrong<'_>> {
    if let Some((at, control)) = text.char_indices().find(|(_, c)| c.is_control()) {
        return Err(Wrong { at, length: control.len_utf8(), what: What::Control });
    }
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(brace);
        plain.push_str(before);
        let at = text.len() - from.len();
        if let Some(after) = from.strip_prefix("{{") {
            plain.push('{');
            rest = after;
        } else if let Some(after) = from.strip_prefix("}}") {
            plain.push('}');
            rest = after;
        } else {
            let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let (name, after) = inner.ok_or(Wrong { at, length: 1, what: What::Brace })?;
            let unknown = Wrong { at: at + 1, length: name.len(), what: What::Unknown(name) };
            // Alone in lines of its own, of a fixed form.
            let field = LogField::named(name).filter(|field| *field != LogField::LeftOut).ok_or(unknown)?;
            if !plain.is_empty() {
                pieces.push(LinePiece::Text(std::mem::take(&mut plain).into()));
            }
            pieces.push(LinePiece::Field(field));
            rest = after;
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(LinePiece::Text(plain.into()));
    }
    Ok(pieces)
}

impl Wrong<'_> {
    fn problem(&self, written: &Found<&str>) -> Problem {
        let span = self.span(written);
        match self.what {
            What::Unknown(name) => {
                let known = LogField::ALL
                    .iter()
                    .map(|field| field.name())
                    .filter(|name| *name != LogField::LeftOut.name());
                let all = known.clone().collect::<Vec<_>>().join(", ");
                let help = match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`? the fields are {all}"),
                    None => format!("the fields are {all}"),
                };
                Problem::new(span, format!("unknown field `{name}`"), "no field of this name").help(help)
            }
            What::Brace => Problem::new(span, "a brace of `format` is alone", "its other one is missing")
                .help("a field stands in braces: {client}; a brace itself is written twice: {{ or }}"),
            What::Control => Problem::new(span, "`format` has a control character", "a line is one line")
                .help("write a blank or another separator"),
        }
    }

    /// The place in the file, where the string stands there as it is; with escapes in it, the whole string.
    fn span(&self, written: &Found<&str>) -> Span {
        let Span { start, end } = written.span;
        match end - start == written.value.len() + 2 {
            true => start + 1 + self.at..start + 1 + self.at + self.length.max(1),
            false => start..end,
        }
    }
}

/// The pieces of a form that is known to be right.
#[cfg(test)]
pub(super) fn of(text: &str) -> Vec<LinePiece> {
    pieces(text).unwrap()
}
