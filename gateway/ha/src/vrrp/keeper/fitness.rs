//! How many points of priority the node's pools and VIPs cost it.

use sekisho_config::{Config, Vrrp, VrrpMode};
use sekisho_scheduler::{Admin, Health, Scheduler};

/// What is lost, and why, in words for the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fitness {
    pub(super) lost: u8,
    pub(super) reasons: Vec<String>,
}

/// Whether nobody need look: nothing is tracked, and the speaker knows that nothing is lost.
pub(super) fn is_settled(config: &Config, told: Option<&[(String, Fitness)]>) -> bool {
    let tracked = |vrrp: &Vrrp| !vrrp.track.pools.is_empty() || !vrrp.track.vips.is_empty();
    let nothing = |told: &[(String, Fitness)]| told.iter().all(|(_, fitness)| fitness.lost == 0);
    told.is_some_and(nothing) && !config.vrrp.iter().any(tracked)
}

/// The fitness of each group, by its name.
pub(super) fn of(config: &Config, scheduler: &Scheduler) -> Vec<(String, Fitness)> {
    let mut groups: Vec<(String, Fitness)> = Vec::new();
    for vrrp in config.vrrp.iter().filter(|vrrp| vrrp.mode == VrrpMode::BuiltIn) {
        let place = groups.iter().position(|(name, _)| **name == *vrrp.group).unwrap_or(groups.len());
        if place == groups.len() {
            groups.push((vrrp.group.to_string(), Fitness::default()));
        }
        if let Some((_, fitness)) = groups.get_mut(place) {
            fitness.add(vrrp, config, scheduler);
        }
    }
    groups
}

impl Fitness {
    fn add(&mut self, vrrp: &Vrrp, config: &Config, scheduler: &Scheduler) {
        let usable = |pool: &str| is_usable(pool, config, scheduler);
        for (pool, points) in vrrp.track.pools.iter().filter(|(pool, _)| !usable(pool)) {
            self.lose(points.unwrap_or(u8::MAX), format!("pool `{pool}` has no usable server"));
        }
        for name in &vrrp.track.vips {
            let vip = config.vips.iter().find(|vip| vip.name == *name);
            if !vip.is_some_and(|vip| vip.pools.iter().any(|pool| usable(pool))) {
                self.lose(u8::MAX, format!("VIP `{name}` has no usable server"));
            }
        }
    }

    fn lose(&mut self, points: u8, reason: String) {
        if !self.reasons.contains(&reason) {
            self.lost = self.lost.saturating_add(points);
            self.reasons.push(reason);
        }
    }
}

/// Whether a pool has a server for somebody new: one that is ejected serves when nobody else can. A server that is probed is none before its first probe: a node that
/// has just begun takes nothing from one that serves.
fn is_usable(name: &str, config: &Config, scheduler: &Scheduler) -> bool {
    let Some(pool) = scheduler.pool(name) else { return false };
    let probed = config.pools.iter().any(|pool| *pool.spec.name == *name && pool.probe.is_some());
    pool.servers().iter().any(|server| {
        let takes = server.health() != Health::Down && server.admin() == Admin::Ready && server.weight() > 0;
        takes && (!probed || server.last_probe().is_some())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use sekisho_config::{Registry, parse};
    use sekisho_scheduler::Secret;

    use super::*;

    fn lost(track: &str, down: &[&str]) -> Vec<u8> {
        let text = format!(
            "[pool.web]\nservers = {{ a = '10.0.0.1:80' }}\n[pool.mail]\nservers = {{ b = '10.0.0.2:80' }}\n\
             [vrrp.one]\ninterface = 'eth0'\nrouter-id = 1\naddresses = '10.0.1.1'\ngroup = 'site'\n{track}\n\
             [vrrp.two]\ninterface = 'eth1'\nrouter-id = 1\naddresses = '10.0.1.2'\ngroup = 'site'\n\
             track = {{ pools = {{ web = 30 }} }}\n\
             [vrrp.alone]\ninterface = 'eth2'\nrouter-id = 1\naddresses = '10.0.1.3'\n"
        );
        let config = parse(&text, "fitness.toml", Path::new(""), &Registry::new()).unwrap();
        let pools = config.pools.iter().map(|pool| pool.spec.clone()).collect();
        let secret = Secret::new(&[7; 32]).unwrap();
        let scheduler = Scheduler::build(pools, Vec::new(), &secret, 0, None, Instant::now());
        for pool in down {
            scheduler.pool(pool).unwrap().servers()[0].set_admin(Admin::Maintenance);
        }
        let groups = of(&config, &scheduler);
        assert_eq!(groups.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["site", "alone"]);
        groups.into_iter().map(|(_, fitness)| fitness.lost).collect()
    }

    #[test]
    fn what_was_lost_is_given_back_when_nothing_is_tracked_any_more() {
        let config = |track: &str| {
            let text = format!(
                "[pool.web]\nservers = {{ a = '10.0.0.1:80' }}\n\
                 [vrrp.one]\ninterface = 'eth0'\nrouter-id = 1\naddresses = '10.0.1.1'\n{track}"
            );
            parse(&text, "settled.toml", Path::new(""), &Registry::new()).unwrap()
        };
        let told = |lost| [("one".to_owned(), Fitness { lost, reasons: Vec::new() })];
        assert!(is_settled(&config(""), Some(&told(0))));
        assert!(!is_settled(&config(""), Some(&told(30))));
        assert!(!is_settled(&config(""), None), "a speaker may remember what it was told before a reload");
        assert!(!is_settled(&config("track = { pools = ['web'] }"), Some(&told(0))));
    }

    #[test]
    fn what_one_table_of_a_group_loses_all_of_them_lose() {
        assert_eq!(lost("", &[]), [0, 0]);
        assert_eq!(lost("", &["web"]), [30, 0]);
    }

    #[test]
    fn pool_is_usable_as_long_as_a_server_takes_somebody_new() {
        let text = "[pool.web]\nservers = { a = '10.0.0.1:80', b = '10.0.0.2:80' }\n\
                    [vrrp.one]\ninterface = 'eth0'\nrouter-id = 1\naddresses = '10.0.1.1'\n\
                    track = { pools = ['web'] }\n";
        let config = parse(text, "usable.toml", Path::new(""), &Registry::new()).unwrap();
        let pools = config.pools.iter().map(|pool| pool.spec.clone()).collect();
        let secret = Secret::new(&[7; 32]).unwrap();
        let scheduler = Scheduler::build(pools, Vec::new(), &secret, 0, None, Instant::now());
        let lost = || of(&config, &scheduler)[0].1.lost;
        let [a, b] = scheduler.pool("web").unwrap().servers() else { panic!("two servers") };
        a.set_weight(0);
        assert_eq!(lost(), 0);
        b.set_admin(Admin::Drain);
        assert_eq!(lost(), 255, "a server without weight takes nobody");
        a.set_weight(1);
        assert_eq!(lost(), 0);
    }

    #[test]
    fn points_add_up_and_all_of_them_are_all() {
        assert_eq!(lost("track = { pools = { mail = 20 } }", &["web", "mail"]), [50, 0]);
        assert_eq!(lost("track = { pools = ['mail'] }", &["mail"]), [255, 0]);
        assert_eq!(lost("track = { pools = ['mail'] }", &["web", "mail"]), [255, 0]);
        // One pool is one loss, whoever names it.
        assert_eq!(lost("track = { pools = { web = 30 } }", &["web"]), [30, 0]);
    }
}
