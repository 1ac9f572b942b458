//! From an example to a configuration that can be loaded here.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use toml::{Table, Value};

/// Fills in what a whole file needs and a fragment leaves out.
pub(super) fn fill(root: &mut Table) {
    let (mut pools, mut domains) = (BTreeSet::from(["web".to_owned()]), BTreeSet::new());
    for (number, (_, vip)) in inner(root, "vip").iter_mut().enumerate() {
        let Value::Table(vip) = vip else { continue };
        vip.entry("listen").or_insert_with(|| format!("192.0.2.200:{}", 20_000 + number).into());
        vip.entry("protocol").or_insert_with(|| "http".into());
        vip.entry("pool").or_insert_with(|| "web".into());
        pools.extend(["pool", "pools"].into_iter().flat_map(|key| texts(vip, key)));
        domains.extend(texts(vip, "domain").into_iter().filter(|name| name != "default"));
    }
    for name in domains {
        inner(inner(root, "domain"), &name);
    }
    let tables = inner(root, "pool");
    pools.iter().for_each(|name| _ = inner(tables, name));
    for (_, pool) in tables {
        let Value::Table(pool) = pool else { continue };
        pool.entry("servers")
            .or_insert_with(|| Table::from_iter([("www1".to_owned(), "10.0.0.21:80".into())]).into());
    }
}

/// Points paths at the test's files, and gives servers addresses where the example has host names: no test asks the
/// network.
pub(super) fn adapt(root: &mut Table) {
    for (_, pool) in inner(root, "pool") {
        let servers = pool.get_mut("servers").and_then(Value::as_table_mut);
        for (_, server) in servers.into_iter().flatten() {
            let address = if server.is_table() { server.get_mut("address") } else { Some(server) };
            let Some(Value::String(address)) = address else { continue };
            if address.parse::<SocketAddr>().is_err() {
                "192.0.2.99:80".clone_into(address);
            }
        }
    }
    root.iter_mut().for_each(|(key, value)| files_of(key, value));
}

fn files_of(key: &str, value: &mut Value) {
    let file = match key {
        "certificates" | "certificate" | "key" => "www.example.org.pem",
        "client-ca" | "ca" => "authority.pem",
        "keys" => "keys.json",
        "tokens" => "tokens",
        "secret-file" | "password-file" => "secret",
        "state-directory" => "state",
        "4xx" | "5xx" | "503" | "file" => "page.html",
        _ => "",
    };
    match value {
        // A key may be one that something is counted by.
        Value::String(path) if !file.is_empty() && (key != "key" || path.contains('.')) => {
            file.clone_into(path);
        }
        Value::Table(table) => table.iter_mut().for_each(|(key, value)| files_of(key, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| files_of(key, item)),
        _ => {}
    }
}

/// The table `key`, made if it is not there.
fn inner<'t>(table: &'t mut Table, key: &str) -> &'t mut Table {
    let value = table.entry(key).or_insert_with(|| Table::new().into());
    value.as_table_mut().unwrap_or_else(|| panic!("`{key}` is no table"))
}

/// The text under `key`, or the list of them.
fn texts(table: &Table, key: &str) -> Vec<String> {
    let one = |value: &Value| value.as_str().map(str::to_owned);
    match table.get(key) {
        Some(Value::Array(items)) => items.iter().filter_map(one).collect(),
        value => value.and_then(one).into_iter().collect(),
    }
}
