//! Beside keepalived, in both roles, by multicast and to one address.

use sekisho_tests::until;

use super::site::{Site, VIP, VIP_V6};

/// keepalived with this priority, and more lines for each of its two instances.
pub(super) fn keepalived(priority: u8, v4: &str, v6: &str) -> String {
    let instance = |name: &str, address: &str, more: &str| {
        format!(
            "vrrp_instance {name} {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority {priority}\n\
             advert_int 0.1\n {more}\n virtual_ipaddress {{\n {address} dev eth0\n }}\n}}\n"
        )
    };
    format!(
        "global_defs {{\n vrrp_version 3\n vrrp_garp_master_delay 1\n}}\n\
         vrrp_sync_group both {{\n group {{\n v4\n v6\n }}\n}}\n{}{}",
        instance("v4", &format!("{VIP}/24"), v4),
        instance("v6", &format!("{VIP_V6}/64"), v6),
    )
}

/// Waits until one node, and no other, has both addresses.
fn is_at(site: &Site, number: usize) {
    for address in [VIP, VIP_V6] {
        until(&format!("{address} is at node {number}"), || (site.owners(address) == [number]).then_some(()));
    }
}

/// Both are each other's partner: joining, preempting, stopping and dying in both roles.
fn partners(name: &str, vrrp: &str, v4: &str, v6: &str) {
    let mut site = Site::new(name, 2);
    site.nodes[0].serve();
    site.nodes[1].start_keepalived(&keepalived(150, v4, v6));
    is_at(&site, 2);

    // As the better one: it takes over, and hands over when it stops.
    site.nodes[0].start(&format!("priority = 200\n{vrrp}"));
    is_at(&site, 1);
    site.nodes[0].shows("addresses_differ", false);
    site.nodes[0].stop();
    is_at(&site, 2);

    // As the worse one: it watches, and takes over when keepalived stops or dies.
    site.nodes[0].start(&format!("priority = 100\n{vrrp}"));
    site.nodes[0].shows("state", "backup");
    until("keepalived is heard over both families", || {
        let table = site.nodes[0].table()?;
        (table["peers"].as_array()?.len() == 2).then_some(())
    });
    assert_eq!(site.nodes[0].table().unwrap()["peers"][0]["priority"], 150);
    site.nodes[1].stop();
    is_at(&site, 1);
    until("keepalived was heard to stop", || {
        let table = site.nodes[0].table()?;
        table["peers"].as_array()?.iter().all(|peer| peer["priority"] == 0).then_some(())
    });
    site.nodes[1].start_keepalived(&keepalived(150, v4, v6));
    is_at(&site, 2);
    assert_eq!(site.nodes[0].table().unwrap()["adverts_invalid"], 0, "{}", site.nodes[0].log());

    // A gateway that dies says that it stops: keepalived need not wait for silence.
    site.nodes[1].stop();
    site.nodes[1].start_keepalived(&keepalived(50, v4, v6));
    is_at(&site, 1);
    site.nodes[0].kill_gateway();
    is_at(&site, 2);
    let log = site.nodes[1].log().to_lowercase();
    for complaint in ["checksum", "invalid", "bogus", "mismatch"] {
        assert!(!log.contains(complaint), "keepalived complains: {log}");
    }
}

#[test]
fn keepalived_is_a_partner_by_multicast() {
    partners("multicast", "", "", "");
}

#[test]
fn keepalived_is_a_partner_that_is_spoken_to_alone() {
    let v4 = "unicast_src_ip 192.0.2.2\n unicast_peer {\n 192.0.2.1\n }";
    let v6 = "unicast_src_ip 2001:db8::2\n unicast_peer {\n 2001:db8::1\n }";
    partners("unicast", "peers = ['192.0.2.2', '2001:db8::2']", v4, v6);
}

#[test]
fn addresses_that_keepalived_moves_are_watched() {
    let mut site = Site::new("external", 2);
    site.nodes[0].serve();
    site.nodes[0].start("mode = 'external'");
    site.nodes[0].shows("state", "backup");
    assert!(site.nodes[0].table().unwrap()["priority"].is_null());
    site.nodes[0]
        .machine
        .shell(&format!("ip address add {VIP}/24 dev eth0 && ip address add {VIP_V6}/64 dev eth0 nodad"));
    site.nodes[0].shows("state", "active");
    // What it does not move, it does not take away either.
    site.nodes[0].stop();
    assert!(site.nodes[0].has(VIP) && site.nodes[0].has(VIP_V6));
}
