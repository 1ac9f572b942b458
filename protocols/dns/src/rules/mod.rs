//! Rules that send queries to other pools, or answer them.
//!
//! The first rule that matches wins. A name matches where one of the rule's names is its end, label by label: all
//! names of all rules stand in one table by a hash of their labels from the root down, so that a query costs one
//! look-up for each of its labels, whatever the number of rules and names. Hashes are keyed at random and 64 bits
//! wide; what stands behind them is not compared.

mod read;
mod suffixes;

use std::net::IpAddr;

use sekisho_api::Networks;

use crate::wire::Question;
use suffixes::Suffixes;

/// The rules of one VIP.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Box<[Rule]>,
    suffixes: Suffixes,
    /// Rules without names, in their order.
    nameless: Box<[usize]>,
}

/// One rule: what it looks at besides the name, and what it does.
#[derive(Debug)]
struct Rule {
    /// Empty: every type.
    kinds: Box<[u16]>,
    /// None: every client.
    clients: Option<Networks>,
    action: Action,
}

/// What a rule does with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It goes to the pool of this index.
    Pool(usize),
    /// The gateway says that there is no such name, for this reason.
    NxDomain(Reason),
    /// The gateway refuses, for this reason.
    Refuse(Reason),
    /// Silence.
    Drop,
}

/// Why a query is not answered, as extended errors tell it (RFC 8914, sections 4.16 and 4.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The operator does not want it: code 15.
    Blocked,
    /// The client's side asked for it: code 17.
    Filtered,
}

impl Reason {
    /// The code of the extended error.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::Blocked => 15,
            Self::Filtered => 17,
        }
    }
}

impl Rules {
    /// What happens to a query; none: no rule matches.
    pub(crate) fn find(&self, question: Option<&Question<'_>>, client: IpAddr) -> Option<Action> {
        if self.rules.is_empty() {
            return None;
        }
        let kind = question.map(|question| question.kind);
        let mut first = self.first(&self.nameless, usize::MAX, kind, client);
        if let Some(question) = question {
            self.suffixes.each(question.name, |rules| {
                first = first.min(self.first(rules, first, kind, client));
            });
        }
        self.rules.get(first).map(|rule| rule.action)
    }

    /// The first of `rules`, which stand in their order, that matches in everything but the name and comes before
    /// `limit`.
    fn first(&self, rules: &[usize], limit: usize, kind: Option<u16>, client: IpAddr) -> usize {
        let before = rules.iter().copied().take_while(|&rule| rule < limit);
        before
            .filter_map(|index| Some((index, self.rules.get(index)?)))
            .find(|(_, rule)| rule.matches(kind, client))
            .map_or(usize::MAX, |(index, _)| index)
    }
}

impl Rule {
    fn matches(&self, kind: Option<u16>, client: IpAddr) -> bool {
        let kind = self.kinds.is_empty() || kind.is_some_and(|kind| self.kinds.contains(&kind));
        kind && self.clients.as_ref().is_none_or(|clients| clients.contains(client))
    }
}

#[cfg(test)]
mod tests;
