//! From the configuration to what a speaker is told.

use std::net::IpAddr;
use std::time::Duration;

use sekisho_config::{Config, Vrrp, VrrpChecksum, VrrpMode};

use crate::vrrp::packet::{Centiseconds, Checksum};
use crate::vrrp::plan::{GroupPlan, Plan, VoicePlan, WatchPlan};

/// What a configuration means. Groups are in the order of their first tables.
pub(super) fn plan(config: &Config) -> Plan {
    let mut plan = Plan::default();
    for vrrp in &config.vrrp {
        match vrrp.mode {
            VrrpMode::External => plan.watched.push(WatchPlan {
                table: vrrp.name.to_string(),
                addresses: vrrp.addresses.iter().map(|(address, _)| *address).collect(),
            }),
            VrrpMode::BuiltIn => {
                let place = plan.groups.iter().position(|group| group.name == *vrrp.group);
                let place = place.unwrap_or(plan.groups.len());
                if place == plan.groups.len() {
                    plan.groups.push(group(vrrp));
                }
                if let Some(group) = plan.groups.get_mut(place) {
                    group.voices.extend([false, true].into_iter().filter_map(|ipv6| voice(vrrp, ipv6)));
                    group.interfaces.extend(vrrp.track.interfaces.iter().cloned());
                }
            }
        }
    }
    plan
}

/// The groups that a speaker finds as the last one left them, who has been `away` for so long: those that were `active`,
/// and that nobody else can have taken over after the silence of three adverts.
pub(super) fn resumed(plan: &Plan, active: &[String], away: Duration) -> Vec<String> {
    let soon = |group: &&GroupPlan| {
        let longest = group.voices.iter().map(|voice| voice.interval.duration()).max();
        active.contains(&group.name) && longest.is_some_and(|interval| away < interval * 3)
    };
    plan.groups.iter().filter(soon).map(|group| group.name.clone()).collect()
}

fn group(vrrp: &Vrrp) -> GroupPlan {
    GroupPlan {
        name: vrrp.group.to_string(),
        preempt: vrrp.preempt,
        delay: vrrp.preempt_delay,
        interfaces: Vec::new(),
        voices: Vec::new(),
    }
}

/// The virtual router of one family; none without addresses of it.
fn voice(vrrp: &Vrrp, ipv6: bool) -> Option<VoicePlan> {
    let family = |address: &IpAddr| address.is_ipv6() == ipv6;
    let mut addresses: Vec<_> =
        vrrp.addresses.iter().filter(|(address, _)| family(address)).copied().collect();
    // The first is link-local, if one is (RFC 9568, section 5.2.9).
    let link_local = |address: &IpAddr| matches!(address, IpAddr::V6(a) if a.is_unicast_link_local());
    addresses.sort_by_key(|(address, _)| !link_local(address));
    (!addresses.is_empty()).then(|| VoicePlan {
        table: vrrp.name.to_string(),
        interface: vrrp.interface.clone(),
        router: vrrp.router_id,
        priority: vrrp.priority,
        interval: Centiseconds::from_duration(vrrp.advert_interval),
        checksum: match vrrp.ipv4_checksum {
            VrrpChecksum::PseudoHeader => Checksum::PseudoHeader,
            VrrpChecksum::Plain => Checksum::Plain,
        },
        peers: vrrp.peers.iter().filter(|peer| family(peer)).copied().collect(),
        addresses,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sekisho_config::{Registry, parse};

    use super::*;

    #[test]
    fn table_of_two_families_is_two_voices_that_move_together() {
        let text = "[vrrp.web]\ninterface = 'eth0'\nrouter-id = 51\ngroup = 'site'\n\
                    addresses = ['2001:db8::10/64', '203.0.113.10/24', 'fe80::10/64']\npeers = ['192.0.2.2', 'fe80::2']\n\
                    [vrrp.inside]\ninterface = 'eth1'\nrouter-id = 51\ngroup = 'site'\naddresses = '10.0.0.1'\n\
                    track = { interfaces = ['eth2'] }\n\
                    [vrrp.other]\nmode = 'external'\naddresses = '10.0.0.2'\n";
        let config = parse(text, "plan.toml", Path::new(""), &Registry::new()).unwrap();
        let plan = plan(&config);
        let [group] = &plan.groups[..] else { panic!("one group: {plan:?}") };
        let voices: Vec<_> = group
            .voices
            .iter()
            .map(|voice| (&*voice.table, voice.addresses[0].0.to_string(), voice.peers.len()))
            .collect();
        let expected = [("web", "203.0.113.10", 1), ("web", "fe80::10", 1), ("inside", "10.0.0.1", 0)];
        assert_eq!(voices, expected.map(|(name, first, peers)| (name, first.to_owned(), peers)));
        assert_eq!(group.interfaces, ["eth2"]);
        assert_eq!(plan.watched.len(), 1);
    }

    #[test]
    fn speaker_that_comes_back_late_does_not_take_what_another_node_may_have() {
        let text = "[vrrp.fast]\ninterface = 'eth0'\nrouter-id = 1\naddresses = '10.0.0.1'\nadvert-interval = '100ms'\n\
                    [vrrp.slow]\ninterface = 'eth0'\nrouter-id = 2\naddresses = '10.0.0.2'\nadvert-interval = '1s'\n";
        let config = parse(text, "resumed.toml", Path::new(""), &Registry::new()).unwrap();
        let plan = plan(&config);
        let active = ["fast".to_owned(), "slow".to_owned()];
        let after = |millis| resumed(&plan, &active, Duration::from_millis(millis));
        assert_eq!(after(20), ["fast", "slow"]);
        assert_eq!(after(300), ["slow"]);
        assert!(after(3000).is_empty());
        assert!(resumed(&plan, &[], Duration::ZERO).is_empty(), "who was not active is not now");
    }
}
