//! Sekisho.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::dns::ZONE;
use super::super::load::Work;
use super::super::places::{Front, RESOLVER, SERVERS, Server};
use super::super::{Outcome, failed, scratch};
use super::{KEPT_TO_A_SERVER, Site, Subject, ask};

/// The gateway, built from this tree unless one is given.
#[derive(Debug)]
pub(super) struct Sekisho {
    /// Build with the profile that compiles in half the time.
    pub(super) quick: bool,
    /// A program to be measured instead.
    pub(super) given: Option<PathBuf>,
    /// With all that an operator looks at: access log, metrics, probes each second.
    pub(super) watched: bool,
}

impl Subject for Sekisho {
    fn name(&self) -> &'static str {
        if self.watched { "sekisho-watched" } else { "sekisho" }
    }

    fn version(&self) -> Outcome<String> {
        if self.given.is_none() {
            self.build()?;
        }
        let text = ask(&self.program()?, "--version")?;
        let number = text.split_whitespace().nth(1).unwrap_or_default();
        let build = if self.given.is_some() { "built elsewhere" } else { self.profile() };
        Ok(format!("Sekisho {number} (rustls, AWS-LC; {build})"))
    }

    fn takes(&self, work: Work) -> bool {
        !self.watched || matches!(work, Work::Requests { front: Front::Http, path: "/small" })
    }

    fn command(&self, site: &Site<'_>) -> Outcome<Command> {
        let file = site.folder.join("sekisho.toml");
        let text = if site.front.is_dns() { dns(site) } else { configuration(site, self.watched) };
        scratch::write(&file, &text)?;
        let mut command = Command::new(self.program()?);
        command.arg("run").arg(file);
        Ok(command)
    }
}

impl Sekisho {
    fn profile(&self) -> &'static str {
        if self.quick { "quick" } else { "release" }
    }

    fn build(&self) -> Outcome {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--package", "sekisho", "--profile", self.profile()])
            .current_dir(root()?)
            .status()
            .map_err(failed("cannot run cargo"))?;
        if status.success() { Ok(()) } else { Err("Sekisho does not build".to_owned()) }
    }

    fn program(&self) -> Outcome<PathBuf> {
        if let Some(given) = &self.given {
            return given.canonicalize().map_err(failed(format!("no program {}", given.display())));
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root()?.join(folder),
            None => root()?.join("target"),
        };
        Ok(target.join(self.profile()).join("sekisho"))
    }
}

fn root() -> Outcome<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(Path::to_path_buf).ok_or_else(|| "the workspace has no root".to_owned())
}

fn configuration(site: &Site<'_>, watched: bool) -> String {
    let (address, pem) = (site.address, site.pem.display());
    let servers = |address: fn(&Server) -> String| {
        let all = SERVERS.iter().map(|server| format!("{} = \"{}\"", server.name, address(server)));
        all.collect::<Vec<_>>().join(", ")
    };
    let web = servers(|server| server.http.to_string());
    let relayed = servers(|server| server.messages.to_string());
    let mail = servers(|server| server.imap.to_string());
    let desktops = servers(|server| server.rdp.to_string());
    // All clients come from one address here.
    let limits = format!("limits = {{ max-connections-per-client = {} }}", site.connections);
    let (eyes, probe) = match watched {
        true => (
            format!(
                "access-log = {{ path = \"{}\" }}\nmetrics = \"{address}:{}\"\n",
                site.folder.join("access.log").display(),
                Front::METRICS
            ),
            "probe = { kind = \"http\", path = \"/small\", interval = \"1s\" }\n",
        ),
        false => (String::new(), ""),
    };
    let keep = format!("http = {{ server-idle-max = {KEPT_TO_A_SERVER} }}");
    format!(
        "[gateway]
workers = 1
drain-timeout = \"1s\"
{eyes}
[vip.web]
listen = [\"{address}:{http}\"]
protocol = \"http\"
pool = \"web\"
persist = [\"cookie\"]
{limits}
{keep}

[vip.secure]
listen = [\"{address}:{https}\"]
protocol = \"http\"
pool = \"web\"
persist = [\"cookie\"]
tls = {{ certificates = [\"{pem}\"] }}
{limits}
{keep}

[vip.relay]
listen = [\"{address}:{relay}\"]
protocol = \"tcp\"
pool = \"relayed\"
{limits}

[vip.mail]
listen = [\"{address}:{imap}\"]
protocol = \"imap\"
pool = \"mail\"
persist = [\"user\"]
{limits}

[vip.mails]
listen = [\"{address}:{imaps}\"]
protocol = \"imap\"
pool = \"mail\"
persist = [\"user\"]
tls = {{ certificates = [\"{pem}\"] }}
{limits}

[vip.desktops]
listen = [\"{address}:{rdp}\"]
protocol = \"rdp\"
pool = \"desktops\"
persist = [\"rdp-token\", \"user\", \"source-ip\"]
{limits}

[pool.web]
method = \"round-robin\"
servers = {{ {web} }}
{probe}
[pool.relayed]
method = \"round-robin\"
servers = {{ {relayed} }}

[pool.mail]
method = \"consistent-hash\"
servers = {{ {mail} }}

[pool.desktops]
method = \"least-connections\"
servers = {{ {desktops} }}
",
        http = Front::Http.port(),
        https = Front::Https.port(),
        relay = Front::Relay.port(),
        imap = Front::Imap.port(),
        imaps = Front::Imaps.port(),
        rdp = Front::Rdp.port(),
    )
}

/// One VIP: that which the load needs.
fn dns(site: &Site<'_>) -> String {
    let (address, pem, port) = (site.address, site.pem.display(), site.front.port());
    let tls = format!("tls = {{ certificates = [\"{pem}\"] }}\n");
    let (vip, pool) = match site.front {
        Front::Dot => (format!("{tls}dns = {{ over = [\"tls\"] }}\n"), ""),
        Front::Doh => (format!("{tls}dns = {{ over = [\"https\"] }}\n"), ""),
        Front::DnsCached => (String::new(), "dns = { cache = \"64 MiB\" }\n"),
        _ => (String::new(), ""),
    };
    format!(
        "[gateway]
workers = 2
drain-timeout = \"1s\"

[vip.dns]
listen = [\"{address}:{port}\"]
protocol = \"dns\"
pool = \"resolvers\"
{vip}
[pool.resolvers]
servers = {{ a = \"{RESOLVER}\" }}
probe = {{ kind = \"dns\", name = \"{ZONE}.\", type = \"SOA\" }}
{pool}"
    )
}
