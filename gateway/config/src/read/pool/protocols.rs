//! `[pool.NAME.PROTOCOL]`: what a protocol reads of a pool.

use std::collections::BTreeMap;

use sekisho_api::settings::{Section, Span};
use sekisho_api::{PoolContext, PoolSettings};

use super::super::context::{Context, Name};
use crate::model::ServerTls;

/// What TLS offers to a pool's servers where its `tls` does not say so.
pub(super) fn offer(
    tls: &mut Option<ServerTls>,
    settings: &BTreeMap<&'static str, PoolSettings>,
    context: &Context<'_>,
) {
    let Some(tls) = tls.as_mut().filter(|tls| tls.alpn.is_empty()) else { return };
    let registered = context.registry.protocols().iter();
    let offers = registered
        .filter_map(|protocol| Some(protocol.server_alpn(settings.get(protocol.descriptor().name)?)));
    let offer = offers.into_iter().find(|offer| !offer.is_empty()).unwrap_or_default();
    tls.alpn = offer.iter().map(|&name| name.to_owned()).collect();
}

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
