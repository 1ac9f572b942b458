//! The gateway is the servers' way out.

use rustix::process::Signal;
use sekisho_tests::{program, sekisho, until};

use super::site::Arms;
use super::{Family, Site, run};

/// One of each, and nothing else.
const ONE_SET: [&str; 5] = [
    "table inet sekisho_return_5300",
    "5300:	from all fwmark 0x2000000/0x2000000 lookup 5300 proto 83",
    "local default dev lo proto 83 scope host",
    "5300:	from all fwmark 0x2000000/0x2000000 lookup 5300 proto 83",
    "local default dev lo proto 83 metric 1024 pref medium",
];

/// The same with other numbers.
const ONE_SET_ELSEWHERE: [&str; 5] = [
    "table inet sekisho_return_5400",
    "5400:	from all fwmark 0x10/0x10 lookup 5400 proto 83",
    "local default dev lo proto 83 scope host",
    "5400:	from all fwmark 0x10/0x10 lookup 5400 proto 83",
    "local default dev lo proto 83 metric 1024 pref medium",
];

#[test]
fn servers_behind_two_arms_see_the_client_over_http_tcp_and_udp() {
    let mut site = Site::new("two-arm", Arms::Two);
    site.configure("source = 'client'", 80, Family::server, "");
    site.start(&[]);
    site.shows_the_client();
    for server in &site.servers {
        let log = server.log();
        for family in Family::BOTH {
            let line = format!("{0} - {0}", family.client());
            assert!(log.lines().any(|logged| logged == line), "{log}");
        }
    }
    assert_eq!(site.left(), ONE_SET);
    site.end(Signal::TERM);
    assert_eq!(site.left(), [""; 0]);
}

#[test]
fn gateway_that_was_killed_leaves_one_set_of_rules_when_it_is_back() {
    let mut site = Site::new("two-arm-killed", Arms::Two);
    site.configure("source = 'client'", 80, Family::server, "");
    for _ in 0..3 {
        site.start(&[]);
        assert_eq!(site.left(), ONE_SET);
        site.shows_the_client();
        site.end(Signal::KILL);
        assert_eq!(site.left(), ONE_SET);
    }
    site.start(&[]);
    site.end(Signal::TERM);
    assert_eq!(site.left(), [""; 0]);
}

#[test]
fn what_a_killed_gateway_has_left_goes_with_the_next_start_whatever_that_wants() {
    let mut site = Site::new("two-arm-left", Arms::Two);
    for (pool, network, expected) in [
        (
            "source = 'client'",
            "[network]\nmark = 16\ntable = 5400\npriority = 5400\n",
            &ONE_SET_ELSEWHERE[..],
        ),
        ("source = 'client'", "", &ONE_SET),
        ("", "", &[]),
    ] {
        site.configure(pool, 80, Family::server, network);
        site.start(&[]);
        assert_eq!(site.everything(), expected);
        site.end(Signal::KILL);
        assert_eq!(site.everything(), expected);
    }
}

#[test]
fn gateways_of_one_machine_leave_each_other_alone() {
    let mut site = Site::new("two-arm-both", Arms::Two);
    site.configure("source = 'client'", 80, Family::server, "");
    site.start(&[]);
    let second = |network: &str| {
        site.folder.write(
            "second.toml",
            &format!(
                "{network}[vip.second]\nlisten = '127.0.0.1:9'\nprotocol = 'tcp'\npool = 'second'\n\
                 [pool.second]\nservers = {{ one = '10.0.0.11:80' }}\nsource = 'client'\n"
            ),
        )
    };
    // Which of the two started first decides, and the first loses nothing by it.
    for network in ["", "[network]\ntable = 5400\n", "[network]\npriority = 5400\n"] {
        let file = second(network);
        let output =
            site.gateway.inside(|| run(sekisho().to_str().unwrap(), &["run", file.to_str().unwrap()]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("another gateway of this machine"), "{said}");
        assert_eq!(site.everything(), ONE_SET);
    }
    let (content, said) = site.net("clean");
    assert!(!content && said.contains("another gateway of this machine"), "{said}");
    assert_eq!(site.everything(), ONE_SET);

    let file = second("[network]\nmark = 16\ntable = 5400\npriority = 5400\n");
    let words = [sekisho().to_str().unwrap().to_owned(), "run".to_owned(), file.display().to_string()];
    let log = file.with_extension("log");
    let mut other = site.gateway.run_beside(&log, &words.each_ref().map(String::as_str));
    until("the second gateway serves", || {
        std::fs::read_to_string(&log).ok().filter(|log| log.contains("Serving"))
    });
    assert_eq!(site.everything(), [&ONE_SET[..], &ONE_SET_ELSEWHERE].concat());
    other.signal(Signal::TERM);
    until("the second gateway has ended", || other.ended());
    assert_eq!(site.everything(), ONE_SET);
    site.shows_the_client();
}

#[test]
fn servers_that_see_the_gateway_are_told_of_the_client_and_a_forged_one_is_not_believed() {
    let mut site = Site::new("two-arm-told", Arms::Two);
    let forged = ["X-Forwarded-For: 192.0.2.66"];
    site.configure("", 80, Family::server, "");
    site.start(&[]);
    for family in Family::BOTH {
        let expected = format!("{};{}", family.inside(), family.client());
        assert_eq!(site.get(site.vip(family, 80), &forged), expected);
    }
    site.end(Signal::TERM);
    site.configure("proxy-protocol = 'v2'", 81, Family::server, "");
    site.start(&[]);
    for family in Family::BOTH {
        assert_eq!(site.get(site.vip(family, 80), &forged), format!("{};", family.client()));
    }
    assert_eq!(site.left(), [""; 0]);
}

#[test]
fn gateway_without_root_needs_the_capabilities_that_are_named_and_no_others() {
    let mut site = Site::new("two-arm-user", Arms::Two);
    let network = "[network]\nnext-hop = ['10.0.0.1', '2001:db8:2::1']\n";
    site.configure("source = 'client'", 80, Family::server, network);
    let setpriv = program("setpriv");
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let with = |capabilities: &str| {
        let sets = ["--inh-caps", "--ambient-caps"].map(|set| format!("{set}=-all,{capabilities}"));
        let words = [setpriv.to_str().unwrap()].into_iter().chain(user).map(str::to_owned).chain(sets);
        words.collect::<Vec<_>>()
    };
    let (content, plan) = site.net("plan");
    let line = plan.lines().find_map(|line| line.split_once("AmbientCapabilities=")).unwrap().1;
    assert!(content && line == "CAP_NET_BIND_SERVICE CAP_NET_ADMIN", "{plan}");
    let named = with("+net_bind_service,+net_admin");
    site.start(&named.iter().map(String::as_str).collect::<Vec<_>>());
    site.shows_the_client();
    site.end(Signal::TERM);
    assert_eq!(site.left(), [""; 0]);
    for (fewer, missing) in [("+net_bind_service", "CAP_NET_ADMIN"), ("+net_admin", "CAP_NET_BIND_SERVICE")] {
        let words = [with(fewer), vec![sekisho().to_str().unwrap().to_owned()]].concat();
        let (file, words) = (site.file(), words.iter().map(String::as_str).collect::<Vec<_>>());
        let words = [&words[1..], &["run", file.to_str().unwrap()]].concat();
        let output = site.gateway.inside(|| run("setpriv", &words));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(missing), "{fewer}: {said}");
        assert_eq!(site.left(), [""; 0]);
    }
}

#[test]
fn doctor_finds_what_is_wrong_and_nothing_where_all_is_right() {
    let mut site = Site::new("two-arm-doctor", Arms::Two);
    site.configure("source = 'client'", 80, Family::server, "");
    let (content, said) = site.net("doctor");
    assert!(!content && said.contains("does not forward") && said.contains("way back is not in"), "{said}");
    site.gateway
        .shell("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    site.start(&[]);
    let (content, said) = site.net("doctor");
    assert!(content && said.contains("http-6/two ([2001:db8:2::12]:80) answers clients"), "{said}");

    site.servers[0].machine.shell("ip route replace default via 10.0.0.99");
    let (content, said) = site.net("doctor");
    let bypassed =
        "http-4/one (10.0.0.11:80) answers this machine, but what it answers to 192.0.2.1 does not";
    assert!(
        !content && said.contains(bypassed) && !said.contains("two (10.0.0.12:80) answers this"),
        "{said}"
    );
    site.servers[0].machine.shell("ip route replace default via 10.0.0.1");

    site.gateway.shell("ip rule add pref 5300 from 10.9.0.0/16 lookup 7");
    let (content, said) = site.net("doctor");
    assert!(!content && said.contains("another rule has priority 5300"), "{said}");
    site.gateway.shell("ip rule del pref 5300 from 10.9.0.0/16 lookup 7");

    site.gateway.shell(
        "nft 'add table inet vpn; add chain inet vpn in { type filter hook prerouting priority mangle; }; \
         add rule inet vpn in ip saddr 10.99.0.0/16 meta mark set 0x1'",
    );
    let (content, said) = site.net("doctor");
    assert!(!content && said.contains("table inet vpn sets the whole mark of packets"), "{said}");
    site.gateway.shell("nft delete table inet vpn");

    let (file, binary) = (site.file(), sekisho());
    let words =
        ["--bounding-set", "-net_admin", binary.to_str().unwrap(), "net", "doctor", file.to_str().unwrap()];
    let output = site.gateway.inside(|| run("setpriv", &words));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("this process lacks CAP_NET_ADMIN"), "{said}");

    site.gateway.shell("echo 1 >/proc/sys/net/ipv4/conf/inside/src_valid_mark");
    let (content, said) = site.net("doctor");
    assert!(!content && said.contains("src_valid_mark is on for inside"), "{said}");
    assert!(said.contains(bypassed), "{said}");
    site.gateway.shell("echo 0 >/proc/sys/net/ipv4/conf/inside/src_valid_mark");
    assert!(site.net("doctor").0);

    site.end(Signal::KILL);
    assert!(site.net("clean").0);
    assert_eq!(site.left(), [""; 0]);
}
