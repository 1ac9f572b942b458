//! What only shows when the tables are looked at together.

use std::collections::HashMap;

use sekisho_api::settings::Problem;

use super::super::context::Context;
use super::Read;
use crate::model::VrrpMode;

pub(super) fn check(tables: &[Read], context: &Context<'_>) {
    addresses(tables, context);
    routers(tables, context);
    groups(tables, context);
}

fn addresses(tables: &[Read], context: &Context<'_>) {
    let mut taken = HashMap::new();
    for table in tables {
        for (address, span) in table.addresses() {
            let Some(by) = taken.insert(address, &table.vrrp.name) else { continue };
            let label = if *by == table.vrrp.name {
                "this table lists it twice".to_owned()
            } else {
                format!("`vrrp.{by}` moves it")
            };
            context.error(Problem::new(span.clone(), format!("{address} moves already"), label));
        }
    }
}

fn routers(tables: &[Read], context: &Context<'_>) {
    let mut taken = HashMap::new();
    for table in tables.iter().filter(|table| table.vrrp.mode == VrrpMode::BuiltIn) {
        let reported = table.families().filter_map(|ipv6| {
            taken.insert((&table.vrrp.interface, table.vrrp.router_id, ipv6), &table.vrrp.name)
        });
        if let Some(by) = reported.last() {
            let message = format!("virtual router {} is taken on this interface", table.vrrp.router_id);
            let problem = Problem::new(table.router.clone(), message, format!("`vrrp.{by}` has it"));
            context.error(problem.help("give each table of an interface a number of its own"));
        }
    }
}

/// Who moves together decides together.
fn groups(tables: &[Read], context: &Context<'_>) {
    let mut known: HashMap<_, &Read> = HashMap::new();
    for table in tables {
        let first = *known.entry(&table.vrrp.group).or_insert(table);
        let rules = |table: &Read| (table.vrrp.mode, table.vrrp.preempt, table.vrrp.preempt_delay);
        if rules(first) != rules(table) {
            let message = format!("the tables of group `{}` do not agree", table.vrrp.group);
            let label =
                format!("`vrrp.{}` has another `mode`, `preempt` or `preempt-delay`", first.vrrp.name);
            let problem = Problem::new(table.preempt.clone(), message, label);
            context.error(problem.help("give all tables of a group the same"));
        }
    }
}
