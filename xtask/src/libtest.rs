//! Reads what a Rust test binary prints.

use crate::shell::Captured;
use crate::tally::Tally;

/// Counts what a test binary, or `cargo test`, reported.
///
/// `name` stands for the whole in case that no single test can be blamed: it crashed, did not end, or ran nothing.
/// A test that is ignored counts as failed: nothing here is skipped silently.
pub(crate) fn tally(name: &str, captured: &Captured) -> Tally {
    let mut tally = Tally::default();
    let mut ignored = 0;
    for line in captured.output.lines() {
        if let Some(counts) = line.strip_prefix("test result: ") {
            tally.passed += count(counts, "passed");
            ignored += count(counts, "ignored");
        } else if let Some(test) = failed_test(line) {
            tally.failed.push(format!("{name}: {test}"));
        }
    }
    if ignored > 0 {
        tally.failed.push(format!("{name}: {ignored} tests are ignored"));
    }
    if !captured.success && tally.failed.is_empty() {
        tally.failed.push(format!("{name}: {}", captured.status));
    }
    tally
}

/// The part of the output that explains failures: from the first `failures:` on, or all of it.
pub(crate) fn explanation(output: &str) -> &str {
    match output.find("\nfailures:\n") {
        Some(start) => output.get(start + 1..).unwrap_or(output),
        None => output,
    }
}

/// The number before `word` in `ok. 3 passed; 0 failed; ...`.
fn count(counts: &str, word: &str) -> usize {
    let phrase = counts.split(['.', ';']).map(str::trim).find_map(|part| part.strip_suffix(word));
    phrase.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// The test's name in `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    outcome.starts_with("FAILED").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(success: bool, output: &str) -> Captured {
        Captured { success, status: "exit status: 101".into(), output: output.into() }
    }

    #[test]
    fn counts_of_several_binaries_add_up() {
        let output = "\
running 2 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s
";
        assert_eq!(tally("x", &captured(true, output)), Tally { passed: 42, failed: vec![] });
    }

    #[test]
    fn failed_tests_are_named_and_explained() {
        let output = "\
test a::b ... FAILED
test src/lib.rs - greet (line 9) ... FAILED

failures:

---- a::b stdout ----
boom
test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out
";
        let tally = tally("x", &captured(false, output));
        assert_eq!(tally.passed, 1);
        assert_eq!(tally.failed, ["x: a::b", "x: src/lib.rs - greet (line 9)"]);
        assert!(explanation(output).starts_with("failures:\n\n---- a::b"));
    }

    #[test]
    fn crash_without_a_result_line_fails_under_the_binarys_name() {
        let tally = tally("x", &captured(false, "test a ... "));
        assert_eq!(tally.failed, ["x: exit status: 101"]);
    }

    #[test]
    fn ignored_test_is_a_failure() {
        let output = "test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured";
        assert_eq!(tally("x", &captured(true, output)).failed, ["x: 2 tests are ignored"]);
    }
}
