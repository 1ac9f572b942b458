//! The repository's own rules.

mod docs;
mod fixtures;
mod layering;
mod sources;

/// Fails with every problem at once.
fn none(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}
