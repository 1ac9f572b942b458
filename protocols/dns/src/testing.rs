//! What tests of this crate share: configurations as text, and messages.

use std::sync::Arc;

use sekisho_api::settings::{Node, Problems, Section, Table, Value};
use sekisho_api::{
    Exchange, Facts, Handler, IdentityRules, KeyKind, Networks, Persist, PoolContext, Protocol, VipContext,
};

use crate::desk::Desk;
use crate::exchange::DnsExchange;
use crate::pool::{Caches, PoolRules};

fn node(value: &toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Integer(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(flag) => Value::Flag(*flag),
        toml::Value::Datetime(date) => Value::Date(date.to_string()),
        toml::Value::Array(items) => Value::List(items.iter().map(node).collect()),
        toml::Value::Table(inner) => Value::Table(table(inner)),
    };
    Node { span: 1..2, value }
}

fn table(written: &toml::Table) -> Table {
    let entries = written.iter().map(|(key, value)| (key.clone(), 0..1, node(value)));
    Table { entries: entries.collect() }
}

/// What `read` makes of a table that is written like this, and the problems with it.
pub(crate) fn read<T>(text: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> (T, Vec<String>) {
    let table = table(&text.parse().unwrap());
    let problems = Problems::new();
    let mut section = Section::new(&table, 0..1, &problems);
    let value = read(&mut section);
    section.finish();
    (value, problems.into_vec().into_iter().map(|problem| problem.message).collect())
}

/// The desk of a VIP with the pools `resolvers`, configured by `pool`, and `internal`.
pub(crate) fn desk(vip: &str, pool: &str, persist: &[KeyKind]) -> Desk {
    let persist: Vec<Persist> = persist.iter().map(|kind| Persist::Key(*kind)).collect();
    let pools = ["resolvers".into(), "internal".into()];
    let context = VipContext {
        name: "v",
        persist: &persist,
        identity: &IdentityRules::default(),
        tls: false,
        start_tls: false,
        pools: &pools,
        pool_settings: &[],
        trusted: &Networks::default(),
    };
    let (caches, seed) = (Caches::default(), (1, 2));
    let (rules, mut problems) = read(pool, |section| PoolRules::read(section, "resolvers", &caches, seed));
    let (table, more) = read(vip, |section| crate::options::Table::read(section, &context, seed));
    problems.extend(more);
    assert!(problems.is_empty(), "{problems:?}");
    Desk::new(table.unwrap(), [Arc::new(rules), Arc::default()].into(), seed)
}

/// The handler of such a VIP, and the problems with it.
pub(crate) fn handler(
    dns: &impl Protocol,
    vip: &str,
    pool: &str,
    persist: &[KeyKind],
    tls: bool,
) -> (Option<Handler>, Vec<String>) {
    let context = PoolContext { name: "resolvers" };
    let (settings, mut problems) = read(pool, |section| dns.configure_pool(section, &context));
    let persist: Vec<Persist> = persist.iter().map(|kind| Persist::Key(*kind)).collect();
    let pools: [Arc<str>; 2] = ["resolvers".into(), "internal".into()];
    let context = VipContext {
        name: "v",
        persist: &persist,
        identity: &IdentityRules::default(),
        tls,
        start_tls: false,
        pools: &pools,
        pool_settings: &[settings, None],
        trusted: &Networks::default(),
    };
    let (handler, more) = read(vip, |section| dns.configure(section, &context));
    problems.extend(more);
    (handler, problems)
}

/// The exchange of such a VIP.
pub(crate) fn exchange(vip: &str, pool: &str, persist: &[KeyKind]) -> Arc<dyn Exchange> {
    Arc::new(DnsExchange(Arc::new(desk(vip, pool, persist))))
}

/// A client at this address.
pub(crate) fn facts(client: &str) -> Facts {
    Facts::plain((client.parse::<std::net::IpAddr>().unwrap(), 40_000).into(), ([192, 0, 2, 53], 53).into())
}

/// A query with id 0x1234 and RD, without EDNS. The name keeps its case.
pub(crate) fn query(name: &str, kind: u16) -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.push(0);
    query.extend(kind.to_be_bytes());
    query.extend([0, 1]);
    query
}

/// The same with an OPT record of this payload and these options.
pub(crate) fn with_opt(mut message: Vec<u8>, payload: u16, options: &[u8]) -> Vec<u8> {
    message[11] += 1;
    message.extend([0, 0, 41]);
    message.extend(payload.to_be_bytes());
    message.extend([0; 4]);
    message.extend((options.len() as u16).to_be_bytes());
    message.extend(options);
    message
}

/// A client subnet option.
pub(crate) fn subnet(octets: &[u8], bits: u8) -> Vec<u8> {
    let told = usize::from(bits.div_ceil(8));
    let family = if octets.len() == 4 { 1 } else { 2 };
    [&[0, 8, 0, 4 + told as u8, 0, family, bits, 0], &octets[..told]].concat()
}

/// The answer to a query without EDNS: this response code, and so many addresses that may be kept for 300 seconds.
pub(crate) fn answer(query: &[u8], rcode: u8, addresses: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80;
    answer[3] = 0x80 | rcode;
    answer[7] = addresses;
    for number in 0..addresses {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, number]);
    }
    answer
}
