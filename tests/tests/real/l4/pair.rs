//! Two gateways that move the VIPs' addresses, and the servers' way out, between each other.

use rustix::process::Signal;
use sekisho_tests::until;

use super::alone::vips;
use super::{Family, Site};

/// With the first one active.
fn pair(name: &str, pool: &str) -> Site {
    let mut site = Site::new(name, 2);
    for (node, priority) in site.nodes.iter_mut().zip([200, 100]) {
        let mut text = vips("", pool, [1, 1, 1]);
        for (table, interface, addresses) in [
            ("outside", "eth0", "'203.0.113.100/24', '2001:db8:1::100/64'"),
            ("inside", "eth1", "'10.0.0.100/24', '2001:db8:2::100/64'"),
        ] {
            text += &format!(
                "[vrrp.{table}]\ninterface = '{interface}'\nrouter-id = 51\npriority = {priority}\ngroup = 'site'\n\
                 addresses = [{addresses}]\npreempt = false\n"
            );
        }
        node.configure(&text);
        node.start();
        if priority == 200 {
            until("the first node is active", || node.log().contains("to=\"active\"").then_some(()));
        }
    }
    for family in Family::BOTH {
        until("the first node serves", || site.who(family.vip(80)).ok());
    }
    site
}

/// What cuts a node off from everybody.
fn cut(site: &Site, number: usize) {
    site.switch.shell(&format!("ip link set out{number} down; ip link set in{number} down"));
}

#[test]
fn clients_have_the_same_server_on_either_node() {
    let mut site = pair("l4-same", "method = 'consistent-hash'\nsource = 'client'");
    let answers = |site: &Site| -> Vec<Vec<String>> {
        Family::BOTH.into_iter().map(|family| site.answers(family.vip(80), 20_000..20_040)).collect()
    };
    let before = answers(&site);
    site.nodes[0].end(Signal::TERM);
    for family in Family::BOTH {
        until("the other node serves", || site.who(family.vip(80)).ok());
    }
    assert_eq!(answers(&site), before);
    assert!(site.nodes[1].counted("new/tcp4/a") > 0, "the other node has served them");
}

#[test]
fn transfers_go_on_over_the_death_of_a_node() {
    let site = pair("l4-flows", "method = 'consistent-hash'\nsource = 'client'");
    let transfers: Vec<_> = Family::BOTH
        .into_iter()
        .flat_map(|family| {
            let vip = family.vip(80);
            [site.download(vip, 60 << 20), site.upload(vip, 60 << 20), site.download(vip, 60 << 20)]
        })
        .collect();
    transfers.iter().for_each(|transfer| transfer.reaches(5));
    cut(&site, 1);
    transfers.into_iter().for_each(super::site::Transfer::completes);
}

#[test]
fn transfers_go_on_over_a_planned_stop() {
    let mut site = pair("l4-planned", "method = 'source-hash'\nsource = 'client'");
    let transfers: Vec<_> = Family::BOTH
        .into_iter()
        .flat_map(|family| [site.download(family.vip(80), 60 << 20), site.upload(family.vip(80), 60 << 20)])
        .collect();
    transfers.iter().for_each(|transfer| transfer.reaches(5));
    site.nodes[0].end(Signal::TERM);
    assert_eq!(site.nodes[0].rules(), "");
    transfers.into_iter().for_each(super::site::Transfer::completes);
}

#[test]
fn flow_whose_server_speaks_first_is_taken_over_as_well() {
    for (family, table) in Family::BOTH.into_iter().zip(["tcp4", "tcp6"]) {
        let site = pair("l4-adopted", "method = 'consistent-hash'\nsource = 'client'");
        let download = site.download(family.vip(80), 60 << 20);
        download.reaches(5);
        // Not a word of the client's comes through until the server's have.
        site.client.shell(
            "nft add table inet mute && nft add chain inet mute out '{ type filter hook output priority 0 ; }' && \
             nft add rule inet mute out meta l4proto tcp drop",
        );
        cut(&site, 1);
        let node = &site.nodes[1];
        let all = |what: &str| -> u64 {
            ["a", "b", "c"].map(|server| node.counted(&format!("{what}/{table}/{server}"))).iter().sum()
        };
        until("the server's packets come", || (all("sent") > 0).then_some(()));
        assert_eq!(all("new"), 0);
        site.client.shell("nft delete table inet mute");
        download.completes();
    }
}
