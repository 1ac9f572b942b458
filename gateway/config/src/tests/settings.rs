//! What protocols read of pools comes back to their VIPs, pool by pool.

use std::sync::{Arc, Mutex};

use sekisho_api::settings::Section;
use sekisho_api::{Descriptor, Handler, PoolContext, PoolSettings, Protocol, Transport, VipContext};

use super::fake;
use super::folder::{Folder, now};
use crate::Registry;
use crate::load::examine;

/// What a VIP was shown: its name, and what of each pool.
type Shown = (String, Vec<Option<String>>);

/// A protocol that remembers what it was shown.
#[derive(Debug)]
struct Witness(Arc<Mutex<Vec<Shown>>>);

impl Protocol for Witness {
    fn descriptor(&self) -> Descriptor {
        Descriptor { name: "witness", summary: "remembers", transport: Transport::Tcp, keys: &[] }
    }

    fn configure(&self, _: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        assert_eq!(vip.pools.len(), vip.pool_settings.len());
        let text = |settings: &Option<PoolSettings>| settings.as_ref()?.downcast_ref::<String>().cloned();
        let shown = vip.pool_settings.iter().map(text).collect();
        self.0.lock().unwrap().push((vip.name.to_owned(), shown));
        None
    }

    fn configure_pool(&self, options: &mut Section<'_>, pool: &PoolContext<'_>) -> Option<PoolSettings> {
        let word = options.text("word")?.value;
        Some(Arc::new(format!("{} of {}", word, pool.name)))
    }
}

#[test]
fn vip_is_shown_its_protocols_settings_of_each_of_its_pools_in_their_order() {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let registry = Registry::new().with(Witness(shown.clone()));
    let folder = Folder::new();
    let text = r#"
        [vip.one]
        listen = ["192.0.2.10:1"]
        protocol = "witness"
        pool = "c"
        pools = ["b", "a"]

        [vip.two]
        listen = ["192.0.2.10:2"]
        protocol = "witness"
        pool = "b"

        [pool.a]
        servers = { a1 = "10.0.0.1:1" }
        witness = { word = "first" }

        [pool.b]
        servers = { b1 = "10.0.0.2:1" }

        [pool.c]
        servers = { c1 = "10.0.0.3:1" }
        witness = { word = "last" }
    "#;
    // No handler is made here, which refuses the file; what was shown is the point.
    examine(text, "gateway.toml", folder.path(), &registry, now(), fake::resolve).unwrap_err();
    let expected: [Shown; 2] = [
        ("one".to_owned(), vec![Some("last of c".to_owned()), None, Some("first of a".to_owned())]),
        ("two".to_owned(), vec![None]),
    ];
    assert_eq!(*shown.lock().unwrap(), expected);
}
