//! What is wrong with the way of packets on this machine, as it runs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::thread;

use sekisho_config::{Arms, Config, ReturnPath, Source};

use crate::install::{families, verify};
use crate::l4;
use crate::live::{self, Answers};
use crate::plan;
use crate::run::run;
use crate::standby::Standby;
use crate::way::{self, Family};

/// Something that is wrong, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub wrong: String,
    /// What helps.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  = help: {}", self.wrong, self.remedy)
    }
}

/// What an examination found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What was looked at and is right, or could not be looked at.
    pub notes: Vec<String>,
}

impl Diagnosis {
    pub(crate) fn find(&mut self, wrong: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding { wrong: wrong.into(), remedy: remedy.into() });
    }
}

/// Examines the machine for a gateway with this configuration. Changes nothing; opens a connection to each server that
/// sees clients' addresses, in the name of a client with one of these.
pub fn examine(config: &Config, clients: &[IpAddr]) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    rights(config, &mut diagnosis);
    l4::examine(config, &mut diagnosis);
    if !plan::way_back(config) {
        diagnosis.notes.push("No socket has a client's address: no packets need a way back".to_owned());
        return diagnosis;
    }
    forwarding(config, &mut diagnosis);
    for interface in live::switched_on("src_valid_mark") {
        diagnosis.find(
            format!(
                "src_valid_mark is on for {interface}: the kernel drops marked packets as if they were forged"
            ),
            format!("sysctl -w net.ipv4.conf.{interface}.src_valid_mark=0"),
        );
    }
    if kernel(config, &mut diagnosis) {
        servers(config, clients, &mut diagnosis);
    }
    diagnosis
}

fn rights(config: &Config, diagnosis: &mut Diagnosis) {
    let have = live::capabilities();
    for right in plan::rights(config) {
        if have >> right.bit & 1 == 0 {
            diagnosis.find(
                format!("this process lacks {}, which a gateway needs for {}", right.name, right.reason),
                format!(
                    "add it to AmbientCapabilities= of its unit, or run `setpriv --ambient-caps +{}`",
                    short(right.name)
                ),
            );
        }
    }
}

fn short(capability: &str) -> String {
    capability.trim_start_matches("CAP_").to_lowercase()
}

fn forwarding(config: &Config, diagnosis: &mut Diagnosis) {
    if config.topology.arms != Arms::Two {
        return;
    }
    for (name, family) in [("ipv4/ip_forward", Family::V4), ("ipv6/conf/all/forwarding", Family::V6)] {
        if used(config).any(|server| Family::of(server.ip()) == family) && live::switch(name) == Some(false) {
            diagnosis.find(
                "the gateway is the servers' way out and does not forward: they reach no other network by themselves",
                format!("sysctl -w net.{}=1, unless that is meant", name.replace('/', ".")),
            );
        }
    }
}

/// The servers that see clients' addresses.
fn used(config: &Config) -> impl Iterator<Item = SocketAddr> {
    let pools = config.pools.iter().filter(|pool| pool.source == Source::Client);
    pools.flat_map(|pool| pool.spec.servers.iter().map(|server| server.address))
}

/// Looks at rules and routes; whether the way back is in.
fn kernel(config: &Config, diagnosis: &mut Diagnosis) -> bool {
    let path = &config.network;
    if let Err(error) =
        run("nft", &["--check".to_owned(), "-f".to_owned(), "-".to_owned()], &way::ruleset(path))
    {
        diagnosis.find(
            format!("the kernel does not take the rules: {error}"),
            "nftables needs the kernel's modules nf_tables and nft_socket, and this process CAP_NET_ADMIN",
        );
    }
    for family in families() {
        let Ok(shown) = run("ip", &[family.option().to_owned(), "rule".to_owned(), "show".to_owned()], "")
        else {
            continue;
        };
        for rule in strangers(path, &shown) {
            diagnosis.find(
                format!(
                    "another rule has priority {} or bits of the mark 0x{:x}: `{rule}`",
                    path.priority, path.mark
                ),
                "give [network] another `priority` or `mark`",
            );
        }
    }
    if let Ok(ruleset) = run("nft", &["list".to_owned(), "ruleset".to_owned()], "") {
        for (table, rule) in overwriting(path, &ruleset) {
            diagnosis.find(
                format!("{table} sets the whole mark of packets, and with it the gateway's bits: `{rule}`"),
                format!(
                    "let it set its own bits alone, as in `meta mark set meta mark and 0x{:x} or ...`",
                    path.mark
                ),
            );
        }
    }
    match verify(path) {
        Ok(()) => return true,
        Err(_) if path.manage => diagnosis.notes.push(
            "The way back is not in, as no gateway with this file runs here: how servers answer was not tried".to_owned(),
        ),
        Err(error) => diagnosis.find(
            format!("the way back is not in: {error}"),
            "run what `sekisho net plan` prints for the gateway, or let it with `manage = true` in [network]",
        ),
    }
    false
}

/// Rules that are not the gateway's and have its priority, or look at its bits of the mark.
fn strangers<'a>(path: &ReturnPath, shown: &'a str) -> Vec<&'a str> {
    let foreign = |line: &&str| {
        let (priority, rule) = line.split_once(':').unwrap_or(("", line));
        let words: Vec<&str> = rule.split_whitespace().collect();
        let mark = words.iter().position(|word| *word == "fwmark").and_then(|at| words.get(at + 1));
        let looks = mark.is_some_and(|mark| mask(mark) & path.mark != 0);
        (priority == path.priority.to_string() || looks) && !way::has_rule(path, line)
    };
    shown.lines().map(str::trim).filter(foreign).collect()
}

/// The bits that `VALUE` or `VALUE/MASK` looks at.
fn mask(mark: &str) -> u32 {
    let bits = mark.split_once('/').map(|(_, mask)| mask);
    let bits = bits.map(|bits| u32::from_str_radix(bits.trim_start_matches("0x"), 16));
    bits.and_then(Result::ok).unwrap_or(u32::MAX)
}

/// Rules of other tables that set the whole mark where packets come in, each with its table.
fn overwriting<'a>(path: &ReturnPath, ruleset: &'a str) -> Vec<(&'a str, &'a str)> {
    let (mut table, mut comes_in, mut found) = ("", false, Vec::new());
    for line in ruleset.lines().map(str::trim) {
        if line.starts_with("table ") {
            table = line.trim_end_matches('{').trim();
        } else if line.starts_with("chain ") {
            comes_in = false;
        } else if line.starts_with("type ") {
            comes_in = line.contains("hook prerouting");
        }
        let value = line.split_once("meta mark set ").and_then(|(_, rest)| rest.split(' ').next());
        let whole = value.and_then(|value| u32::from_str_radix(value.strip_prefix("0x")?, 16).ok());
        let own = table.contains(way::TABLES);
        if comes_in && !own && whole.is_some_and(|whole| whole & path.mark != path.mark) {
            found.push((table, line));
        }
    }
    found
}

/// Tries how servers answer clients.
fn servers(config: &Config, clients: &[IpAddr], diagnosis: &mut Diagnosis) {
    let standby = Standby::of(config);
    if let Some(standby) = standby {
        standby.examine(used(config), diagnosis);
    }
    let mut tries: Vec<Try> = Vec::new();
    for pool in config.pools.iter().filter(|pool| pool.source == Source::Client) {
        for server in &pool.spec.servers {
            let address = server.address;
            let client = clients.iter().find(|client| client.is_ipv4() == address.is_ipv4());
            if let Some(client) = client.filter(|_| !tries.iter().any(|one| one.server == address)) {
                let name = format!("{}/{}", pool.spec.name, server.name);
                tries.push(Try { name, server: address, client: *client });
            }
        }
    }
    // Those that do not answer take their time, and a farm may have many of them.
    for some in tries.chunks(AT_ONCE) {
        let found: Vec<Found> = thread::scope(|scope| {
            let begun: Vec<_> = some.iter().map(|one| scope.spawn(|| one.out())).collect();
            // A thread that panicked has said so.
            begun.into_iter().map(|one| one.join().unwrap_or(Found::Untried)).collect()
        });
        for (one, found) in some.iter().zip(found) {
            one.tell(found, standby, diagnosis);
        }
    }
}

/// A server whose answers to a client's address are tried.
struct Try {
    name: String,
    server: SocketAddr,
    client: IpAddr,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It does not answer this machine either.
    Silent,
    /// Its answers to the client do not come here.
    Elsewhere,
    Untried,
    Comes,
}

impl Try {
    fn out(&self) -> Found {
        if live::answers(self.server) == Answers::Lost {
            return Found::Silent;
        }
        match live::answers_to(self.client, self.server) {
            Answers::Lost => Found::Elsewhere,
            Answers::Untried => Found::Untried,
            Answers::Come | Answers::Refused => Found::Comes,
        }
    }

    fn tell(&self, found: Found, standby: Option<Standby<'_>>, diagnosis: &mut Diagnosis) {
        let Self { name, server, client } = self;
        match found {
            Found::Silent if standby.is_some_and(|of| of.explains(name, *server, diagnosis)) => {}
            Found::Silent => {
                diagnosis.notes.push(format!("{name} ({server}) does not answer this machine over TCP: not tried"));
            }
            Found::Elsewhere => diagnosis.find(
                format!("{name} ({server}) answers this machine, but what it answers to {client} does not come here"),
                format!("run on {} what `sekisho net plan` prints for it", server.ip()),
            ),
            Found::Untried => {
                diagnosis.notes.push(format!("{name} ({server}): this process may not use {client}; not tried"));
            }
            Found::Comes => diagnosis.notes.push(format!("{name} ({server}) answers clients through this machine")),
        }
    }
}

/// Servers that are tried side by side.
const AT_ONCE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: ReturnPath = ReturnPath { manage: true, mark: 0x200, table: 5300, priority: 5300 };

    #[test]
    fn rules_of_others_are_those_with_the_same_priority_or_bits() {
        let shown = "0:\tfrom all lookup local\n\
                     100:\tfrom all fwmark 0x1/0x1 lookup 100\n\
                     200:\tfrom all fwmark 0x2 lookup 200\n\
                     5300:\tfrom all fwmark 0x200/0x200 lookup 5300\n\
                     5300:\tfrom 10.0.0.0/8 lookup 7\n\
                     32766:\tfrom all lookup main\n";
        let found = strangers(&PATH, shown);
        assert_eq!(found, ["200:\tfrom all fwmark 0x2 lookup 200", "5300:\tfrom 10.0.0.0/8 lookup 7"]);
    }

    #[test]
    fn rule_that_sets_the_whole_mark_of_what_comes_in_is_found() {
        let chain = |hook: &str, rule: &str| {
            format!(
                "table ip vpn {{\n\tchain c {{\n\t\ttype filter hook {hook} priority mangle;\n\t\t{rule}\n\t}}\n}}\n"
            )
        };
        let whole = "iifname \"wg0\" meta mark set 0x00000001";
        assert_eq!(overwriting(&PATH, &chain("prerouting", whole)), [("table ip vpn", whole)]);
        assert!(overwriting(&PATH, &chain("output", whole)).is_empty());
        assert!(overwriting(&PATH, &chain("prerouting", "meta mark set meta mark | 0x00000001")).is_empty());
        assert!(overwriting(&PATH, &way::ruleset(&PATH)).is_empty());
    }
}
