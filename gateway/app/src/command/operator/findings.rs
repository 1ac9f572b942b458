//! What is wrong with a configuration that a running gateway was to load, as `sekisho check` says it.

use std::fmt::Write;

use serde_json::Value;

use super::show::{number, rows, word};

/// Each problem with its place and remedy; nothing where the gateway names none.
pub(super) fn text(refusal: &Value) -> String {
    let mut text = String::new();
    for finding in rows(refusal, "findings") {
        let word = |name: &str| word(finding, name);
        // Writing to a string cannot fail.
        _ = writeln!(text, "{}: {}: {}", word("severity"), word("message"), word("label"));
        let (line, column) = (number(finding, "line"), number(finding, "column"));
        match line {
            0 => {}
            line => _ = writeln!(text, " --> {}:{line}:{column}", word("origin")),
        }
        match word("help") {
            help if help.is_empty() => {}
            help => _ = writeln!(text, "  = help: {help}"),
        }
        text.push('\n');
    }
    if !text.is_empty() {
        text.push_str("nothing was changed: the gateway serves on as before\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_problem_is_told_with_its_place_and_remedy() {
        let refusal = json!({ "error": "unknown key `methd`", "help": "did you mean `method`?", "findings": [
            { "severity": "error", "message": "unknown key `methd`", "label": "not known here",
              "help": "did you mean `method`?", "origin": "gateway.toml", "line": 22, "column": 1 },
            { "severity": "error", "message": "`weight` is out of range", "label": "allowed are 0 to 256",
              "help": null, "origin": "gateway.toml", "line": 23, "column": 86 },
        ] });
        let expected = "error: unknown key `methd`: not known here\n --> gateway.toml:22:1\n  \
                        = help: did you mean `method`?\n\n\
                        error: `weight` is out of range: allowed are 0 to 256\n --> gateway.toml:23:86\n\n\
                        nothing was changed: the gateway serves on as before\n";
        assert_eq!(text(&refusal), expected);
        assert_eq!(text(&json!({ "error": "there is no server `m9`", "help": "known: m1" })), "");
    }
}
