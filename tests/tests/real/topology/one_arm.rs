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
