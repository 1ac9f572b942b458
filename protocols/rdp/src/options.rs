//! The keys of `[vip.NAME.rdp]`.

use std::collections::BTreeMap;

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{IdentityRules, VipContext};

use crate::key::{Rules, WeakKey};

/// The options of one VIP.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// How cookies are understood.
    pub(crate) rules: Rules,
    /// How user names become identities.
    pub(crate) identity: IdentityRules,
    /// Pools, as indices into those of the VIP, by the line that names them.
    pub(crate) routes: BTreeMap<Box<str>, usize>,
    /// What a client is told where there is no server.
    pub(crate) refusal: Refusal,
}

/// What a client is told where there is no server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// That it is disconnected: it ends, and does not try again by itself.
    #[default]
    Disconnect,
    /// Nothing: the connection closes, and most clients try once more.
    Close,
}

/// A name of the NetBIOS kind has 15 characters; one of the DNS has 255.
const DOMAIN_MAX: usize = 255;

impl Options {
    /// Reads them; what is wrong is recorded in the section and left out.
    pub(crate) fn read(section: &mut Section<'_>, vip: &VipContext<'_>) -> Self {
        let weak = [("both", WeakKey::Both), ("cookie", WeakKey::Cookie), ("address", WeakKey::Address)];
        let refusal = [("disconnect", Refusal::Disconnect), ("close", Refusal::Close)];
        Self {
            rules: Rules {
                domains: domains(section),
                weak: section.word("weak-key", &weak).unwrap_or_default(),
            },
            identity: vip.identity.clone(),
            routes: routes(section, vip),
            refusal: section.word("refusal", &refusal).unwrap_or_default(),
        }
    }

    /// The pool that a line names; 0, the VIP's `pool`, if none does.
    pub(crate) fn pool(&self, hint: &[u8]) -> usize {
        let named = std::str::from_utf8(hint).ok().and_then(|hint| self.routes.get(hint));
        named.copied().unwrap_or(0)
    }
}

fn domains(section: &mut Section<'_>) -> Box<[Box<str>]> {
    let mut domains = Vec::new();
    for domain in section.texts("known-domains").unwrap_or_default() {
        if domain.value.is_empty()
            || domain.value.len() > DOMAIN_MAX
            || domain.value.contains(['\\', '/', '@'])
        {
            let message = format!("`{}` is not a domain", domain.value);
            let problem = Problem::new(domain.span, message, "a name as it stands before the `\\`");
            section.problem(problem.help("write it without separators: known-domains = [\"SALES\"]"));
            continue;
        }
        domains.push(domain.value.to_lowercase().into());
    }
    domains.into()
}

/// Reads `routes = { "tsv://MS Terminal Services Plugin.1.Accounting" = "accounting" }`.
fn routes(section: &mut Section<'_>, vip: &VipContext<'_>) -> BTreeMap<Box<str>, usize> {
    let routes = vip.routes(section, "routes").into_iter();
    routes.map(|(line, _, pool)| (line.trim().into(), pool)).collect()
}
