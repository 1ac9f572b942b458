//! One gateway.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::Signal;
use sekisho_tests::{program, until};

use super::site::Node;
use super::{Family, Site};

/// VIPs for TCP at port 80 and for UDP at 53 of both versions of IP; `vip` and `pool` are keys of theirs.
pub(super) fn vips(vip: &str, pool: &str, weights: [u8; 3]) -> String {
    let mut text = String::new();
    for (protocol, port) in [("tcp", 80), ("udp", 53)] {
        for (family, digit) in Family::BOTH.into_iter().zip([4, 6]) {
            let name = format!("{protocol}{digit}");
            let server = |(place, weight): (usize, u8)| {
                let (letter, address) = (["a", "b", "c"][place], family.server(place + 1));
                format!("{letter} = {{ address = '{address}', weight = {weight} }}")
            };
            let servers: Vec<String> = weights.into_iter().enumerate().map(server).collect();
            text += &format!(
                "[vip.{name}]\nlisten = '{}'\nprotocol = '{protocol}'\nmode = 'l4'\npool = '{name}'\n{vip}\n\
                 [pool.{name}]\nservers = {{ {} }}\n{pool}\n\
                 probe = {{ kind = 'tcp', interval = '200ms', fast-interval = '100ms', timeout = '1s', fall = 2, rise = 1 }}\n",
                family.vip(port),
                servers.join(", ")
            );
        }
    }
    text
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn alone(name: &str, text: &str) -> Site {
    let mut site = Site::new(name, 1);
    site.nodes[0].configure(text);
    site.nodes[0].start();
    site
}

#[test]
fn flows_are_shared_by_weight_and_servers_see_the_client() {
    let site = alone("l4-weight", &vips("", "source = 'client'", [1, 1, 2]));
    for family in Family::BOTH {
        let expected = counts(&[("a", 10), ("b", 10), ("c", 20)]);
        assert_eq!(site.spread(40, || site.who(family.vip(80))), expected);
        assert_eq!(site.spread(40, || site.send(family.vip(53))), expected);
        assert_eq!(site.who(family.vip(80)).unwrap().1, family.client());
        assert_eq!(site.send(family.vip(53)).unwrap().1, family.client());
    }
    until("what the kernel has counted is known", || {
        let known = |served: &serde_json::Value, least| served.as_u64().unwrap() >= least;
        let [vips, pools] = ["/v1/vips", "/v1/pools"].map(|path| site.nodes[0].look(path));
        let vips = vips["vips"].as_array().unwrap().iter().all(|vip| known(&vip["served"], 41));
        let mut pools = pools["pools"].as_array().unwrap().iter();
        (vips && pools.all(|pool| known(&pool["servers"][2]["served"], 20))).then_some(())
    });
    let vips = site.nodes[0].look("/v1/vips");
    for vip in vips["vips"].as_array().unwrap() {
        let bytes = ["received_bytes", "sent_bytes"].map(|key| vip[key].as_u64().unwrap());
        assert!(
            vip["mode"] == "l4" && vip["served"] == 41 && bytes.iter().all(|bytes| *bytes > 41 * 30),
            "{vip}"
        );
    }
}

#[test]
fn servers_see_the_gateway_or_the_address_that_it_is_told() {
    let site = alone("l4-masquerade", &vips("", "", [1, 1, 1]));
    let own = |family: Family, number: u8| -> IpAddr {
        match family {
            Family::V4 => [10, 0, 0, number].into(),
            Family::V6 => format!("2001:db8:2::{number}").parse().unwrap(),
        }
    };
    for family in Family::BOTH {
        let gateway = [own(family, 1), family.way_out()];
        assert!(gateway.contains(&site.who(family.vip(80)).unwrap().1));
        assert!(gateway.contains(&site.send(family.vip(53)).unwrap().1));
        super::site::add(&site.nodes[0].machine, "eth1", family, &own(family, 77).to_string());
    }
    let source = format!("source = ['{}', '{}']", own(Family::V4, 77), own(Family::V6, 77));
    site.nodes[0].configure(&vips("", &source, [1, 1, 1]));
    site.nodes[0].reload();
    for family in Family::BOTH {
        until("the other address is seen", || {
            let seen = [site.who(family.vip(80)), site.send(family.vip(53))];
            seen.iter().all(|seen| seen.as_ref().is_ok_and(|seen| seen.1 == own(family, 77))).then_some(())
        });
    }
}

#[test]
fn clients_are_kept_by_their_address_where_that_is_asked_for() {
    for (vip, pool) in [("", "method = 'source-hash'"), ("persist = ['source-ip']", "method = 'round-robin'")]
    {
        let site = alone("l4-hash", &vips(vip, &format!("source = 'client'\n{pool}"), [1, 1, 1]));
        for family in Family::BOTH {
            assert_eq!(site.spread(12, || site.who(family.vip(80))).len(), 1);
            assert_eq!(site.spread(12, || site.send(family.vip(53))).len(), 1);
        }
    }
    let site = alone("l4-flow", &vips("", "method = 'consistent-hash'\nsource = 'client'", [1, 1, 1]));
    for family in Family::BOTH {
        assert_eq!(site.spread(60, || site.who(family.vip(80))).len(), 3);
        let ports = 20_000..20_012;
        assert_eq!(site.answers(family.vip(80), ports.clone()), site.answers(family.vip(80), ports));
    }
}

#[test]
fn server_that_fails_gets_no_flow_and_those_of_others_are_unharmed() {
    let mut site = alone("l4-health", &vips("", "source = 'client'", [1, 1, 1]));
    for (family, digit) in Family::BOTH.into_iter().zip([4, 6]) {
        let vip = family.vip(80);
        let downloads: Vec<_> = (0..3).map(|_| site.download(vip, 40 << 20)).collect();
        downloads.iter().for_each(|download| download.reaches(2));
        site.stop_server(3);
        until("the server is out", || {
            let seen = [site.spread(6, || site.who(vip)), site.spread(6, || site.send(family.vip(53)))];
            seen.iter().all(|seen| *seen == counts(&[("a", 3), ("b", 3)])).then_some(())
        });
        // What the third server has begun it ends as well: only its listener is gone.
        downloads.into_iter().for_each(super::site::Transfer::completes);
        [1, 2].into_iter().for_each(|number| site.stop_server(number));
        until("clients are refused", || {
            let refused =
                |answer: &Result<_, String>| answer.as_ref().is_err_and(|error| error.contains("refused"));
            [site.who(vip), site.send(family.vip(53))].iter().all(refused).then_some(())
        });
        (1..=3).for_each(|number| site.start_server(number));
        until("all are back", || {
            let names = [format!("tcp{digit}"), format!("udp{digit}")];
            let rules = site.nodes[0].rules();
            let served = |name: &String| {
                ["a", "b", "c"].iter().all(|server| rules.contains(&format!(": goto server/{name}/{server}")))
            };
            names.iter().all(served).then_some(())
        });
        assert_eq!(site.spread(6, || site.who(vip)).len(), 3);
    }
}

#[test]
fn flow_of_datagrams_finds_another_server_when_its_own_goes_down_and_no_other_does() {
    let mut site = alone("l4-datagrams", &vips("", "source = 'client'", [1, 1, 1]));
    for family in Family::BOTH {
        let flows: Vec<_> = (0..6).map(|_| site.flow(family.vip(53))).collect();
        let answers = || flows.iter().map(super::site::Flow::ask).collect::<Vec<_>>();
        let before = answers();
        let lost = |answer: &Option<String>| answer.as_deref() == Some("b");
        assert_eq!(before.iter().filter(|answer| lost(answer)).count(), 2);
        site.stop_server(2);
        until("nobody is on a server that is down", || {
            let now = answers();
            now.iter().all(|answer| answer.is_some() && !lost(answer)).then_some(now)
        })
        .iter()
        .zip(&before)
        .for_each(|(now, before)| assert!(now == before || lost(before), "{before:?} is now {now:?}"));
        site.start_server(2);
        until("the server is back", || {
            let seen = Family::BOTH.map(|family| site.spread(6, || site.send(family.vip(53))));
            seen.iter().all(|seen| *seen == counts(&[("a", 2), ("b", 2), ("c", 2)])).then_some(())
        });
    }
}

#[test]
fn gateway_that_lives_keeps_its_rules_from_others() {
    let site = alone("l4-claim", &vips("", "source = 'client'", [1, 1, 1]));
    let (content, said) = site.nodes[0].says(&["net", "clean"]);
    assert!(!content && said.contains("another gateway of this machine has VIPs with mode"), "{said}");
    // Nor does another begin that would say that it serves, and serve nobody.
    let said = site.nodes[0].second(&vips("", "", [1, 1, 1]).replace(":80'", ":90'"));
    assert!(said.contains("another gateway of this machine has VIPs with mode"), "{said}");
    assert!(site.who(Family::V4.vip(80)).is_ok());
}

#[test]
fn gateway_that_is_not_root_serves_with_one_capability_and_names_it_without() {
    let mut site = Site::new("l4-user", 1);
    site.nodes[0].configure(&vips("", "source = 'client'", [1, 1, 1]));
    let setpriv = program("setpriv");
    let setpriv = setpriv.to_str().unwrap();
    let user = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"];
    let said = site.nodes[0].refuses_behind(&[&user[..], &["--bounding-set=-all"]].concat());
    assert!(said.contains("VIP `tcp4` has mode = \"l4\", which needs CAP_NET_ADMIN, which"), "{said}");
    assert_eq!(site.nodes[0].rules(), "");
    let one = ["--bounding-set", "--inh-caps", "--ambient-caps"].map(|set| format!("{set}=-all,+net_admin"));
    let one: Vec<&str> = user.into_iter().chain(one.iter().map(String::as_str)).collect();
    site.nodes[0].start_behind(&one);
    for family in Family::BOTH {
        assert_eq!(site.who(family.vip(80)).unwrap().1, family.client());
        assert_eq!(site.send(family.vip(53)).unwrap().1, family.client());
    }
    // Rules follow servers, and what connection tracking knows is forgotten, with no more than that.
    let flows: Vec<_> = (0..6).map(|_| site.flow(Family::V4.vip(53))).collect();
    site.stop_server(2);
    until("nobody is on a server that is down", || {
        let now: Vec<_> = flows.iter().map(super::site::Flow::ask).collect();
        now.iter().all(|answer| answer.is_some() && answer.as_deref() != Some("b")).then_some(())
    });
    site.nodes[0].end(Signal::TERM);
    assert_eq!(site.nodes[0].rules(), "", "{}", site.nodes[0].log());
}

#[test]
fn reload_that_would_make_it_the_second_gateway_of_its_machine_is_refused() {
    let mut site = alone("l4-second", &vips("", "source = 'client'", [1, 1, 1]));
    let mut second = site.beside("l4-second-beside");
    let own = |mode: &str| {
        format!(
            "[vip.own]\nlisten = '{}'\nprotocol = 'tcp'\npool = 'own'\n{mode}\n[pool.own]\nservers = {{ c = '{}' }}\n",
            Family::V4.vip(81),
            Family::V4.server(3)
        )
    };
    second.configure(&own(""));
    second.start();
    second.configure(&own("mode = 'l4'"));
    second.signal(Signal::HUP);
    until("the reload is refused", || {
        let log = second.log();
        (log.contains("Not reloaded") && log.contains("another gateway of this machine has VIPs"))
            .then_some(())
    });
    assert_eq!(site.spread(3, || site.who(Family::V4.vip(81))), counts(&[("c", 3)]), "it serves on");
    // Once the first one has gone the second may.
    site.nodes[0].end(Signal::TERM);
    second.signal(Signal::HUP);
    until("the kernel serves for it", || second.rules().contains("vip/own/4").then_some(()));
    second.end(Signal::TERM);
}

#[test]
fn server_that_drains_keeps_its_flows_and_gets_no_others() {
    let site = alone("l4-drain", &vips("", "source = 'client'", [1, 1, 1]));
    let vip = Family::V4.vip(80);
    let downloads: Vec<_> = (0..3).map(|_| site.download(vip, 40 << 20)).collect();
    downloads.iter().for_each(|download| download.reaches(2));
    site.nodes[0].operate(&["drain", "tcp4/b"]);
    until("it gets no flows", || {
        (site.spread(6, || site.who(vip)) == counts(&[("a", 3), ("c", 3)])).then_some(())
    });
    downloads.into_iter().for_each(super::site::Transfer::completes);
    site.nodes[0].operate(&["ready", "tcp4/b"]);
    until("it gets flows", || (site.spread(6, || site.who(vip)).len() == 3).then_some(()));
}

/// Has clients come without a pause while something happens; how many came, and what they were told that got no answer.
fn during(site: &mut Site, act: impl FnOnce(&mut Node)) -> (usize, Vec<String>) {
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (client, done, nodes) = (&site.client, &end, &mut site.nodes);
        let come = move || {
            let (mut asked, mut failed) = (0, Vec::new());
            while !done.load(Relaxed) {
                for family in Family::BOTH {
                    asked += 2;
                    failed.extend(super::site::ask(family.vip(80), 0).err());
                    failed.extend(super::site::datagram(family.vip(53)).err());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            (asked, failed)
        };
        let clients = scope.spawn(move || client.inside(come));
        act(&mut nodes[0]);
        end.store(true, Relaxed);
        clients.join().unwrap()
    })
}

#[test]
fn killed_gateway_leaves_everybody_served_and_its_successor_no_gap() {
    let text = vips("", "method = 'consistent-hash'\nsource = 'client'", [1, 1, 1]);
    let mut site = alone("l4-killed", &text);
    let download = site.download(Family::V4.vip(80), 60 << 20);
    download.reaches(2);
    let (asked, failed) = during(&mut site, |node| {
        for _ in 0..3 {
            node.end(Signal::KILL);
            node.start();
            until("the successor keeps the rules", || node.log().contains("The kernel serves").then_some(()));
        }
    });
    assert!(asked > 50 && failed.is_empty(), "{failed:?}");
    download.completes();
    site.nodes[0].end(Signal::TERM);
    assert_eq!(site.nodes[0].rules(), "");
    assert!(site.who(Family::V4.vip(80)).is_err());
}

#[test]
fn process_that_takes_anothers_place_takes_its_rules_without_a_gap() {
    let mut site = alone("l4-upgrade", &vips("", "source = 'client'", [1, 1, 1]));
    let (asked, failed) = during(&mut site, |node| {
        node.operate(&["upgrade"]);
        until("the other process keeps the rules", || {
            (node.log().matches("The kernel serves").count() == 2).then_some(())
        });
    });
    assert!(asked > 8 && failed.is_empty(), "{failed:?}");
    site.nodes[0].operate(&["drain", "tcp4/b"]);
    until("the server gets no flows", || {
        (site.spread(6, || site.who(Family::V4.vip(80))) == counts(&[("a", 3), ("c", 3)])).then_some(())
    });
}

#[test]
fn rules_stay_after_a_stop_where_the_file_says_so_until_they_are_taken_out() {
    let text = vips("on-stop = 'keep'", "source = 'client'", [1, 1, 1]).replacen("on-stop = 'keep'", "", 1);
    let mut site = alone("l4-keep", &text);
    let download = site.download(Family::V6.vip(80), 40 << 20);
    download.reaches(2);
    site.nodes[0].end(Signal::TERM);
    assert!(site.who(Family::V4.vip(80)).is_err(), "the first VIP does not say so");
    assert!(site.who(Family::V6.vip(80)).is_ok() && site.send(Family::V4.vip(53)).is_ok());
    download.completes();
    assert!(site.nodes[0].says(&["net", "clean"]).0);
    assert_eq!(site.nodes[0].rules(), "");
}

#[test]
fn gateway_that_serves_itself_what_the_kernel_served_for_one_that_is_gone_takes_its_rules_out() {
    let mut site = alone("l4-given-up", &vips("", "", [1, 1, 1]));
    site.nodes[0].end(Signal::KILL);
    let own = |port| {
        format!(
            "[vip.own]\nlisten = '{}'\nprotocol = 'tcp'\npool = 'own'\n[pool.own]\nservers = {{ c = '{}' }}\n",
            Family::V4.vip(port),
            Family::V4.server(3)
        )
    };
    // Of another port the rules say nothing: they serve on.
    site.nodes[0].configure(&own(81));
    site.nodes[0].start();
    assert_eq!(site.spread(3, || site.who(Family::V4.vip(81))), counts(&[("c", 3)]));
    assert_eq!(site.spread(6, || site.who(Family::V6.vip(80))).len(), 3);
    site.nodes[0].end(Signal::TERM);
    site.nodes[0].configure(&own(80));
    site.nodes[0].start();
    until("the rules are out", || site.nodes[0].rules().is_empty().then_some(()));
    assert_eq!(site.spread(6, || site.who(Family::V4.vip(80))), counts(&[("c", 6)]));
}

#[test]
fn rules_that_another_program_took_out_are_put_in_again() {
    let site = alone("l4-flushed", &vips("", "source = 'client'", [1, 1, 1]));
    site.nodes[0].machine.shell("nft flush ruleset");
    until("they are back", || site.nodes[0].rules().contains("vip/tcp4/4").then_some(()));
    assert!(site.who(Family::V4.vip(80)).is_ok() && site.nodes[0].log().contains("are gone"));
}

#[test]
fn reload_changes_vips_of_either_kind_and_leaves_flows_alone() {
    let all = vips("", "source = 'client'", [1, 1, 1]);
    let site = alone("l4-reload", &all);
    let (vip, download) = (Family::V4.vip(80), site.download(Family::V4.vip(80), 40 << 20));
    download.reaches(2);
    // A VIP of the gateway's own beside them, and one fewer of theirs.
    let fewer = all.split_once("[vip.udp4]").unwrap().0.to_owned();
    let own = format!("[vip.own]\nlisten = '{}'\nprotocol = 'tcp'\npool = 'tcp4'\n", Family::V4.vip(81));
    site.nodes[0].configure(&(fewer.clone() + &own));
    site.nodes[0].reload();
    until("the gateway's own VIP serves", || site.who(Family::V4.vip(81)).ok());
    until("the other serves nobody", || site.send(Family::V4.vip(53)).is_err().then_some(()));
    assert!(site.who(vip).is_ok() && site.who(Family::V6.vip(80)).is_ok());
    // The gateway takes over from the kernel, and gives back.
    site.nodes[0].configure(&fewer.replacen("mode = 'l4'", "mode = 'proxy'", 1));
    site.nodes[0].reload();
    until("the gateway serves it", || (!site.nodes[0].rules().contains("vip/tcp4/")).then_some(()));
    assert!(site.who(vip).is_ok());
    site.nodes[0].configure(&all);
    site.nodes[0].reload();
    until("the kernel serves it", || site.nodes[0].rules().contains("vip/tcp4/").then_some(()));
    assert!(site.who(vip).is_ok());
    download.completes();
}

#[test]
fn reload_that_the_machine_cannot_follow_changes_nothing() {
    let all = vips("", "source = 'client'", [1, 1, 1]);
    // The VIPs of IPv4: the first and the third.
    let tables: Vec<&str> = all.split("[vip.").skip(1).collect();
    let four: String = [0, 2].map(|place| format!("[vip.{}", tables[place])).concat();
    let mut site = Site::new("l4-refused", 1);
    site.nodes[0].machine.shell("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
    site.nodes[0].configure(&four);
    site.nodes[0].start();
    site.nodes[0].configure(&all);
    site.nodes[0].signal(Signal::HUP);
    until("the reload is refused", || {
        let log = site.nodes[0].log();
        (log.contains("Not reloaded") && log.contains("net.ipv6.conf.all.forwarding=1")).then_some(())
    });
    assert!(site.who(Family::V4.vip(80)).is_ok() && site.who(Family::V6.vip(80)).is_err());
}

#[test]
fn what_the_machine_lacks_is_said_with_the_remedy() {
    let site = Site::new("l4-needs", 1);
    let node = &site.nodes[0];
    node.configure(&vips("", "source = 'client'", [1, 1, 1]));
    assert!(node.says(&["net", "doctor"]).0, "{}", node.says(&["net", "doctor"]).1);
    node.machine.shell("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
    let remedy = "sysctl -w net.ipv6.conf.all.forwarding=1";
    for words in [["net", "doctor"].as_slice(), &["run"]] {
        let (content, said) = node.says(words);
        assert!(!content && said.contains(remedy), "{said}");
    }
    node.machine
        .shell("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; ip address del 203.0.113.100/24 dev eth0");
    let (content, said) = node.says(&["net", "doctor"]);
    assert!(!content && said.contains("203.0.113.100 is of no interface"), "{said}");
}
