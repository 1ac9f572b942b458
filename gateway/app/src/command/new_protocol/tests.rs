use std::path::{Path, PathBuf};

use super::*;

/// Sekisho's sources, as they are being built.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A new directory below the system's temporary one, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sekisho-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn options(name: &str, path: Option<PathBuf>) -> NewProtocolOptions {
    NewProtocolOptions { name: name.to_owned(), path, source: Some(sources()) }
}

#[test]
fn crate_outside_inherits_nothing_and_brings_a_program() {
    let scratch = Scratch::new("outside");
    let place = scratch.0.join("greet-er");
    let mut said = Vec::new();
    run(&options("greet-er", Some(place.clone())), &mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("cargo run"), "{said}");

    let manifest = fs::read_to_string(place.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some("sekisho-greet-er"));
    assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
    for dependency in ["sekisho", "sekisho-api"] {
        let path = manifest["dependencies"][dependency]["path"].as_str().unwrap();
        assert!(place.join(path).join("Cargo.toml").is_file(), "{path}");
    }
    assert!(!manifest.to_string().contains("workspace = true"), "{manifest}");

    let program = fs::read_to_string(place.join("src/main.rs")).unwrap();
    assert!(program.contains("sekisho::builtin().with(sekisho_greet_er::GreetEr)"), "{program}");
    let code = fs::read_to_string(place.join("src/lib.rs")).unwrap();
    assert!(code.contains("pub struct GreetEr"), "{code}");
    assert!(!code.to_lowercase().contains("template"), "{code}");
}

#[test]
fn crate_inside_is_the_template_renamed() {
    let source = Source::find(Some(&sources())).unwrap();
    let name = Name::parse("greet").unwrap();
    let place = source.plugin(&name);
    assert_eq!(place, sources().join("plugins/greet"));
    let text = manifest(&name, &source, &place, true).unwrap();
    assert!(text.contains("name = \"sekisho-greet\""), "{text}");
    assert!(text.contains("sekisho-api.workspace = true"), "{text}");
    assert!(inside_steps(&name, &source, &place).contains(".with(sekisho_greet::Greet)"));
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let scratch = Scratch::new("exists");
    let refused = run(&options("greet", Some(scratch.0.clone())), &mut Vec::new()).unwrap_err();
    assert!(matches!(refused, Failure::NewProtocol(Refused::Exists(_))), "{refused}");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
}

#[test]
fn sources_are_found_upwards_or_missed_with_a_remedy() {
    let deep = sources().join("gateway/app/src");
    assert_eq!(Source::find(Some(&deep)).unwrap().root(), sources());
    let missed = Source::find(Some(Path::new("/"))).unwrap_err();
    assert!(missed.to_string().contains("--source"), "{missed}");
}

#[test]
fn name_that_no_crate_can_have_is_refused_with_a_reason() {
    for name in ["", "Greet", "9p", "-x", "x-", "x--y", "http", "a/b", "..", &"x".repeat(33)] {
        assert!(matches!(Name::parse(name), Err(Refused::Name { .. })), "{name}");
    }
    for name in ["greet", "mqtt", "s7", "amqp-1-0"] {
        assert!(Name::parse(name).is_ok(), "{name}");
    }
}
