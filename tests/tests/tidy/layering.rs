//! Dependencies run one way: `api <- scheduler <- config <- runtime <- (admin, ha) <- app`, the engine beside the
//! scheduler. A protocol knows the contract and nothing else, so that one from outside can do all that ours can.

use sekisho_tests::{Dependency, Member, members};

use super::none;

/// What a crate may use of this repository, in normal and build dependencies and, in addition, in its tests.
struct Layer {
    normal: &'static [&'static str],
    tests: &'static [&'static str],
}

/// The layer of a crate by its folder; none: the top, which may use anything.
fn layer(folder: &str) -> Option<Layer> {
    const TESTKIT: &[&str] = &["sekisho-testkit"];
    Some(match folder {
        "protocols/api" => Layer { normal: &[], tests: &[] },
        "gateway/scheduler" => Layer { normal: &["sekisho-api"], tests: TESTKIT },
        "gateway/engine" => Layer { normal: &["sekisho-api"], tests: TESTKIT },
        "protocols/testkit" => Layer { normal: &["sekisho-api", "sekisho-engine"], tests: &[] },
        // Its tests load examples, for which they need protocols to register.
        "gateway/config" => Layer {
            normal: &["sekisho-api", "sekisho-scheduler"],
            tests: &["sekisho-http", "sekisho-tcp", "sekisho-udp", "sekisho-sni"],
        },
        "gateway/runtime" => Layer {
            normal: &["sekisho-api", "sekisho-scheduler", "sekisho-config", "sekisho-engine"],
            tests: &["sekisho-testkit", "sekisho-tcp", "sekisho-udp"],
        },
        "gateway/admin" | "gateway/ha" => Layer {
            normal: &["sekisho-api", "sekisho-scheduler", "sekisho-config", "sekisho-runtime"],
            tests: TESTKIT,
        },
        // Its tests load examples.
        "gateway/net" => Layer {
            normal: &["sekisho-api", "sekisho-scheduler", "sekisho-config", "sekisho-runtime"],
            tests: &["sekisho-tcp", "sekisho-udp"],
        },
        "gateway/app" | "tests" => return None,
        // What IMAP and its siblings share; it is no protocol.
        "protocols/mail" => Layer { normal: &["sekisho-api"], tests: TESTKIT },
        "protocols/imap" | "plugins/pop3" | "plugins/submission" | "plugins/managesieve" => {
            Layer { normal: &["sekisho-api", "sekisho-mail"], tests: &["sekisho-testkit", "sekisho-engine"] }
        }
        "xtask" => Layer { normal: &[], tests: &[] },
        _ => Layer { normal: &["sekisho-api"], tests: &["sekisho-testkit", "sekisho-engine"] },
    })
}

/// The dependencies that go against the direction.
fn violations(members: &[Member]) -> Vec<String> {
    let mut problems = Vec::new();
    for Member { name, folder, dependencies } in members {
        let Some(layer) = layer(folder) else { continue };
        for dependency in dependencies {
            let used = dependency.name.as_str();
            let allowed = layer.normal.contains(&used) || dependency.dev && layer.tests.contains(&used);
            if !allowed {
                let kind = if dependency.dev { "tests of " } else { "" };
                problems.push(format!("{kind}{name} may not use {used}"));
            }
        }
    }
    problems
}

#[test]
fn dependencies_run_one_way() {
    none("dependencies run one way, and protocols depend on the contract alone", &violations(&members()));
}

#[test]
fn dependency_against_the_direction_is_found() {
    let found = |folder: &str, used: &str, dev| {
        let dependencies = vec![Dependency { name: used.into(), dev }];
        !violations(&[Member { name: "it".into(), folder: folder.into(), dependencies }]).is_empty()
    };
    assert!(found("protocols/api", "sekisho-scheduler", false));
    assert!(found("protocols/http", "sekisho-runtime", false));
    assert!(found("plugins/anything", "sekisho-testkit", false));
    assert!(found("gateway/runtime", "sekisho-http", false));
    assert!(!found("plugins/anything", "sekisho-testkit", true));
    assert!(!found("gateway/app", "sekisho-http", false));
}

#[test]
fn crates_are_named_after_their_folder() {
    let mut problems = Vec::new();
    for Member { name, folder, .. } in members() {
        let last = folder.rsplit('/').next().unwrap_or_default();
        let expected = match folder.as_str() {
            "gateway/app" => "sekisho".to_owned(),
            "xtask" => "xtask".to_owned(),
            _ => format!("sekisho-{last}"),
        };
        if name != expected {
            problems.push(format!("{folder} is named {name}, not {expected}"));
        }
    }
    none("a crate is named after its folder", &problems);
}
