//! `rate-limits` in the configuration.

use http::StatusCode;
use sekisho_api::settings::{Problem, Section, Value};
use sekisho_api::{Networks, VipContext};

use super::key::By;
use super::rate::Rate;
use super::{Kept, Limit, Rates};
use crate::rules::Criteria;

impl Rates {
    /// Reads `rate-limits`, tables by name. What is wrong is recorded and left out.
    pub(crate) fn read(section: &mut Section<'_>, vip: &VipContext<'_>, kept: &Kept) -> Self {
        let Some(table) = section.table("rate-limits") else { return Self::default() };
        let mut limits = Vec::new();
        for (name, _, node) in table.entries() {
            let Value::Table(one) = &node.value else {
                let message = format!("rate limit `{name}` must be a table");
                let problem =
                    Problem::new(node.span.clone(), message, format!("this is {}", node.value.kind()));
                table.problem(problem.help("such as { key = \"client\", rate = \"100/s\" }"));
                continue;
            };
            let mut one = Section::new(one, node.span.clone(), table.problems());
            limits.extend(limit(&mut one, name, vip, kept));
            one.finish();
        }
        Self(limits.into())
    }
}

fn limit(section: &mut Section<'_>, name: &str, vip: &VipContext<'_>, kept: &Kept) -> Option<Limit> {
    if !section.has("rate") {
        section.missing("rate", "write how many requests may come: rate = \"100/s\"");
    }
    let rate = section.parsed::<Rate>("rate", "a rate, such as \"100/s\", \"30/m\" or \"1000/h\"");
    let burst = section.optional_integer("burst", 1..=Rate::MOST_AT_ONCE);
    let keys = section.integer("max-keys", KEYS, KEYS_ALLOWED);
    let criteria = Criteria::read(section);
    let by = By::read(section);
    let exempt = Networks::read(section, "exempt").unwrap_or_default();
    let status = section.integer("status", 429, 400..=599);
    let log_only = section.flag("log-only", false);
    let rate = rate?.value;
    let rate = Rate { burst: burst.unwrap_or(rate.burst), ..rate };
    let buckets = kept.buckets(vip.name, name, rate, usize::try_from(keys).unwrap_or(usize::MAX));
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    Some(Limit { name: name.into(), criteria, by, exempt, status, log_only, buckets })
}

/// Half a megabyte.
const KEYS: u64 = 65_536;
/// 128 MiB at the most.
const KEYS_ALLOWED: std::ops::RangeInclusive<u64> = 8..=16_777_216;
