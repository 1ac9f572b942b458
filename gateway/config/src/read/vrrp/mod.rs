//! `[vrrp.NAME]`: addresses that move between nodes.

mod address;
mod together;
mod track;

pub(super) use track::interface;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_api::settings::{Problem, Section, Span};

use super::context::{Context, Name};
use crate::defaults;
use crate::model::{Vrrp, VrrpChecksum, VrrpMode};

const MODES: &[(&str, VrrpMode)] = &[("built-in", VrrpMode::BuiltIn), ("external", VrrpMode::External)];
const CHECKSUMS: &[(&str, VrrpChecksum)] =
    &[("pseudo-header", VrrpChecksum::PseudoHeader), ("plain", VrrpChecksum::Plain)];

/// What tables refer to by name.
pub(super) struct Known<'a> {
    /// INVARIANT: sorted.
    pub(super) pools: &'a [&'a str],
    pub(super) vips: Vec<&'a str>,
}

/// A table, and where what others may contradict stands in it.
struct Read {
    vrrp: Vrrp,
    addresses: Vec<Span>,
    router: Span,
    preempt: Span,
}

/// Reads all tables. `None` only where a problem was recorded.
pub(super) fn read<'a>(
    tables: Vec<(Name<'a>, Section<'a>)>,
    known: &Known<'a>,
    context: &Context<'a>,
) -> Option<Vec<Vrrp>> {
    let tables: Option<Vec<Read>> =
        tables.into_iter().map(|(name, section)| table(&name, section, known, context)).collect();
    let tables = tables?;
    together::check(&tables, context);
    Some(tables.into_iter().map(|table| table.vrrp).collect())
}

fn table<'a>(
    name: &Name<'a>,
    mut section: Section<'a>,
    known: &Known<'a>,
    context: &Context<'a>,
) -> Option<Read> {
    let before = context.errors.len();
    let mode = section.word("mode", MODES).unwrap_or_default();
    let (router, preempt_at) = (section.place("router-id"), section.place("preempt"));
    let needed = mode == VrrpMode::BuiltIn;
    if needed && !section.has("interface") {
        section.missing("interface", "name the interface that the addresses are on, such as \"eth0\"");
    }
    if needed && !section.has("router-id") {
        section.missing(
            "router-id",
            "choose a number from 1 to 255 that no other virtual router on this link has",
        );
    }
    let interface = interface(&mut section, context);
    let router_id = section.optional_integer("router-id", defaults::VRRP_ROUTERS);
    let priority = section.integer("priority", defaults::VRRP_PRIORITY, defaults::VRRP_PRIORITIES);
    let (addresses, spans) = address::addresses(&mut section, context);
    let peers = address::peers(&mut section, &addresses, context);
    let vrrp = Vrrp {
        name: Arc::from(name.text),
        mode,
        interface: interface.unwrap_or_default(),
        router_id: router_id.and_then(|id| u8::try_from(id).ok()).unwrap_or_default(),
        priority: u8::try_from(priority).unwrap_or_default(),
        addresses,
        advert_interval: interval(&mut section),
        preempt: section.flag("preempt", true),
        preempt_delay: section.duration("preempt-delay", Duration::ZERO, defaults::PREEMPT_DELAYS),
        peers,
        ipv4_checksum: section.word("ipv4-checksum", CHECKSUMS).unwrap_or_default(),
        group: group(&mut section, context).unwrap_or(name.text).into(),
        track: track::read(&mut section, known, context),
    };
    section.finish();
    (context.errors.len() == before).then_some(Read { vrrp, addresses: spans, router, preempt: preempt_at })
}

/// Hundredths of a second: the packet holds no others.
fn interval(section: &mut Section<'_>) -> Duration {
    let interval = section.duration("advert-interval", defaults::ADVERT_INTERVAL, defaults::ADVERT_INTERVALS);
    let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    if !millis.is_multiple_of(10) {
        let label = "adverts say it in hundredths of a second";
        let problem = Problem::new(section.place("advert-interval"), "`advert-interval` is too fine", label);
        section.problem(problem.help("choose a multiple of 10ms"));
    }
    interval
}

fn group<'a>(section: &mut Section<'a>, context: &Context<'a>) -> Option<&'a str> {
    let written = section.text("group")?;
    Name { text: written.value, span: written.span }.check("group", context);
    Some(written.value)
}

impl Read {
    /// The families of its addresses.
    fn families(&self) -> impl Iterator<Item = bool> {
        let of = |ipv6| self.vrrp.addresses.iter().any(|(address, _)| address.is_ipv6() == ipv6);
        [false, true].into_iter().filter(move |ipv6| of(*ipv6))
    }

    fn addresses(&self) -> impl Iterator<Item = (IpAddr, &Span)> {
        self.vrrp.addresses.iter().map(|(address, _)| *address).zip(&self.addresses)
    }
}
