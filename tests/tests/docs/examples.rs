//! Every example loads as it stands, and with a key too many it does not.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use sekisho_config::{Loaded, Report};
use sekisho_tests::Authority;
use toml::{Table, Value};

use super::greet::Greet;
use super::{Example, examples};

const BOGUS: &str = "no-such-key-anywhere";

/// Tables whose keys are names that the operator chose.
const NAMED: &[&str] = &[
    "vip",
    "pool",
    "domain",
    "vrrp",
    "nodes",
    "tables",
    "clients",
    "servers",
    "routes",
    "headers",
    "query",
    "cookies",
    "rate-limits",
    "tls-headers",
    "split",
    "set-headers",
    "add-headers",
    "set-response-headers",
    "add-response-headers",
];

/// The files that examples name.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sekisho-docs-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let authority = Authority::new();
        authority.issue(&["www.example.org"], &folder);
        authority.write(&folder);
        std::fs::write(folder.join("secret"), "0123456789abcdef0123456789abcdef\n").unwrap();
        let keys = sekisho_tests::root().join("fixtures/jwt/keys.json");
        std::fs::copy(keys, folder.join("keys.json")).unwrap();
        let token = format!("anna read sha256:{}\n", "5a".repeat(32));
        std::fs::write(folder.join("tokens"), token).unwrap();
        std::fs::write(folder.join("page.html"), "<p>{status}</p>\n").unwrap();
        Self(folder)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn documents() -> Vec<Example> {
    examples(|path| path == "README.md" || path.starts_with("docs/") && path.ends_with(".md"))
}

fn load(text: &str, name: &str, folder: &Path) -> Result<Loaded, Report> {
    sekisho_config::check(text, name, folder, &sekisho::builtin().with(Greet), SystemTime::now())
}

/// Puts the bogus key into the `n`th table of all in `table`, counted down; whether there was one.
fn spoil(key: &str, table: &mut Table, n: &mut usize) -> bool {
    if !NAMED.contains(&key) {
        if *n == 0 {
            table.insert(BOGUS.to_owned(), 1.into());
            return true;
        }
        *n -= 1;
    }
    table.iter_mut().any(|(key, value)| spoil_in(key, value, n))
}

fn spoil_in(key: &str, value: &mut Value, n: &mut usize) -> bool {
    match value {
        Value::Table(table) => spoil(key, table, n),
        Value::Array(items) => items.iter_mut().any(|item| spoil_in(key, item, n)),
        _ => false,
    }
}

#[test]
fn every_example_loads_with_the_protocols_of_the_command() {
    let files = Files::new();
    let documents = documents();
    assert!(documents.len() >= 20, "only {} examples were found", documents.len());
    for example in documents {
        let text = example.whole().to_string();
        if let Err(report) = load(&text, &example.name, &files.0) {
            panic!("{}:\n{report}", example.name);
        }
    }
}

#[test]
fn bogus_key_in_any_table_of_any_example_is_refused() {
    let files = Files::new();
    let mut spoilt = 0;
    for example in documents() {
        let whole = example.whole();
        for n in 0.. {
            let mut table = whole.clone();
            if !spoil("", &mut table, &mut { n }) {
                break;
            }
            let text = table.to_string();
            let report =
                load(&text, &example.name, &files.0).map(|_| ()).map_err(|report| report.to_string());
            let refused = report.as_ref().is_err_and(|r| r.contains(&format!("unknown key `{BOGUS}`")));
            assert!(refused, "{}: {report:?}\n{text}", example.name);
            spoilt += 1;
        }
    }
    assert!(spoilt > 100, "only {spoilt} tables were found");
}
