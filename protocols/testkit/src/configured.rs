//! A protocol as a configuration makes it.

use std::sync::Arc;

use sekisho_api::settings::{Node, Problems, Section, Table, Value};
use sekisho_api::{Converse, Handler, IdentityRules, Networks, Probe, Protocol, VipContext};

/// Opens the conversations of a VIP of `protocol` without TLS, or where clients start it. `keys` are those of its own:
/// one text, or a list of several.
///
/// # Panics
/// With the problems if the keys are wrong, or if the protocol is no conversation.
pub fn configured(protocol: &dyn Protocol, start_tls: bool, keys: &[(&str, &[&str])]) -> Arc<dyn Converse> {
    let text = |text: &&str| Node { span: 0..0, value: Value::Text((*text).to_owned()) };
    let node = |texts: &[&str]| match texts {
        [one] => text(one),
        several => Node { span: 0..0, value: Value::List(several.iter().map(text).collect()) },
    };
    let entries = keys.iter().map(|(key, texts)| ((*key).to_owned(), 0..0, node(texts))).collect();
    let (table, problems) = (Table { entries }, Problems::new());
    let (identity, trusted) = (IdentityRules::default(), Networks::default());
    let vip = VipContext {
        name: "v",
        persist: &[],
        identity: &identity,
        tls: false,
        start_tls,
        pools: &["p".into()],
        pool_settings: &[],
        trusted: &trusted,
    };
    let mut section = Section::new(&table, 0..0, &problems);
    let handler = protocol.configure(&mut section, &vip);
    section.finish();
    assert!(problems.is_empty(), "{:?}", problems.into_vec());
    match handler {
        Some(Handler::Conversation(converse)) => converse,
        other => panic!("no conversation: {other:?}"),
    }
}

/// The first probe of `protocol`, without keys of its own.
///
/// # Panics
/// If it has none, or cannot do without keys.
pub fn configured_probe(protocol: &dyn Protocol) -> Arc<dyn Probe> {
    let problems = Problems::new();
    let probe =
        protocol.probes().first().and_then(|kind| kind.configure(&mut Section::absent(0..0, &problems)));
    probe.unwrap_or_else(|| panic!("no probe: {:?}", problems.into_vec()))
}
