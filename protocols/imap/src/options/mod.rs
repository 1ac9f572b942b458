//! The keys of `[vip.NAME.imap]` and `[pool.NAME.imap]`.

mod capabilities;
mod offer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{IdentityRules, Networks, PoolSettings, VipContext};
use sekisho_mail::settings::{self, MAX_FAILED_LOGINS};
use sekisho_mail::{Mechanism, MechanismSet, NameIn};

use capabilities::capabilities;
use offer::Lists;
pub(crate) use offer::{Channel, Offer};

/// The options of one VIP.
#[derive(Debug)]
pub(crate) struct Options {
    /// The VIP's name.
    pub(crate) vip: Box<str>,
    /// How user names become identities.
    pub(crate) identity: IdentityRules,
    /// Ways of logging in that are taken, besides LOGIN.
    pub(crate) mechanisms: MechanismSet,
    /// Nobody logs in in clear.
    pub(crate) require_tls: bool,
    /// Clients may start TLS.
    pub(crate) start_tls: bool,
    /// What stands between a user and the operator who logs in as that user.
    pub(crate) master_separator: Option<u8>,
    /// Servers are told the client's address by ID.
    pub(crate) tell_address: bool,
    /// What in a certificate names the user.
    pub(crate) external_identity: NameIn,
    /// Logins that fail, before the connection ends.
    pub(crate) max_failed_logins: u8,
    /// Other gateways, whose word is taken for who their clients are.
    pub(crate) trusted: Networks,
    /// What is said of all this, by [`Channel`].
    pub(crate) offers: [Offer; 3],
    /// How often a server took no password.
    pub(crate) unwilling: AtomicU64,
}

/// The options of one pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolOptions {
    /// Its servers are told the client's address by ID, where they offer that.
    pub(crate) tell_address: bool,
}

impl Options {
    /// Reads them; what is wrong is recorded in the section and replaced by the default.
    pub(crate) fn read(section: &mut Section<'_>, vip: &VipContext<'_>) -> Self {
        let pool = vip.pool_settings.first().and_then(Option::as_ref);
        let pool = pool.and_then(|settings| settings.downcast_ref::<PoolOptions>());
        let place = section.place("require-tls");
        let require_tls = section.flag("require-tls", vip.start_tls);
        if require_tls && !vip.tls && !vip.start_tls {
            let problem = Problem::new(place, "nobody can log in", "this VIP has no `tls`");
            section.problem(problem.help("give it `tls`, with mode = \"starttls\" on port 143"));
        }
        let mechanisms = settings::mechanisms(section, vip.tls || vip.start_tls);
        let capabilities = capabilities(section);
        let banner = settings::banner(section).unwrap_or("IMAP ready");
        let lists = Lists { mechanisms: &mechanisms, capabilities: &capabilities, banner };
        Self {
            vip: vip.name.into(),
            identity: vip.identity.clone(),
            mechanisms: mechanisms.iter().copied().collect(),
            require_tls,
            start_tls: vip.start_tls,
            master_separator: settings::master_separator(section),
            tell_address: pool.is_none_or(|pool| pool.tell_address),
            external_identity: settings::external_identity(section),
            max_failed_logins: settings::max_failed_logins(section),
            trusted: vip.trusted.clone(),
            offers: lists.offers(vip.start_tls, require_tls),
            unwilling: AtomicU64::new(0),
        }
    }

    /// What offers this, and has the defaults of everything else.
    pub(crate) fn offering(
        mechanisms: &[Mechanism],
        capabilities: &str,
        start_tls: bool,
        require_tls: bool,
    ) -> Self {
        Self {
            vip: "mail".into(),
            identity: IdentityRules::default(),
            mechanisms: mechanisms.iter().copied().collect(),
            require_tls,
            start_tls,
            master_separator: None,
            tell_address: true,
            external_identity: NameIn::default(),
            max_failed_logins: MAX_FAILED_LOGINS,
            trusted: Networks::default(),
            offers: Lists { mechanisms, capabilities, banner: "hi" }.offers(start_tls, require_tls),
            unwilling: AtomicU64::new(0),
        }
    }

    /// What is said of logging in on such a connection.
    pub(crate) fn offer(&self, channel: Channel) -> &Offer {
        let [clear, secured, certified] = &self.offers;
        match channel {
            Channel::Clear => clear,
            Channel::Secured => secured,
            Channel::Certified => certified,
        }
    }

    /// Whether somebody may log in on such a connection.
    pub(crate) fn lets_log_in(&self, channel: Channel) -> bool {
        channel != Channel::Clear || !self.require_tls
    }

    /// The mechanism of this name, if it is taken on such a connection.
    pub(crate) fn mechanism(&self, name: &[u8], channel: Channel) -> Option<Mechanism> {
        let external = name.eq_ignore_ascii_case(Mechanism::External.name().as_bytes());
        let vouched = (external && channel == Channel::Certified).then_some(Mechanism::External);
        Mechanism::named(name).or(vouched).filter(|&mechanism| self.mechanisms.contains(mechanism))
    }

    /// A server took no password, which an operator should hear of, if not every time: at the first one, and each time
    /// that they have become twice as many.
    pub(crate) fn warn_of_unwilling(&self, server: &str) {
        let count = self.unwilling.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            tracing::warn!(
                vip = &*self.vip,
                server,
                count,
                "Server takes no password (LOGINDISABLED): does it know that the client's connection is secured?"
            );
        }
    }
}

/// Reads the options of a pool.
pub(crate) fn pool(section: &mut Section<'_>) -> PoolSettings {
    let words = [("id", true), ("off", false)];
    Arc::new(PoolOptions { tell_address: section.word("client-address", &words).unwrap_or(true) })
}
