//! Two gateways.

use std::time::{Duration, Instant};

use sekisho_tests::{sekisho, until};

use super::super::run;
use super::probe::Seen;
use super::site::{Site, VIP, VIP_V6, Watched};

/// Two nodes that serve: the first is the better one.
fn pair(name: &str, vrrp: &str) -> Site {
    let mut site = Site::new(name, 2);
    for (node, priority) in site.nodes.iter_mut().zip([200, 100]) {
        node.serve();
        node.start(&format!("priority = {priority}\n{vrrp}"));
    }
    site.is_served_by(1);
    site
}

/// Has something done while clients come, and waits until `number` serves them.
fn during(site: &mut Site, what: &str, number: usize, act: impl FnOnce(&mut Site)) -> [Seen; 2] {
    let watched = [VIP, VIP_V6].map(|address| site.watch(address));
    std::thread::sleep(Duration::from_millis(300));
    act(site);
    site.is_served_by(number);
    Watched::end_all(watched, what)
}

#[test]
fn addresses_move_when_their_node_dies_and_come_back_with_it() {
    let mut site = pair("moves", "");
    let alone = |site: &Site, number: usize| {
        until(&format!("node {number} alone has the addresses"), || {
            (site.owners(VIP) == [number] && site.owners(VIP_V6) == [number]).then_some(())
        });
    };
    alone(&site, 1);
    during(&mut site, "the gateway is killed", 2, |site| site.nodes[0].kill_gateway());
    alone(&site, 2);
    assert!(site.nodes[0].log().contains("the gateway has ended without a word"));

    let seen = during(&mut site, "the better node returns", 1, |site| site.nodes[0].start("priority = 200"));
    assert!(seen.iter().all(Seen::refused_nobody), "{seen:?}");
    alone(&site, 1);

    during(&mut site, "both processes are killed", 2, |site| site.nodes[0].kill_all());
    let begun = Instant::now();
    alone(&site, 2);
    eprintln!("a dead node keeps its addresses for {} ms", begun.elapsed().as_millis());
}

#[test]
fn planned_stop_hands_over_first() {
    let mut site = pair("stop", "");
    for round in 0..3 {
        let seen = during(&mut site, "planned stop", 2, |site| site.nodes[0].stop());
        let log = site.nodes[0].log();
        assert!(seen.iter().all(Seen::refused_nobody), "round {round}: {seen:?}: {log}");
        let (handed, stopped) = (log.find("to=\"handing-over\""), log.find("Stopping: connections"));
        assert!(handed.zip(stopped).is_some_and(|(handed, stopped)| handed < stopped), "{log}");
        site.nodes[0].start("priority = 200");
        site.is_served_by(1);
    }
}

#[test]
fn cut_link_moves_the_addresses_and_a_split_heals() {
    let mut site = pair("links", "");
    during(&mut site, "the link is cut", 2, |site| site.switch.shell("ip link set port1 down"));
    until("the cut node has let go", || (site.owners(VIP) == [2]).then_some(()));
    site.nodes[0].shows("why", "an interface is down or has no address of its own");
    during(&mut site, "the link is back", 1, |site| site.switch.shell("ip link set port1 up"));

    // Nobody hears the other any more, and both links are up: both serve whom they reach.
    during(&mut site, "the node is cut off with its link up", 2, |site| {
        site.switch.shell("ip link set port1 nomaster");
    });
    assert_eq!(site.owners(VIP), [1, 2], "a node that hears nobody cannot know");
    let healed = Instant::now();
    site.switch.shell("ip link set port1 master br0");
    until("one node has the addresses", || (site.owners(VIP) == [1]).then_some(()));
    eprintln!("two owners for {} ms after the split was healed", healed.elapsed().as_millis());
    site.is_served_by(1);
    assert_eq!(site.owners(VIP_V6), [1]);
}

#[test]
fn node_that_returns_stays_backup_without_preemption() {
    // Slow enough that no busy machine makes a node mistake its partner for silent.
    let rules = "preempt = false\nadvert-interval = '500ms'";
    let mut site = pair("stays", rules);
    during(&mut site, "the gateway is killed", 2, |site| site.nodes[0].kill_gateway());
    site.nodes[0].start(&format!("priority = 200\n{rules}"));
    site.nodes[0].shows("state", "backup");
    // Longer than its patience.
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert_eq!(site.owners(VIP), [2]);
    }
    during(&mut site, "planned stop of the other", 1, |site| site.nodes[1].stop());
}

#[test]
fn node_without_servers_gives_the_addresses_to_one_that_has() {
    for preempt in ["preempt = true", "preempt = false"] {
        let track = format!("track = {{ pools = ['web'] }}\n{preempt}");
        let mut site = pair("servers", &track);
        during(&mut site, "the servers die", 2, |site| site.nodes[0].stop_serving());
        site.nodes[0].shows("priority", 1);
        site.nodes[0].shows("unfit", vec!["pool `web` has no usable server"]);
        site.nodes[0].serve();
        site.nodes[0].shows("priority", 200);
    }
}

#[test]
fn gateway_that_hangs_is_relieved_until_it_is_back() {
    let mut site = pair("hangs", "preempt = false");
    during(&mut site, "the gateway hangs", 2, |site| {
        site.nodes[0].program().signal(rustix::process::Signal::STOP);
    });
    until("it has let go", || (site.owners(VIP) == [2]).then_some(()));
    site.nodes[0].program().signal(rustix::process::Signal::CONT);
    site.nodes[0].shows("priority", 200);
    assert_eq!(site.owners(VIP), [2]);
}

#[test]
fn tables_of_a_group_are_on_one_node() {
    const INSIDE: &str = "10.0.0.100";
    let mut site = Site::new("group", 2);
    let [one, two] = &site.nodes[..] else { panic!("two nodes") };
    one.machine.join("eth1", &two.machine, "eth1");
    for (node, number) in [(one, 1), (two, 2)] {
        node.machine.shell(&format!("ip address add 10.0.0.{number}/24 dev eth1 && ip link set eth1 up"));
    }
    for (node, priority) in site.nodes.iter_mut().zip([200, 100]) {
        node.serve();
        node.start(&format!(
            "priority = {priority}\ngroup = 'site'\n[vrrp.inside]\ninterface = 'eth1'\nrouter-id = 7\n\
             priority = {priority}\ngroup = 'site'\naddresses = '{INSIDE}/24'"
        ));
    }
    site.is_served_by(1);
    assert_eq!(site.owners(INSIDE), [1]);
    // A wire between two nodes has no carrier at both ends or at none: its address goes instead.
    during(&mut site, "the inside address of the node is taken away", 2, |site| {
        site.nodes[0].machine.shell("ip address del 10.0.0.1/24 dev eth1");
    });
    until("all have moved", || (site.owners(INSIDE) == [2] && site.owners(VIP) == [2]).then_some(()));
    during(&mut site, "it is given back", 1, |site| {
        site.nodes[0].machine.shell("ip address add 10.0.0.1/24 dev eth1");
    });
    until("all are back", || (site.owners(INSIDE) == [1] && site.owners(VIP) == [1]).then_some(()));
}

#[test]
fn death_of_the_process_that_speaks_moves_nothing() {
    let mut site = pair("speaker", "advert-interval = '500ms'");
    for _ in 0..3 {
        let watched = site.watch(VIP);
        let before = site.nodes[0].log().matches("it was active a moment ago").count();
        site.nodes[0].kill_speaker();
        until("another process speaks", || {
            (site.nodes[0].log().matches("it was active a moment ago").count() > before).then_some(())
        });
        let [seen] = Watched::end_all([watched], "the speaker is killed");
        assert!(seen.refused_nobody());
        assert_eq!(site.owners(VIP), [1]);
    }
    assert!(!site.nodes[1].log().contains("to=\"active\""), "{}", site.nodes[1].log());
}

#[test]
fn priority_of_another_configuration_counts_from_the_reload_on() {
    let mut site = pair("reload", "");
    site.nodes[0].configure("priority = 50");
    during(&mut site, "the priority is lowered", 2, |site| {
        site.nodes[0].program().signal(rustix::process::Signal::HUP);
    });
    site.nodes[0].shows("priority", 50);
    site.nodes[0].shows("why", "a better router is active");
}

#[test]
fn gateway_without_the_rights_says_which_it_lacks() {
    let site = Site::new("rights", 1);
    site.nodes[0].configure("");
    let file = site.nodes[0].folder.path().join("gateway.toml");
    let binary = sekisho();
    let words = ["--bounding-set", "-net_admin", binary.to_str().unwrap(), "run", file.to_str().unwrap()];
    let output = run("setpriv", &words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("VRRP needs CAP_NET_ADMIN, which"), "{said}");
}
