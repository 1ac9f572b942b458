//! The keys of `[vip.NAME.imap]` and `[pool.NAME.imap]`.

use std::fmt::Write;
use std::sync::Arc;

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{IdentityRules, PoolSettings, VipContext};

use sekisho_mail::Mechanism;

/// The options of one VIP.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How user names become identities.
    pub(crate) identity: IdentityRules,
    /// Ways of logging in that are offered and taken, besides LOGIN.
    pub(crate) mechanisms: Vec<Mechanism>,
    /// Nobody logs in in clear.
    pub(crate) require_tls: bool,
    /// Clients may start TLS.
    pub(crate) start_tls: bool,
    /// What the greeting says behind its capabilities.
    pub(crate) banner: Box<str>,
    /// Capabilities besides those that logging in needs.
    pub(crate) capabilities: Box<str>,
    /// What stands between a user and the operator who logs in as that user.
    pub(crate) master_separator: Option<u8>,
    /// Servers are told the client's address by ID.
    pub(crate) tell_address: bool,
}

/// The options of one pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolOptions {
    /// Its servers are told the client's address by ID, where they offer that.
    pub(crate) tell_address: bool,
}

/// What every server of the last twenty years has, and clients ask before they log in.
const CAPABILITIES: &str = "IDLE ENABLE";

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
        Self {
            identity: vip.identity.clone(),
            mechanisms: mechanisms(section),
            require_tls,
            start_tls: vip.start_tls,
            banner: text(section, "banner").unwrap_or_else(|| "IMAP ready".into()),
            capabilities: capabilities(section),
            master_separator: separator(section),
            tell_address: pool.is_none_or(|pool| pool.tell_address),
        }
    }

    /// The capabilities of a connection (RFC 9051, section 6.1.1), equal in the greeting and in the answer to the
    /// command.
    pub(crate) fn capabilities(&self, secured: bool) -> String {
        // LITERAL-, since what is taken before login is bounded; literals that do not wait are taken all the same.
        let mut list = "IMAP4rev1 LITERAL- SASL-IR ID".to_owned();
        if !self.capabilities.is_empty() {
            list = list + " " + &self.capabilities;
        }
        if self.start_tls && !secured {
            list += " STARTTLS";
        }
        if self.lets_log_in(secured) {
            for mechanism in &self.mechanisms {
                // Writing to a string cannot fail.
                _ = write!(list, " AUTH={}", mechanism.name());
            }
        } else {
            list += " LOGINDISABLED";
        }
        list
    }

    /// Whether somebody may log in on such a connection.
    pub(crate) fn lets_log_in(&self, secured: bool) -> bool {
        secured || !self.require_tls
    }
}

/// Reads the options of a pool.
pub(crate) fn pool(section: &mut Section<'_>) -> PoolSettings {
    let words = [("id", true), ("off", false)];
    Arc::new(PoolOptions { tell_address: section.word("client-address", &words).unwrap_or(true) })
}

fn mechanisms(section: &mut Section<'_>) -> Vec<Mechanism> {
    let Some(names) = section.texts("mechanisms") else { return vec![Mechanism::Plain, Mechanism::Login] };
    let mut mechanisms = Vec::new();
    for name in names {
        match Mechanism::named(name.value.as_bytes()) {
            Some(mechanism) if !mechanisms.contains(&mechanism) => mechanisms.push(mechanism),
            Some(_) => {}
            None => {
                let message = format!("unknown mechanism `{}`", name.value);
                let known = Mechanism::ALL.map(|mechanism| mechanism.name().to_lowercase()).join(", ");
                let problem = Problem::new(name.span, message, "none that the gateway can pass on");
                section.problem(problem.help(format!("known: {known}")));
            }
        }
    }
    mechanisms
}

/// Names with one space between them.
fn capabilities(section: &mut Section<'_>) -> Box<str> {
    let Some(names) = section.texts("capabilities") else { return CAPABILITIES.into() };
    let mut list: Vec<&str> = Vec::new();
    for name in names {
        let upper = name.value.to_ascii_uppercase();
        let ours = ["IMAP4REV1", "LITERAL-", "SASL-IR", "ID", "STARTTLS", "LOGINDISABLED"];
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
        if name.value.is_empty() || !name.value.bytes().all(allowed) {
            let message = format!("`{}` is not a capability", name.value);
            section.problem(Problem::new(name.span, message, "an atom is expected (RFC 9051, section 9)"));
        } else if ours.contains(&upper.as_str()) || upper.starts_with("AUTH=") {
            let message = format!("`{}` is the gateway's own to say", name.value);
            let problem = Problem::new(name.span, message, "it depends on the connection");
            section.problem(
                problem.help("list those beside it, such as \"IDLE\"; `mechanisms` gives the AUTH= ones"),
            );
        } else {
            list.push(name.value);
        }
    }
    list.join(" ").into()
}

fn separator(section: &mut Section<'_>) -> Option<u8> {
    let text = section.text("master-separator")?;
    match text.value.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Some(*byte),
        _ => {
            let problem = Problem::new(text.span, "`master-separator` is not one character", "such as \"*\"");
            section.problem(problem);
            None
        }
    }
}

/// One line of text.
fn text(section: &mut Section<'_>, key: &'static str) -> Option<Box<str>> {
    let text = section.text(key)?;
    if text.value.is_empty()
        || text.value.len() > 255
        || !text.value.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    {
        let message = format!("`{key}` is not a line of text");
        section.problem(Problem::new(text.span, message, "1 to 255 printable ASCII characters"));
        return None;
    }
    Some(text.value.into())
}
