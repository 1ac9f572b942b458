//! Every protocol has a page that names all its keys.

use sekisho_api::settings::{self, Node, Problems, Section};
use sekisho_api::{IdentityRules, Networks, PoolContext, Protocol, VipContext};
use sekisho_tests::{files, root};
use toml::{Table, Value};

use super::{examples, tables};

/// The table as protocols read it.
fn node(value: &Value) -> Node {
    let value = match value {
        Value::String(text) => settings::Value::Text(text.clone()),
        Value::Integer(number) => settings::Value::Integer(*number),
        Value::Float(number) => settings::Value::Float(*number),
        Value::Boolean(flag) => settings::Value::Flag(*flag),
        Value::Datetime(date) => settings::Value::Date(date.to_string()),
        Value::Array(items) => settings::Value::List(items.iter().map(node).collect()),
        Value::Table(table) => settings::Value::Table(read(table)),
    };
    Node { span: 0..0, value }
}

fn read(table: &Table) -> settings::Table {
    settings::Table { entries: table.iter().map(|(key, value)| (key.clone(), 0..0, node(value))).collect() }
}

/// The protocol's own tables of VIPs or pools (`of`) on its page, and the one that is not written.
fn options(protocol: &str, of: &str, page: &[Table]) -> Vec<Table> {
    let own = page.iter().flat_map(|root| tables(root, of));
    let own = own.filter_map(|(_, owner)| owner.get(protocol)?.as_table().cloned());
    own.chain([Table::new()]).collect()
}

/// The probes of a kind on its protocol's page; one written by its name alone has no keys.
fn probes(kind: &str, page: &[Table]) -> Vec<Table> {
    let written = page.iter().flat_map(|root| tables(root, "pool")).filter_map(|(_, pool)| pool.get("probe"));
    let of = |probe: &Value| match probe {
        Value::String(name) => (name == kind).then(Table::new),
        probe => {
            probe.as_table().filter(|probe| probe.get("kind").and_then(Value::as_str) == Some(kind)).cloned()
        }
    };
    written.filter_map(of).collect()
}

/// Every key that the protocol and its probes ask for when they read their page's examples.
fn asked(protocol: &dyn Protocol, page: &[Table]) -> Vec<&'static str> {
    let problems = Problems::new();
    let (identity, trusted) = (IdentityRules::default(), Networks::default());
    let vip = VipContext {
        name: "v",
        persist: &[],
        identity: &identity,
        tls: false,
        start_tls: false,
        pools: &["web".into()],
        pool_settings: &[],
        trusted: &trusted,
    };
    let name = protocol.descriptor().name;
    for table in options(name, "pool", page) {
        let pool = PoolContext { name: "web" };
        protocol.configure_pool(&mut Section::new(&read(&table), 0..0, &problems), &pool);
    }
    for table in options(name, "vip", page) {
        protocol.configure(&mut Section::new(&read(&table), 0..0, &problems), &vip);
    }
    for kind in protocol.probes() {
        let examples = probes(kind.name(), page);
        assert!(!examples.is_empty(), "docs/{name}.md shows no probe of kind `{}`", kind.name());
        for table in examples {
            kind.configure(&mut Section::new(&read(&table), 0..0, &problems));
        }
    }
    problems.asked()
}

#[test]
fn every_key_of_a_protocol_and_of_its_probes_stands_on_its_page() {
    let mut missing = Vec::new();
    for protocol in sekisho::builtin().protocols() {
        let path = format!("docs/{}.md", protocol.descriptor().name);
        let text =
            std::fs::read_to_string(root().join(&path)).unwrap_or_else(|_| panic!("{path} is missing"));
        let page: Vec<Table> =
            examples(|document| document == path).iter().map(super::Example::table).collect();
        let names = asked(&**protocol, &page).into_iter().filter(|key| !text.contains(&format!("`{key}`")));
        missing.extend(names.map(|key| format!("{path}: `{key}`")));
        for kind in protocol.probes() {
            let heading = format!("## Probe: `kind = \"{}\"`", kind.name());
            if !text.contains(&heading) {
                missing.push(format!("{path}: {heading}"));
            }
        }
    }
    assert!(missing.is_empty(), "not documented:\n{}", missing.join("\n"));
}

#[test]
fn no_page_describes_a_key_that_nobody_asks_for() {
    let builtin = sekisho::builtin();
    for protocol in builtin.protocols() {
        let path = format!("docs/{}.md", protocol.descriptor().name);
        let file = files().into_iter().find(|file| file.path == path).unwrap();
        let page: Vec<Table> =
            examples(|document| document == path).iter().map(super::Example::table).collect();
        let known = asked(&**protocol, &page);
        let text = file.text().unwrap();
        let mut of_keys = false;
        for line in text.lines() {
            of_keys = line.starts_with('|') && (of_keys || line.starts_with("| key "));
            let key = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()).filter(|_| of_keys);
            assert!(key.is_none_or(|key| known.contains(&key)), "{path} describes `{key:?}`");
        }
    }
}
