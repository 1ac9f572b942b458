//! Loading: files, folders and what cannot be read.

use std::fs;

use super::fake;
use super::folder::{Folder, now};
use crate::{Colour, Report, Severity, check_file, load};

const SMALL: &str = r#"
[vip.web]
listen = "127.0.0.1:0"
protocol = "tcp"
pool = "web"
tls = { certificates = "certs/web.pem" }

[pool.web]
servers = { www1 = "10.0.0.21:80" }
"#;

#[test]
fn relative_paths_start_from_the_folder_of_the_file() {
    let folder = Folder::new();
    let file = folder.path().join("gateway.toml");
    fs::write(&file, SMALL).unwrap();
    let config = load(&file, &fake::registry()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(config.vips[0].tls.as_ref().unwrap().certificates[0].key, folder.path().join("certs/web.pem"));
}

fn refused(name: &str, bytes: &[u8]) -> Report {
    let folder = Folder::new();
    let file = folder.path().join(name);
    if !bytes.is_empty() {
        fs::write(&file, bytes).unwrap();
    }
    check_file(&file, &fake::registry(), now()).unwrap_err()
}

#[test]
fn file_that_cannot_be_read_is_one_problem() {
    for (name, bytes, reason) in [
        ("missing.toml", &b""[..], "No such file"),
        ("latin1.toml", b"# \xe9\n", "not UTF-8"),
        ("certs", b"", "directory"),
        ("large.toml", vec![b'#'; (4 << 20) + 1].as_slice(), "larger than 4 MiB"),
    ] {
        let report = refused(name, bytes);
        let text = report.to_string();
        assert_eq!(report.errors(), 1, "{name}");
        assert!(text.contains("the configuration cannot be read"), "{text}");
        assert!(text.contains(name) && text.contains(reason), "{text}");
        assert!(text.ends_with("1 problem; nothing was changed\n"), "{text}");
    }
}

#[test]
fn empty_file_loads_with_a_warning() {
    let folder = Folder::new();
    let loaded = fake::check("", "empty.toml", &folder).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.config.vips.is_empty());
    assert_eq!(loaded.warnings.findings()[0].severity, Severity::Warning);
    assert!(loaded.warnings.to_string().contains("no VIP is configured"));
}

#[test]
fn number_of_connections_is_nobodys_choice_until_it_is_written() {
    let folder = Folder::new();
    let limits = |text: &str| {
        let config = fake::check(text, "gateway.toml", &folder).unwrap_or_else(|r| panic!("{r}")).config;
        let vip = config.vips[0].limits;
        (config.gateway.max_connections, vip.max_connections, vip.max_connections_per_client)
    };
    assert_eq!(limits(SMALL), (None, None, None));
    // What the gateway takes is known when it starts: until then a VIP's number cannot be too large.
    let vip = format!("{SMALL}[vip.web.limits]\nmax-connections = 5_000_000\n");
    assert_eq!(limits(&vip), (None, Some(5_000_000), None));
    let both = format!("{vip}max-connections-per-client = 5\n[gateway]\nmax-connections = 6_000_000\n");
    assert_eq!(limits(&both), (Some(6_000_000), Some(5_000_000), Some(5)));
}

#[test]
fn host_of_a_server_is_resolved_and_kept_for_tls() {
    let text = SMALL.replace(
        "servers = { www1 = \"10.0.0.21:80\"",
        "tls = true\nservers = { www1 = \"www1.example.org:80\"",
    );
    let config = fake::check(&text, "gateway.toml", &Folder::new()).unwrap_or_else(|r| panic!("{r}")).config;
    assert_eq!(config.pools[0].spec.servers[0].address, "192.0.2.99:80".parse().unwrap());
    assert_eq!(config.pools[0].tls.as_ref().unwrap().hosts["www1"], "www1.example.org");
}

#[test]
fn colours_change_nothing_but_colours() {
    let report = fake::check("[vip.a]\nx = 1\n", "gateway.toml", &Folder::new()).unwrap_err();
    let mut plain = String::new();
    let mut rest = report.render(Colour::Ansi);
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1.to_owned();
    }
    plain.push_str(&rest);
    assert_eq!(plain, report.to_string());
}

#[test]
fn report_of_thousands_of_problems_stays_readable() {
    let text: String = (0..5000).map(|n| format!("key{n} = {n}\n")).collect();
    let report = fake::check(&text, "gateway.toml", &Folder::new()).unwrap_err();
    assert_eq!(report.errors(), 5000);
    let text = report.to_string();
    assert!(text.contains("and 4900 more"));
    assert!(text.lines().count() < 1000);
}
