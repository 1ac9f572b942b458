//! The rules of an example, compared with a golden text, and what of them changes when a server goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sekisho_config::{Config, Registry};
use sekisho_scheduler::{Admin, Scheduler, Secret};

use super::choice::Choice;
use super::service::{Service, services};
use super::text;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/net")
}

fn example() -> (Config, Scheduler) {
    let registry = Registry::new().with(sekisho_tcp::Tcp).with(sekisho_udp::Udp);
    let config = sekisho_config::load(&folder().join("l4.toml"), &registry);
    let config = config.unwrap_or_else(|report| panic!("{report}"));
    let pools = config.pools.iter().map(|pool| pool.spec.clone()).collect();
    let secret = Secret::new(&[7; 32]).unwrap();
    let scheduler = Scheduler::build(pools, Vec::new(), &secret, 0, None, Instant::now());
    (config, scheduler)
}

fn choices(service: &Service, scheduler: &Scheduler) -> Vec<Choice> {
    let pool = scheduler.pool(&service.pool).unwrap();
    service.families().map(|family| Choice::now(service, family, pool, None, Instant::now())).collect()
}

#[test]
fn rules_of_the_example_are_as_recorded() {
    let (config, scheduler) = example();
    let services = services(&config);
    let mut choices: Vec<_> = services.iter().map(|service| choices(service, &scheduler)).collect();
    // What every slot holds is proved elsewhere; a page of them hides the rules.
    choices.iter_mut().flatten().for_each(|choice| choice.slots.truncate(4));
    let served: Vec<_> =
        services.iter().zip(&choices).map(|(service, choices)| (service, choices.as_slice())).collect();
    let found = text::all(&served);
    let golden = folder().join("l4.nft");
    if std::env::var_os("SEKISHO_BLESS").is_some() {
        fs::write(&golden, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default(), "if this is meant: SEKISHO_BLESS=1");
}

#[test]
fn server_that_drains_leaves_the_table_and_others_keep_their_slots() {
    let (config, scheduler) = example();
    let services = services(&config);
    let names = services.iter().find(|service| &*service.vip == "names").unwrap();
    let before = choices(names, &scheduler).remove(0);
    scheduler.pool("names").unwrap().server("dns2").unwrap().set_admin(Admin::Drain);
    let after = choices(names, &scheduler).remove(0);
    assert!(before.slots.contains(&1) && !after.slots.contains(&1));
    let text = text::change(&[(names, &after)]);
    assert!(
        text.starts_with(
            "flush chain inet sekisho_l4 vip/names/4\nadd rule inet sekisho_l4 vip/names/4 jhash"
        )
    );
    assert!(text.contains("goto server/names/dns1") && !text.contains("dns2"));
}

#[test]
fn version_of_ip_whose_servers_are_all_down_is_refused_and_the_other_is_served() {
    let (config, scheduler) = example();
    let services = services(&config);
    let web = services.first().unwrap();
    scheduler.pool("web").unwrap().server("www3").unwrap().set_admin(Admin::Maintenance);
    let [four, six] = &choices(web, &scheduler)[..] else { panic!("two versions of IP") };
    assert!(!four.slots.is_empty() && six.slots.is_empty());
    let text = text::change(&[(web, six)]);
    assert_eq!(
        text,
        "flush chain inet sekisho_l4 vip/web/6\nadd rule inet sekisho_l4 vip/web/6 goto refuse\n"
    );
}

#[test]
fn rules_are_in_the_way_of_a_vip_with_their_address_and_protocol_alone() {
    let rules = "table inet sekisho_l4 {\n\tmap vips/tcp/4 {\n\t\ttype ipv4_addr . inet_service : verdict\n\
         \t\telements = { 203.0.113.10 . 80 : goto vip/web/4,\n\t\t\t     203.0.113.10 . 8080 : goto vip/web/4 }\n\t}\n\n\
         \tmap received/tcp/4 {\n\t\telements = { 203.0.113.10 . 80 . 10.0.0.1 . 81 : received/web/a }\n\t}\n\
         \tmap vips/tcp/6 {\n\t\telements = { 2001:db8::10 . 80 : goto vip/web/6 }\n\t}\n}\n";
    let registry = Registry::new().with(sekisho_tcp::Tcp).with(sekisho_udp::Udp);
    for (listen, protocol, expected) in [
        ("203.0.113.10:80", "tcp", true),
        ("203.0.113.10:8080", "tcp", true),
        ("[2001:db8::10]:80", "tcp", true),
        ("203.0.113.10:80", "udp", false),
        ("203.0.113.1:80", "tcp", false),
        ("203.0.113.10:8", "tcp", false),
        ("10.0.0.1:81", "tcp", false),
        ("0.0.0.0:80", "tcp", false),
    ] {
        let text = format!(
            "[vip.own]\nlisten = '{listen}'\nprotocol = '{protocol}'\npool = 'own'\n\
             [pool.own]\nservers = {{ a = '127.0.0.1:9' }}\n"
        );
        let config = sekisho_config::parse(&text, "own.toml", Path::new(""), &registry);
        let config = config.unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(super::needs::in_the_way(rules, &config), expected, "{listen} {protocol}");
    }
}

#[test]
fn nodes_with_the_same_file_choose_alike() {
    let (config, scheduler) = example();
    let (again, other) = example();
    let [one, two] = [(config, scheduler), (again, other)].map(|(config, scheduler)| {
        services(&config).iter().map(|service| choices(service, &scheduler)).collect::<Vec<_>>()
    });
    assert_eq!(one, two);
}
