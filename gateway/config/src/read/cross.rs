//! What only shows when VIPs and pools are looked at together.

mod l4;
mod pools;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sekisho_api::Transport;
use sekisho_api::settings::{Problem, Span};

use super::context::{Context, Name};
use super::{pool, vip};
use crate::model::Gateway;

/// Checks that hold over the whole file.
pub(super) fn check(
    vips: &[(Name<'_>, vip::Read)],
    pools: &[(Name<'_>, pool::Read)],
    gateway: &Gateway,
    context: &Context<'_>,
) {
    listen_once(vips, context);
    if !context.errors.is_empty() {
        // What follows may be the consequence of an error: a pool is unused because its name is mistyped.
        return;
    }
    if vips.is_empty() {
        let problem = Problem::new(0..0, "no VIP is configured", "nothing will be served");
        context.warn(problem.help("add a table `[vip.NAME]` with `listen`, `protocol` and `pool`"));
        return;
    }
    pools::check(vips, pools, context);
    l4::check(vips, pools, context);
    if gateway.secret_file.is_none() && gateway.state_directory.is_none() {
        for place in vips.iter().filter_map(|(_, vip)| vip.cookie.clone()) {
            let message = "cookies will not survive a restart";
            let problem = Problem::new(place, message, "made with a secret of this run only");
            context.warn(
                problem.help("set `secret-file` (the same on all nodes) or `state-directory` in `[gateway]`"),
            );
        }
    }
}

/// Where an address was first taken.
#[derive(Clone, Copy)]
struct Taken<'a> {
    by: &'a str,
    address: SocketAddr,
}

/// Addresses taken on one transport.
#[derive(Default)]
struct Table<'a> {
    exact: HashMap<SocketAddr, Taken<'a>>,
    /// The first address on a port, of either family and of IPv4: what a wildcard meets.
    any: HashMap<u16, Taken<'a>>,
    any_v4: HashMap<u16, Taken<'a>>,
}

impl<'a> Table<'a> {
    /// Takes `address`, or says who has it or a part of it.
    fn take(&mut self, address: SocketAddr, by: &'a str) -> Option<Taken<'a>> {
        // The kernel picks another port each time.
        if address.port() == 0 {
            return None;
        }
        let port = address.port();
        let exact = |ip: IpAddr| self.exact.get(&SocketAddr::new(ip, port)).copied();
        // A socket of the unspecified IPv6 address takes IPv4 clients as well.
        let found = exact(address.ip()).or_else(|| exact(Ipv6Addr::UNSPECIFIED.into())).or_else(|| {
            match address.ip() {
                IpAddr::V6(ip) if ip.is_unspecified() => self.any.get(&port).copied(),
                IpAddr::V4(ip) if ip.is_unspecified() => self.any_v4.get(&port).copied(),
                IpAddr::V4(_) => exact(Ipv4Addr::UNSPECIFIED.into()),
                IpAddr::V6(_) => None,
            }
        });
        if found.is_none() {
            let taken = Taken { by, address };
            self.exact.insert(address, taken);
            self.any.entry(port).or_insert(taken);
            if address.is_ipv4() {
                self.any_v4.entry(port).or_insert(taken);
            }
        }
        found
    }
}

fn listen_once(vips: &[(Name<'_>, vip::Read)], context: &Context<'_>) {
    let (mut tcp, mut udp) = (Table::default(), Table::default());
    for (name, vip) in vips {
        let transport = vip.transport;
        let mut reported: Option<&Span> = None;
        for (address, span) in &vip.listen {
            let mut found = None;
            if transport.is_some_and(Transport::tcp) {
                found = found.or(tcp.take(*address, name.text));
            }
            if transport.is_some_and(Transport::udp) {
                found = found.or(udp.take(*address, name.text));
            }
            let Some(Taken { by, address: other }) = found else { continue };
            // A range that overlaps another is one mistake, not one for each port.
            if reported.replace(span) == Some(span) {
                continue;
            }
            let message = format!("{address} is taken already");
            let label = match (by == name.text, other == *address) {
                (true, true) => "this VIP lists it twice".to_owned(),
                (true, false) => format!("this VIP's {other} covers it"),
                (false, true) => format!("VIP `{by}` listens here"),
                (false, false) => format!("VIP `{by}` listens on {other}"),
            };
            let problem = Problem::new(span.clone(), message, label);
            context.error(problem.help("each address and port of a transport belongs to one VIP"));
        }
    }
}
