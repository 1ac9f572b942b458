//! Loading: files, folders and what is not TOML.

use std::path::Path;

use super::fake;
use crate::parse;

/// The example of the first page: two protocols, two pools, nothing else.
const SMALL: &str = r#"
[vip.remote-desktop]
listen   = ["203.0.113.10:3389"]
protocol = "rdp"
pool     = "terminal-servers"
persist  = ["rdp-token", "user", "source-ip"]

[vip.web]
listen   = ["203.0.113.10:443"]
protocol = "http"
pool     = "web"
persist  = ["cookie"]

[pool.terminal-servers]
method  = "least-connections"
servers = { ts1 = "10.0.0.11:3389", ts2 = "10.0.0.12:3389", ts3 = { address = "10.0.0.13:3389", weight = 2 } }
probe   = { kind = "rdp", interval = "5s" }

[pool.web]
method  = "round-robin"
servers = { www1 = "10.0.0.21:80", www2 = "10.0.0.22:80" }
probe   = { kind = "http", path = "/healthz" }
"#;

#[test]
fn small_file_is_a_working_gateway() {
    let config =
        parse(SMALL, "gateway.toml", Path::new(""), &fake::registry()).unwrap_or_else(|r| panic!("{r}"));
    assert_eq!(config.vips.len(), 2);
    assert_eq!(
        config.pools.iter().map(|pool| &*pool.spec.name).collect::<Vec<_>>(),
        ["terminal-servers", "web"]
    );
    assert_eq!(config.domains.len(), 1);
}
