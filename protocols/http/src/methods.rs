//! Methods that are served only where the configuration says so.

use http::Method;
use sekisho_api::settings::{Problem, Section};

use crate::answer::Answer;

/// Which of them are: CONNECT asks for a tunnel and TRACE for an echo of credentials, and hardly a server behind a
/// gateway is meant to give either.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Methods {
    connect: bool,
    trace: bool,
}

impl Methods {
    /// Reads `allow-methods`.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let mut methods = Self::default();
        for method in section.texts("allow-methods").unwrap_or_default() {
            match method.value {
                "CONNECT" => methods.connect = true,
                "TRACE" => methods.trace = true,
                other => {
                    let message = format!("unknown value `{other}` in `allow-methods`");
                    let problem = Problem::new(method.span, message, "not one of those that are refused");
                    section.problem(problem.help("one of: CONNECT, TRACE; all others are served anyway"));
                }
            }
        }
        methods
    }

    /// Whether a request of this method is served. `bodiless`: it ends with its head, as those of these methods do
    /// (RFC 9110, sections 9.3.6 and 9.3.8): what stands behind the head of a CONNECT is the tunnel's.
    ///
    /// # Errors
    /// What the client is told.
    pub(crate) fn admit(self, method: &Method, bodiless: bool) -> Result<(), Answer> {
        let allowed = match *method {
            Method::CONNECT => self.connect,
            Method::TRACE => self.trace,
            _ => return Ok(()),
        };
        match allowed {
            true if bodiless => Ok(()),
            true => Err(Answer::bad_request("body-unexpected")),
            false => Err(Answer::METHOD),
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};

    use super::*;

    fn read(words: &[&str]) -> (Methods, Vec<String>) {
        let text = |word: &&str| Node { span: 0..0, value: Value::Text((*word).to_owned()) };
        let list = Node { span: 0..0, value: Value::List(words.iter().map(text).collect()) };
        let (table, problems) =
            (Table { entries: vec![("allow-methods".to_owned(), 0..0, list)] }, Problems::new());
        let methods = Methods::read(&mut Section::new(&table, 0..0, &problems));
        (methods, problems.into_vec().into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn method_that_is_refused_unless_allowed_is_allowed_by_its_name_alone() {
        for (words, connect, trace) in
            [(&[][..], false, false), (&["CONNECT"], true, false), (&["TRACE", "CONNECT"], true, true)]
        {
            let (methods, problems) = read(words);
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(methods.admit(&Method::CONNECT, true).is_ok(), connect);
            assert_eq!(methods.admit(&Method::TRACE, true).is_ok(), trace);
            assert!(methods.admit(&Method::TRACE, false).is_err(), "with a body");
            assert!(methods.admit(&Method::PUT, false).is_ok());
        }
        assert_eq!(read(&["connect"]).1, ["unknown value `connect` in `allow-methods`"]);
    }
}
