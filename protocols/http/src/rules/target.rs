//! The target of a redirect, in the configuration.

use sekisho_api::settings::{Found, Problem, Section};

use super::action::Redirect;
use super::template::{OF_REDIRECTS, Template};

/// Text with `{host}`, `{uri}`, `{path}`, `{query}` and `{scheme}` in it, and with the groups of the rule's expression.
pub(super) fn read(section: &Section<'_>, to: &Found<&str>, groups: usize) -> Option<Template> {
    let refuse = |message: String, label: &str| {
        let problem = Problem::new(to.span.clone(), message, label.to_owned());
        section.problem(problem.help("such as redirect = \"https://{host}{uri}\", or redirect = \"https\""));
        None
    };
    let begins = ["http://", "https://", "{scheme}://", "/", "{uri}", "{path}"];
    if !begins.iter().any(|begin| to.value.starts_with(begin))
        || to.value.bytes().any(|b| b <= b' ' || b >= 127)
    {
        return refuse(format!("`{}` is no target", to.value), "a whole URL, or a path from `/` on");
    }
    match Template::read(to.value, OF_REDIRECTS, groups) {
        Ok(template) if template.has_brace() => {
            refuse("a brace is not closed".to_owned(), "`{host}`, `{uri}`, `{path}` or `{query}`")
        }
        Ok(template) if Redirect::is_open(&template) => refuse(
            "clients would choose the host they are sent to".to_owned(),
            "a group belongs into the path",
        ),
        Ok(template) => Some(template),
        Err(word) => {
            let label = match word.parse::<usize>() {
                Ok(_) => "`path-regex` of the rule has no such group",
                Err(_) => "`{host}`, `{uri}`, `{path}`, `{query}` or `{scheme}`",
            };
            refuse(format!("`{{{word}}}` stands for nothing"), label)
        }
    }
}

/// The target that `https`, or `https:PORT`, is short for: the same, over TLS. The outer `None`: it is something else; the
/// inner one: the port is none, which is recorded.
pub(super) fn https(section: &Section<'_>, to: &Found<&str>) -> Option<Option<Template>> {
    let rest = to.value.strip_prefix("https")?;
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => String::new(),
        Some(port) if !port.starts_with("//") => match port.parse::<u16>() {
            Ok(port) if port > 0 => format!(":{port}"),
            _ => {
                let message = format!("`{port}` is no port");
                section.problem(Problem::new(to.span.clone(), message, "1 to 65535"));
                return Some(None);
            }
        },
        _ => return None,
    };
    let target = format!("https://{{host}}{port}{{uri}}");
    Some(Template::read(&target, OF_REDIRECTS, 0).ok())
}
