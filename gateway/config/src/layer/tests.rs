//! What the layer promises.

use std::path::Path;
use std::time::SystemTime;

use super::{Layer, Place};
use crate::tests::fake;
use crate::{Layered, check_layered};

const FILE: &str = "\
# The site.
[vip.web]
listen = '127.0.0.1:0'   # for all
protocol = 'tcp'
pool = 'web'

[pool.web]
# Both in the cellar.
servers = { www1 = '10.0.0.21:80', www2 = '10.0.0.22:80' }
";

fn server(name: &str) -> Place {
    Place::Server { pool: "web".into(), server: name.into() }
}

fn value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}")).unwrap().remove("value").unwrap()
}

fn load(layer: &Layer) -> Result<Layered, String> {
    let now = SystemTime::UNIX_EPOCH;
    check_layered(FILE, layer, "gateway.toml", Path::new(""), &fake::registry(), now)
        .map_err(|report| report.to_string())
}

fn servers(layered: &Layered) -> Vec<String> {
    let servers = layered.loaded.config.pools[0].spec.servers.iter();
    servers.map(|server| format!("{}*{}", server.name, server.weight)).collect()
}

#[test]
fn report_for_a_log_says_where_and_shows_no_line() {
    let text = "change = [{ at = ['vip', 'web'], set = { password = 'hunter2' }, more = 1 }]\n";
    let report = Layer::read(text).unwrap_err();
    assert!(report.to_string().contains("hunter2"), "for eyes at a terminal:\n{report}");
    let logged = report.without_lines();
    assert!(logged.contains("this is no change\n --> runtime layer:"), "{logged}");
    assert!(!logged.contains("hunter2"), "{logged}");
}

#[test]
fn what_is_set_replaces_and_what_is_removed_is_gone() {
    let mut layer = Layer::default();
    layer.set(server("www.3"), value("{ address = '10.0.0.23:80', weight = 5 }"));
    layer.set(server("www2"), value("{ address = '10.0.0.22:80', weight = 7 }"));
    layer.remove(server("www1"));
    assert_eq!(servers(&load(&layer).unwrap()), ["www2*7", "www.3*5"]);
    assert_eq!(Layer::read(&layer.text()).unwrap(), layer);
    layer.remove(server("www.3"));
    assert_eq!(servers(&load(&layer).unwrap()), ["www2*7"]);
    layer.set(Place::Pool("web".into()), value("{ servers = { one = '10.0.0.1:80' } }"));
    assert_eq!(layer.len(), 1, "a whole pool leaves nothing of what was said about its servers");
    assert_eq!(servers(&load(&layer).unwrap()), ["one*1"]);
}

#[test]
fn mistake_in_the_layer_is_shown_in_the_layer() {
    let mut layer = Layer::default();
    layer.set(server("www3"), value("{ address = '10.0.0.23:80', wieght = 2 }"));
    let report = load(&layer).unwrap_err();
    assert!(report.contains("--> runtime layer:3:"), "{report}");
    assert!(report.contains("did you mean `weight`"), "{report}");
    assert!(report.contains("wieght = 2"), "{report}");
}

#[test]
fn server_of_a_pool_that_left_the_file_is_left_out_with_a_warning() {
    let mut layer = Layer::default();
    layer.set(Place::Server { pool: "gone".into(), server: "a".into() }, value("'10.0.0.1:80'"));
    let layered = load(&layer).unwrap();
    assert_eq!(layered.loaded.warnings.warnings(), 1);
    assert!(layered.loaded.warnings.to_string().contains("server gone/a is left out"));
}

#[test]
fn saved_file_keeps_its_comments_and_says_what_was_in_force() {
    let mut layer = Layer::default();
    layer.set(server("www.3"), value("{ address = '10.0.0.23:80', weight = 5 }"));
    layer.remove(server("www1"));
    layer.set(
        Place::Vip("new".into()),
        value("{ listen = ['127.0.0.1:0'], protocol = 'tcp', pool = 'web', timeouts = { idle = '5m' } }"),
    );
    let before = load(&layer).unwrap();
    let saved = layer.save(FILE).unwrap();
    for kept in ["# The site.\n", "# for all\n", "# Both in the cellar.\n"] {
        assert!(saved.contains(kept), "{saved}");
    }
    assert!(saved.contains("\n[vip.new]\n"), "{saved}");
    let after =
        crate::check(&saved, "gateway.toml", Path::new(""), &fake::registry(), SystemTime::UNIX_EPOCH);
    let after = after.unwrap_or_else(|report| panic!("{report}\n{saved}"));
    assert_eq!(
        format!("{:?}", after.config.pools[0].spec),
        format!("{:?}", before.loaded.config.pools[0].spec)
    );
    assert_eq!(after.config.vips.len(), 2);
    assert!(layer.differences(&saved, |_| false).is_empty(), "{:?}", layer.differences(&saved, |_| false));
}

#[test]
fn difference_is_told_for_each_place_with_both_sides() {
    let mut layer = Layer::default();
    layer.remove(server("www1"));
    layer.set(server("www2"), value("'10.0.0.22:80'"));
    let differences = layer.differences(FILE, |_| false);
    assert_eq!(differences.len(), 1, "what is set as the file has it is no difference: {differences:?}");
    assert_eq!(differences[0].file.as_deref(), Some("\"10.0.0.21:80\""));
    assert_eq!(differences[0].layer, None);
}

#[test]
fn text_that_is_no_layer_is_refused() {
    for text in [
        "x = 1",
        "[[change]]\nat = ['gateway']\nremove = true",
        "[[change]]\nat = ['vip', 'a']",
        "[[change]]\nat = ['vip', 'a']\nremove = false",
        "[[change]]\nat = ['vip', 'a']\nremove = true\nset = {}",
        "[[change]]\nat = ['pool', 'a', 'method', 'b']\nset = 1",
        "change = [1]",
    ] {
        assert!(Layer::read(text).is_err(), "{text}");
    }
}
