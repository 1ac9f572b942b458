//! `[pool.NAME.PROTOCOL]`: what a protocol reads of a pool.

use std::collections::BTreeMap;

use sekisho_api::settings::{Section, Span};
use sekisho_api::{PoolContext, PoolSettings};

use super::super::context::{Context, Name};

/// The protocols' settings, and where their tables stand.
pub(super) fn read(
    name: &Name<'_>,
    pool: &mut Section<'_>,
    context: &Context<'_>,
) -> (BTreeMap<&'static str, PoolSettings>, Vec<(&'static str, Span)>) {
    let (mut settings, mut tables) = (BTreeMap::new(), Vec::new());
    for protocol in context.registry.protocols() {
        let own = protocol.descriptor().name;
        if !pool.has(own) {
            continue;
        }
        tables.push((own, pool.place(own)));
        let Some(mut options) = pool.table(own) else { continue };
        let read = protocol.configure_pool(&mut options, &PoolContext { name: name.text });
        options.finish();
        settings.extend(read.map(|read| (own, read)));
    }
    (settings, tables)
}
