//! `[network]`: what the gateway tells the kernel, and where the servers are.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use sekisho_api::settings::{Problem, Section};

use super::context::Context;
use crate::defaults;
use crate::model::{Arms, Flavour, Mac, ReturnPath, Topology};

const ARMS: &[(&str, bool)] = &[("two-arm", false), ("one-arm", true)];
const FLAVOURS: &[(&str, Flavour)] = &[("addr", Flavour::Addr), ("mac", Flavour::Mac)];

/// Reads the table; every key has a default.
pub(super) fn read(root: &mut Section<'_>, context: &Context<'_>) -> (ReturnPath, Topology) {
    let mut section =
        root.table("network").unwrap_or_else(|| Section::absent(root.place("network"), context.errors));
    let number = |section: &mut Section<'_>, key, default, bounds: RangeInclusive<u64>| {
        u32::try_from(section.integer(key, default, bounds)).unwrap_or(u32::MAX)
    };
    let path = ReturnPath {
        manage: section.flag("manage", true),
        mark: number(&mut section, "mark", defaults::MARK, 1..=u64::from(u32::MAX)),
        table: number(&mut section, "table", defaults::ROUTES, defaults::ROUTE_TABLES),
        priority: number(&mut section, "priority", defaults::PRIORITY, 1..=32_765),
    };
    let topology = topology(&mut section, context);
    section.finish();
    (path, topology)
}

fn topology(section: &mut Section<'_>, context: &Context<'_>) -> Topology {
    let one_arm = section.word("topology", ARMS).unwrap_or_default();
    let at = section.place("flavour");
    let flavour = section.word("flavour", FLAVOURS);
    if flavour.is_some() && !one_arm {
        let problem = Problem::new(at, "`flavour` says nothing here", "it is for servers beside the gateway");
        section.problem(problem.help("write topology = \"one-arm\", or take it out"));
    }
    let next_hop = addresses(section, "next-hop");
    for (four, family) in [(true, "IPv4"), (false, "IPv6")] {
        if next_hop.iter().filter(|address| address.is_ipv4() == four).count() > 1 {
            let label = format!("two {family} addresses; a route has one");
            let problem = Problem::new(section.place("next-hop"), "`next-hop` leads to two places", label);
            section.problem(problem.help("write the one that moves between the nodes"));
        }
    }
    let nodes = addresses(section, "nodes");
    let mac = |text: &str| text.parse::<Mac>().ok();
    let macs = list(section, "macs", mac, "no MAC", "write six bytes, such as \"02:00:5e:10:00:01\"");
    let interface =
        super::vrrp::interface(section, context).unwrap_or_else(|| defaults::INTERFACE.to_owned());
    let arms = if one_arm { Arms::One(flavour.unwrap_or_default()) } else { Arms::Two };
    Topology { arms, next_hop, nodes, macs, interface }
}

fn addresses(section: &mut Section<'_>, key: &'static str) -> Vec<IpAddr> {
    let one = |text: &str| {
        let address = text.parse::<IpAddr>().ok()?;
        (!address.is_unspecified() && !address.is_multicast() && !address.is_loopback()).then_some(address)
    };
    list(section, key, one, "not the address of a node", "write an address alone, such as \"10.0.0.1\"")
}

/// The values of a list; each that is none is a problem.
fn list<T>(
    section: &mut Section<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Option<T>,
    wrong: &str,
    help: &str,
) -> Vec<T> {
    let mut found = Vec::new();
    for item in section.texts(key).unwrap_or_default() {
        match parse(item.value) {
            Some(value) => found.push(value),
            None => {
                let message = format!("`{}` is {wrong}", item.value);
                section.problem(Problem::new(item.span.clone(), message, "in this list").help(help));
            }
        }
    }
    found
}
