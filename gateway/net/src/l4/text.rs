//! Rules in the words of `nft`: pure, and made of typed values and checked names alone.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::net::SocketAddr;

use sekisho_config::Source;
use sekisho_scheduler::BUCKETS;

use super::choice::Choice;
use super::count::{self, What};
use super::service::{Pick, Service, Target};
use crate::way::Family;

/// The table of nftables that is the gateway's own.
pub(super) const TABLE: &str = "sekisho_l4";

/// A VIP and its choices, one for each version of IP that it listens on.
pub(super) type Served<'s> = (&'s Service, &'s [Choice]);

/// One transaction that makes the table what it has to be, whatever was there. Flows that have begun go on: what becomes
/// of them stands in connection tracking.
pub(super) fn all(served: &[Served<'_>]) -> String {
    let mut text = none();
    let _ = writeln!(text, "table inet {TABLE} {{");
    for (service, _) in served {
        for server in &service.servers {
            for what in What::ALL {
                line(&mut text, 1, format_args!("counter {} {{ }}", count::name(service, server, what)));
            }
        }
    }
    let services: Vec<&Service> = served.iter().map(|(service, _)| *service).collect();
    let ways: Vec<Way> = Family::ALL
        .into_iter()
        .flat_map(|family| ["tcp", "udp"].map(|protocol| Way { family, protocol }))
        .collect();
    let ways: Vec<Way> = ways.into_iter().filter(|way| way.of(&services).next().is_some()).collect();
    ways.iter().for_each(|way| way.maps(&services, &mut text));
    chain(&mut text, "refuse", &["meta l4proto tcp reject with tcp reset".to_owned(), "reject".to_owned()]);
    for (service, choices) in served {
        for server in &service.servers {
            chain(&mut text, &towards(service, server), &[forward(service, server)]);
        }
        for choice in *choices {
            chain(&mut text, &chosen(service, choice.family), &rules(service, choice));
        }
    }
    let hook = |hook: &str| format!("type {hook}; policy accept;");
    let mut come = vec![hook("nat hook prerouting priority dstnat")];
    come.extend(ways.iter().map(Way::comes));
    chain(&mut text, "prerouting", &come);
    let mut pass = vec![hook("filter hook forward priority filter")];
    pass.extend(ways.iter().flat_map(|way| way.passes(&services)));
    chain(&mut text, "forward", &pass);
    let mut leave = vec![hook("nat hook postrouting priority srcnat")];
    leave.extend(ways.iter().flat_map(|way| way.leaves(&services)));
    chain(&mut text, "postrouting", &leave);
    text.push_str("}\n");
    text
}

/// One transaction that changes what these VIPs choose, and nothing else.
pub(super) fn change(changed: &[(&Service, &Choice)]) -> String {
    let mut text = String::new();
    for (service, choice) in changed {
        let name = chosen(service, choice.family);
        let _ = writeln!(text, "flush chain inet {TABLE} {name}");
        for rule in rules(service, choice) {
            let _ = writeln!(text, "add rule inet {TABLE} {name} {rule}");
        }
    }
    text
}

/// The transaction that takes the table out, whether it is there or not.
pub(super) fn none() -> String {
    format!("table inet {TABLE} {{}}\ndelete table inet {TABLE}\n")
}

/// The rules that choose a server for a flow.
fn rules(service: &Service, choice: &Choice) -> Vec<String> {
    let ip = word(choice.family);
    let hash = (service.seed ^ service.seed >> 32) as u32;
    let number = match (service.pick, choice.family) {
        (Pick::Turn, _) => format!("numgen inc mod {BUCKETS}"),
        (Pick::Flow, _) => format!("jhash {ip} saddr . th sport mod {BUCKETS} seed 0x{hash:x}"),
        (Pick::Client { v4: bits, .. }, Family::V4) | (Pick::Client { v6: bits, .. }, Family::V6) => {
            format!("jhash {} mod {BUCKETS} seed 0x{hash:x}", client(choice.family, bits))
        }
    };
    let servers: Vec<&Target> = service.targets(choice.family).collect();
    let slot = |(slot, place): (usize, &u16)| {
        Some(format!("{slot} : goto {}", towards(service, servers.get(usize::from(*place))?)))
    };
    let slots: Vec<String> = choice.slots.iter().enumerate().filter_map(slot).collect();
    let mut rules = Vec::new();
    if !slots.is_empty() {
        rules.push(format!("{number} vmap {{ {} }}", slots.join(", ")));
    }
    rules.push("goto refuse".to_owned());
    rules
}

/// So many bits of the client's address.
fn client(family: Family, bits: u8) -> String {
    let ip = word(family);
    match family {
        Family::V4 if bits < 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            format!("({ip} saddr & {})", std::net::Ipv4Addr::from(mask))
        }
        Family::V6 if bits < 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            format!("({ip} saddr & {})", std::net::Ipv6Addr::from(mask))
        }
        Family::V4 | Family::V6 => format!("{ip} saddr"),
    }
}

/// What sends a flow to a server, and counts it.
fn forward(service: &Service, server: &Target) -> String {
    let (counter, ip) = (count::name(service, server, What::New), word(Family::of(server.address.ip())));
    format!("counter name {counter} meta l4proto {} dnat {ip} to {}", service.protocol, server.address)
}

/// A version of IP and a protocol that somebody is served by.
struct Way {
    family: Family,
    protocol: &'static str,
}

impl Way {
    fn of<'s>(&self, services: &'s [&'s Service]) -> impl Iterator<Item = &'s Service> {
        let Self { family, protocol } = *self;
        let here = move |service: &&&'s Service| {
            service.protocol == protocol && service.listens(family).next().is_some()
        };
        services.iter().filter(here).copied()
    }

    fn map(&self, name: &str) -> String {
        format!("{name}/{}/{}", self.protocol, self.digit())
    }

    const fn digit(&self) -> char {
        match self.family {
            Family::V4 => '4',
            Family::V6 => '6',
        }
    }

    /// VIPs to their chains, and flows to their counters.
    fn maps(&self, services: &[&Service], text: &mut String) {
        let address = match self.family {
            Family::V4 => "ipv4_addr",
            Family::V6 => "ipv6_addr",
        };
        let vips = self.of(services).flat_map(|service| {
            let chain = chosen(service, self.family);
            service.listens(self.family).map(move |vip| format!("{} : goto {chain}", pair(vip)))
        });
        map(text, &self.map("vips"), &format!("{address} . inet_service : verdict"), vips);
        for what in [What::Received, What::Sent] {
            let flows = self.flows(services).map(|(vip, server, service)| {
                format!("{} . {} : {}", pair(vip), pair(server.address), count::name(service, server, what))
            });
            let kind = format!("{address} . inet_service . {address} . inet_service : counter");
            map(text, &self.map(what.name()), &kind, flows);
        }
    }

    /// Every address of every VIP with every server behind it.
    fn flows<'s>(
        &self,
        services: &'s [&'s Service],
    ) -> impl Iterator<Item = (SocketAddr, &'s Target, &'s Service)> {
        let family = self.family;
        self.of(services).flat_map(move |service| {
            let servers = move |vip| service.targets(family).map(move |server| (vip, server, service));
            service.listens(family).flat_map(servers)
        })
    }

    /// Where packets come in.
    fn comes(&self) -> String {
        let Self { family, protocol } = self;
        format!("{} daddr . {protocol} dport vmap @{}", word(*family), self.map("vips"))
    }

    /// Where packets pass through. What connection tracking takes for invalid it does not translate either, and a server's
    /// own address would come to the client, who would end the connection.
    fn passes(&self, services: &[&Service]) -> Vec<String> {
        let Self { family, protocol } = self;
        let ip = word(*family);
        let servers: BTreeMap<SocketAddr, ()> =
            self.flows(services).map(|(_, server, _)| (server.address, ())).collect();
        let servers: Vec<String> = servers.into_keys().map(pair).collect();
        let mut rules =
            vec![format!("{ip} saddr . {protocol} sport {{ {} }} ct state invalid drop", servers.join(", "))];
        let to_vip = format!(
            "ct original {ip} daddr . ct original proto-dst . ct reply {ip} saddr . ct reply proto-src"
        );
        // A flow that was seen from its server first: it began on another node.
        let adopted = format!(
            "ct reply {ip} daddr . ct reply proto-dst . ct original {ip} saddr . ct original proto-src"
        );
        for (status, flow, there, back) in
            [("dnat", to_vip, What::Received, What::Sent), ("snat", adopted, What::Sent, What::Received)]
        {
            for (direction, what) in [("original", there), ("reply", back)] {
                rules.push(format!(
                    "meta l4proto {protocol} ct status {status} ct direction {direction} counter name {flow} map @{}",
                    self.map(what.name())
                ));
            }
        }
        rules
    }

    /// Where packets leave: whose address servers see, and flows that began on another node.
    fn leaves(&self, services: &[&Service]) -> Vec<String> {
        let Self { family, protocol } = self;
        let ip = word(*family);
        let mut rules = Vec::new();
        for service in self.of(services) {
            let vips: Vec<String> = service.listens(*family).map(pair).collect();
            let sources = service.sources(*family);
            let seen = match (&service.source, sources.as_slice()) {
                (Source::Client, _) | (Source::Addresses(_), []) => continue,
                (Source::Gateway, _) => "masquerade".to_owned(),
                (Source::Addresses(_), [one]) => format!("snat {ip} to {one}"),
                (Source::Addresses(_), many) => {
                    let slots: Vec<String> =
                        many.iter().enumerate().map(|(slot, source)| format!("{slot} : {source}")).collect();
                    format!("snat {ip} to numgen inc mod {} map {{ {} }}", many.len(), slots.join(", "))
                }
            };
            rules.push(format!(
                "meta l4proto {protocol} ct status dnat ct original {ip} daddr . ct original proto-dst {{ {} }} {seen}",
                vips.join(", ")
            ));
        }
        let adopted = self.adopted(services);
        if !adopted.is_empty() {
            // A connection that a server opens itself is its own.
            let begun = if *protocol == "tcp" { "tcp flags & (syn | rst) == 0x0 " } else { "" };
            rules.push(format!(
                "{begun}ct state new snat {ip} to {ip} saddr . {protocol} sport map {{ {} }}",
                adopted.join(", ")
            ));
        }
        rules
    }

    /// Servers whose packets say which VIP they belong to: there is but one, and its servers see clients.
    fn adopted(&self, services: &[&Service]) -> Vec<String> {
        let mut owners: BTreeMap<SocketAddr, Vec<(SocketAddr, bool)>> = BTreeMap::new();
        for (vip, server, service) in self.flows(services) {
            owners.entry(server.address).or_default().push((vip, service.source == Source::Client));
        }
        let one = |(server, owners): (SocketAddr, Vec<_>)| match owners.as_slice() {
            [(vip, true)] => Some(format!("{} : {}", pair(server), pair(*vip))),
            _ => None,
        };
        owners.into_iter().filter_map(one).collect()
    }
}

/// The chain that chooses a server for a VIP.
fn chosen(service: &Service, family: Family) -> String {
    format!("vip/{}/{}", service.vip, Way { family, protocol: service.protocol }.digit())
}

/// The chain that sends to a server of a VIP.
fn towards(service: &Service, server: &Target) -> String {
    format!("server/{}/{}", service.vip, server.name)
}

const fn word(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

fn pair(address: SocketAddr) -> String {
    format!("{} . {}", address.ip(), address.port())
}

fn map(text: &mut String, name: &str, kind: &str, elements: impl Iterator<Item = String>) {
    let elements: Vec<String> = elements.collect();
    line(text, 1, format_args!("map {name} {{"));
    line(text, 2, format_args!("type {kind}"));
    line(text, 2, format_args!("elements = {{ {} }}", elements.join(", ")));
    line(text, 1, "}");
}

fn chain(text: &mut String, name: &str, rules: &[String]) {
    line(text, 1, format_args!("chain {name} {{"));
    rules.iter().for_each(|rule| line(text, 2, rule));
    line(text, 1, "}");
}

fn line(text: &mut String, depth: usize, what: impl Display) {
    let _ = writeln!(text, "{:1$}{what}", "", depth * 4);
}
