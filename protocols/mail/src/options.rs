//! The keys of `[vip.NAME.PROTOCOL]` and `[pool.NAME.PROTOCOL]` that the siblings of IMAP have in common.

use std::sync::Arc;

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{IdentityRules, Networks, PoolSettings, VipContext};

use crate::{Dialect, Mechanism, NameIn, settings};

/// The options of one VIP.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How user names become identities.
    pub(crate) identity: IdentityRules,
    /// Mechanisms that are offered and taken.
    pub(crate) mechanisms: Vec<Mechanism>,
    /// Nobody logs in in clear.
    pub(crate) require_tls: bool,
    /// Clients may start TLS.
    pub(crate) start_tls: bool,
    /// What the greeting says.
    pub(crate) banner: Box<str>,
    /// What is offered besides logging in.
    pub(crate) list: Vec<Box<str>>,
    /// What stands between a user and the operator who logs in as that user.
    pub(crate) master_separator: Option<u8>,
    /// What in a certificate names the user.
    pub(crate) external_identity: NameIn,
    /// Logins that fail, before the connection ends.
    pub(crate) max_failed_logins: u8,
    /// Servers are told the client's address by XCLIENT.
    pub(crate) tell_address: bool,
    /// Other gateways, and web mail.
    pub(crate) trusted: Networks,
}

/// The options of one pool.
#[derive(Clone, Copy, Debug)]
struct PoolOptions {
    tell_address: bool,
}

/// Reads the options of a pool.
pub fn pool(section: &mut Section<'_>) -> PoolSettings {
    let words = [("xclient", true), ("off", false)];
    Arc::new(PoolOptions { tell_address: section.word("client-address", &words).unwrap_or(true) })
}

impl Options {
    /// Reads them; what is wrong is recorded in the section and replaced by the default.
    pub(crate) fn read<D: Dialect>(section: &mut Section<'_>, vip: &VipContext<'_>) -> Self {
        let pool = vip.pool_settings.first().and_then(Option::as_ref);
        let pool = pool.and_then(|settings| settings.downcast_ref::<PoolOptions>());
        let place = section.place("require-tls");
        let require_tls = section.flag("require-tls", vip.start_tls);
        if require_tls && !vip.tls && !vip.start_tls {
            let problem = Problem::new(place, "nobody can log in", "this VIP has no `tls`");
            section.problem(problem.help("give it `tls`, with mode = \"starttls\" where clients start it"));
        }
        Self {
            identity: vip.identity.clone(),
            mechanisms: settings::mechanisms(section, vip.tls || vip.start_tls),
            require_tls,
            start_tls: vip.start_tls,
            banner: settings::banner(section).unwrap_or(D::BANNER).into(),
            list: list::<D>(section),
            master_separator: settings::master_separator(section),
            external_identity: settings::external_identity(section),
            max_failed_logins: settings::max_failed_logins(section),
            tell_address: pool.is_none_or(|pool| pool.tell_address),
            trusted: vip.trusted.clone(),
        }
    }

    /// Whether somebody may log in on such a connection.
    pub(crate) fn lets_log_in(&self, secured: bool) -> bool {
        secured || !self.require_tls
    }
}

/// What the gateway offers on a connection.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    pub(crate) options: &'a Options,
    pub(crate) secured: bool,
    /// The client has shown a certificate that names a user.
    pub(crate) certified: bool,
    pub(crate) name: Option<&'a [u8]>,
}

impl<'a> Offer<'a> {
    /// What the greeting says.
    pub fn banner(&self) -> &'a str {
        &self.options.banner
    }

    /// What is offered besides logging in.
    pub fn list(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.options.list.iter().map(|entry| &**entry)
    }

    /// Whether TLS may be started.
    pub fn starts_tls(&self) -> bool {
        self.options.start_tls && !self.secured
    }

    /// Whether somebody may log in.
    pub fn lets_log_in(&self) -> bool {
        self.options.lets_log_in(self.secured)
    }

    /// The mechanisms, with one space between them; none where nobody may log in.
    pub fn mechanisms(&self) -> String {
        let offered = self.taken().filter(|_| self.lets_log_in());
        offered.map(Mechanism::name).collect::<Vec<_>>().join(" ")
    }

    /// The mechanism of this name, in any case, if it is one of those.
    pub fn mechanism(&self, name: &[u8]) -> Option<Mechanism> {
        self.taken().find(|mechanism| name.eq_ignore_ascii_case(mechanism.name().as_bytes()))
    }

    /// Mechanisms that are taken from whoever may log in; EXTERNAL only where there is a certificate.
    fn taken(&self) -> impl Iterator<Item = Mechanism> + use<'a> {
        let certified = self.certified;
        let mechanisms = self.options.mechanisms.iter().copied();
        mechanisms.filter(move |&mechanism| mechanism != Mechanism::External || certified)
    }

    /// What the client calls itself, if it has said so.
    pub fn name(&self) -> Option<&'a [u8]> {
        self.name
    }
}

fn list<D: Dialect>(section: &mut Section<'_>) -> Vec<Box<str>> {
    let Some(entries) = section.texts(D::LIST.key) else {
        return D::LIST.default.iter().map(|&entry| entry.into()).collect();
    };
    let mut list = Vec::new();
    for entry in entries {
        let first = entry.value.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let inner = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' && D::LIST.words;
        if first.is_empty() || entry.value.len() > 255 || !entry.value.chars().all(inner) {
            let message = format!("`{}` cannot be offered", entry.value);
            section.problem(Problem::new(entry.span, message, "a name as the protocol has it is expected"));
        } else if D::LIST.own.contains(&first.as_str()) {
            let message = format!("`{first}` is the gateway's own to say");
            let problem = Problem::new(entry.span, message, "it depends on the connection");
            section.problem(problem.help("`tls`, `require-tls` and `mechanisms` decide it"));
        } else {
            list.push(entry.value.into());
        }
    }
    list
}
