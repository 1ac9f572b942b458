//! The gateway is beside the servers, whose answers to it go by a way of their own.

use std::net::SocketAddr;

use rustix::process::Signal;

use super::site::Arms;
use super::{Family, Site};

/// Servers are reached by everybody, whatever the gateway does.
fn directly(site: &Site) {
    for family in Family::BOTH {
        for number in [1, 2] {
            let at = SocketAddr::new(family.server(number).parse().unwrap(), 80);
            assert_eq!(site.get(at, &[]), format!("{};", family.client()));
        }
    }
}

/// With the answers' way laid as `sekisho net plan` says.
fn see_the_client(name: &str, address: fn(Family, usize) -> String, flavour: &str) {
    let mut site = Site::new(name, Arms::One);
    let [four, six] = Family::BOTH.map(Family::inside);
    let macs = site.mac();
    let network = format!(
        "[network]\ntopology = 'one-arm'\nflavour = '{flavour}'\nnext-hop = ['{four}', '{six}']\n\
         nodes = ['{four}', '{six}']\nmacs = ['{macs}']\n"
    );
    site.configure("source = 'client'", 80, address, &network);
    site.follow_the_plan();
    site.start(&[]);
    site.shows_the_client();
    directly(&site);
    let (content, said) = site.net("doctor");
    assert!(content, "{said}");
    site.end(Signal::TERM);
    directly(&site);
}

#[test]
fn servers_with_a_second_address_see_the_client_and_are_reached_without_the_gateway() {
    see_the_client("one-arm-addr", Family::second, "addr");
}

#[test]
fn servers_that_know_the_gateways_mac_see_the_client_and_are_reached_without_the_gateway() {
    see_the_client("one-arm-mac", Family::server, "mac");
}

#[test]
fn doctor_of_a_standby_finds_that_answers_to_its_probes_go_to_another_node() {
    let mut site = Site::new("one-arm-standby", Arms::One);
    let [four, six] = Family::BOTH.map(Family::inside);
    // Another node has the address that moves, and the servers do not know of this one.
    let network = "[network]\ntopology = 'one-arm'\nnext-hop = ['10.0.0.99', '2001:db8:2::99']\n\
                   nodes = ['10.0.0.98', '2001:db8:2::98']\n";
    site.configure("source = 'client'", 80, Family::second, network);
    site.follow_the_plan();
    site.start(&[]);
    let (content, said) = site.net("doctor");
    assert!(!content && said.contains(&format!("`nodes` of [network] does not name {four},")), "{said}");
    assert!(said.contains(&format!("`nodes` of [network] does not name {six},")), "{said}");
    let server = Family::BOTH[0].second(1);
    let lost =
        format!("({server}:80) does not answer this machine, which does not have `next-hop` 10.0.0.99");
    assert!(said.contains(&lost), "{said}");
    let remedy = format!("run on {server}: ip -4 rule add pref 990 to {four} lookup main");
    assert!(said.contains(&remedy), "{said}");

    // With the remedy answers come to this node's own address. Those to clients go where the address is that moves.
    for line in said.lines() {
        let Some((at, command)) = line.split_once("run on ").and_then(|(_, rest)| rest.split_once(": "))
        else {
            continue;
        };
        // Several servers share a machine.
        let machine = &site.servers[usize::from(at.ends_with('2'))].machine;
        machine.shell(&format!("{command} 2>/dev/null || true"));
    }
    let (_, said) = site.net("doctor");
    assert!(!said.contains("does not have `next-hop`"), "{said}");
    site.end(Signal::TERM);
}
