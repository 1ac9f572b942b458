//! `[network]`: what the gateway tells the kernel.

use sekisho_api::settings::Section;

use super::context::Context;
use crate::defaults;
use crate::model::ReturnPath;

/// Reads the table; every key has a default.
pub(super) fn read(root: &mut Section<'_>, context: &Context<'_>) -> ReturnPath {
    let mut section =
        root.table("network").unwrap_or_else(|| Section::absent(root.place("network"), context.errors));
    let number = |section: &mut Section<'_>, key, default, bounds: std::ops::RangeInclusive<u64>| {
        u32::try_from(section.integer(key, default, bounds)).unwrap_or(u32::MAX)
    };
    let path = ReturnPath {
        manage: section.flag("manage", true),
        mark: number(&mut section, "mark", defaults::MARK, 1..=u64::from(u32::MAX)),
        table: number(&mut section, "table", defaults::ROUTES, defaults::ROUTE_TABLES),
        priority: number(&mut section, "priority", defaults::PRIORITY, 1..=32_765),
    };
    section.finish();
    path
}
