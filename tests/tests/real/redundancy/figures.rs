//! How long clients are without an answer, fault by fault, beside HAProxy with keepalived in the same networks.
//!
//! `cargo test -p sekisho-tests --test main real::redundancy::figures -- --nocapture` prints the table that stands in
//! `docs/redundancy.md`; `SEKISHO_ROUNDS` says how often each fault happens, once without it.

use std::time::{Duration, Instant};

use sekisho_tests::until;

use super::probe::Seen;
use super::site::{Site, VIP, VIP_V6, Watched};

/// How long a dead node is given to lose its addresses.
const KEPT: Duration = Duration::from_secs(4);

/// Who serves and who moves the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Sekisho,
    Keepalived,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    LinkCut,
    ServingKilled,
    AllKilled,
    PlannedStop,
    ServersGone,
}

impl Fault {
    const ALL: [Self; 5] =
        [Self::LinkCut, Self::ServingKilled, Self::AllKilled, Self::PlannedStop, Self::ServersGone];

    fn name(self) -> &'static str {
        match self {
            Self::LinkCut => "link cut",
            Self::ServingKilled => "serving process killed",
            Self::AllKilled => "all processes killed",
            Self::PlannedStop => "planned stop",
            Self::ServersGone => "all servers of the node gone",
        }
    }
}

impl Pair {
    fn start(self, site: &mut Site, node: usize) {
        let priority = [200, 100][node];
        let node = &mut site.nodes[node];
        match self {
            Self::Sekisho => node.start(&format!("priority = {priority}\ntrack = {{ pools = ['web'] }}")),
            Self::Keepalived => node.start_haproxy_and_keepalived(priority),
        }
    }

    fn site(self, name: &str) -> Site {
        let mut site = Site::new(name, 2);
        for node in 0..2 {
            site.nodes[node].serve();
            self.start(&mut site, node);
        }
        site.is_served_by(1);
        site
    }

    fn happens(self, site: &mut Site, fault: Fault) {
        let node = &mut site.nodes[0];
        match (fault, self) {
            (Fault::LinkCut, _) => site.switch.shell("ip link set port1 down"),
            (Fault::ServingKilled, _) => node.kill_gateway(),
            (Fault::AllKilled, Self::Sekisho) => node.kill_all(),
            (Fault::AllKilled, Self::Keepalived) => {
                node.kill_beside();
                node.kill_gateway();
            }
            (Fault::PlannedStop, Self::Sekisho) => node.stop(),
            (Fault::PlannedStop, Self::Keepalived) => {
                node.stop_beside();
                node.stop();
            }
            (Fault::ServersGone, _) => node.stop_serving(),
        }
    }

    fn is_mended(self, site: &mut Site, fault: Fault) {
        match fault {
            Fault::LinkCut => site.switch.shell("ip link set port1 up"),
            Fault::ServersGone => site.nodes[0].serve(),
            Fault::ServingKilled | Fault::AllKilled | Fault::PlannedStop => {
                // What a dead keepalived leaves is the operator's to clean up.
                site.nodes[0].kill_beside();
                for address in [VIP, VIP_V6] {
                    site.nodes[0].forget(address);
                }
                self.start(site, 0);
            }
        }
        site.is_served_by(1);
    }
}

/// What a fault costs: what clients saw over IPv4 and IPv6, and how long two nodes had the address.
fn measure(pair: Pair, site: &mut Site, fault: Fault) -> ([Seen; 2], Option<Duration>) {
    let watched = [VIP, VIP_V6].map(|address| site.watch(address));
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    pair.happens(site, fault);
    site.is_served_by(2);
    let seen = Watched::end_all(watched, &format!("{pair:?}, {}", fault.name()));
    let outage = seen.iter().map(|seen| seen.longest).min().unwrap_or_default();
    // Only a node that is dead to its last process keeps what it should not have.
    while fault == Fault::AllKilled && site.owners(VIP) != [2] && begun.elapsed() < KEPT {
        std::thread::sleep(Duration::from_millis(5));
    }
    let both = (site.owners(VIP) == [2]).then(|| begun.elapsed().saturating_sub(outage));
    pair.is_mended(site, fault);
    (seen, both)
}

fn range(values: &[u128]) -> String {
    let (least, most) = (values.iter().min().unwrap(), values.iter().max().unwrap());
    if least == most { most.to_string() } else { format!("{least} to {most}") }
}

#[test]
fn every_fault_moves_the_addresses_and_what_it_costs_is_printed() {
    let rounds = std::env::var("SEKISHO_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut table = String::from(
        "| fault | pair | ms without an answer | failed | two owners |\n|---|---|---|---|---|\n",
    );
    for pair in [Pair::Sekisho, Pair::Keepalived] {
        let mut site = pair.site(&format!("figures-{pair:?}").to_lowercase());
        for fault in Fault::ALL {
            let (mut longest, mut failed, mut kept) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..rounds {
                let (seen, both) = measure(pair, &mut site, fault);
                longest.extend(seen.iter().map(|seen| seen.longest.as_millis()));
                failed.extend(seen.iter().map(|seen| seen.failed as u128));
                kept.push(both);
            }
            let all: Option<Vec<u128>> = kept.iter().map(|kept| kept.map(|kept| kept.as_millis())).collect();
            let kept = match (fault, all) {
                (Fault::AllKilled, Some(all)) => format!("{} ms", range(&all)),
                (Fault::AllKilled, None) => "until somebody cleans up".to_owned(),
                _ => String::new(),
            };
            let (name, longest, failed) = (fault.name(), range(&longest), range(&failed));
            table += &format!("| {name} | {pair:?} | {longest} | {failed} | {kept} |\n");
        }
        until("node 1 has the addresses in the end", || (site.owners(VIP) == [1]).then_some(()));
    }
    eprintln!("{table}");
}
