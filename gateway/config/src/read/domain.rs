//! `[domain.NAME]`: persistence domains.

use std::sync::Arc;

use sekisho_api::IdentityRules;
use sekisho_api::settings::Section;
use sekisho_scheduler::TableSpec;

use super::context::{Context, named};
use crate::defaults;
use crate::model::Domain;

/// The domain of VIPs that name none.
pub(super) const DEFAULT: &str = "default";

/// Reads all domains; [`DEFAULT`] is there even if it is not written.
pub(super) fn read<'a>(root: &mut Section<'a>, context: &Context<'a>) -> Vec<Domain> {
    let mut domains: Vec<Domain> = named(root, "domain", context)
        .into_iter()
        .map(|(name, section)| domain(name.text, section))
        .collect();
    if !domains.iter().any(|domain| &*domain.table.name == DEFAULT) {
        domains.insert(0, domain(DEFAULT, Section::absent(0..0, context.errors)));
    }
    domains
}

fn domain(name: &str, mut section: Section<'_>) -> Domain {
    let entries = section.integer("max-entries", defaults::TABLE_ENTRIES, defaults::TABLE_ENTRIES_ALLOWED);
    let bytes = section.size("max-bytes", defaults::TABLE_BYTES, defaults::TABLE_BYTES_ALLOWED);
    let table = TableSpec {
        name: Arc::from(name),
        max_entries: entries as usize,
        max_bytes: bytes as usize,
        expire: section.duration("expire", defaults::EXPIRE, defaults::EXPIRES),
    };
    let identity = section.table("identity").map_or_else(IdentityRules::default, |mut identity| {
        let rules = IdentityRules {
            keep_domain: identity.flag("keep-domain", false),
            strip_detail: identity.flag("strip-detail", false),
            case_sensitive: identity.flag("case-sensitive", false),
        };
        identity.finish();
        rules
    });
    section.finish();
    Domain { table, identity }
}
