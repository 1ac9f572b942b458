//! Who asks, and what they may do.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use sekisho_api::TlsFacts;
use sekisho_config::{Admin as Settings, Moment, Scope};

use crate::request::{Sender, name_of};

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Who: a user's number, a token's name, a certificate's subject.
    pub(crate) who: String,
    /// From where: an address, or the socket.
    pub(crate) from: String,
    pub(crate) scope: Scope,
    /// Whether they have shown anything.
    pub(crate) known: bool,
    /// When what they have shown expires.
    pub(crate) until: Option<SystemTime>,
}

/// How whoever asks came in.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// Through the socket: the user's number, if the kernel knows it.
    Socket(Option<u32>),
    /// At the address.
    Address { address: IpAddr, tls: Option<Arc<TlsFacts>> },
}

impl Peer {
    /// From which address; none at the socket.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Socket(_) => None,
            Self::Address { address, .. } => Some(*address),
        }
    }
}

/// Somebody who was let in for longer than a request, as long as that holds.
pub(crate) struct Stay {
    policy: Arc<Policy>,
    /// By which rules they were let in.
    settings: Arc<Settings>,
    peer: Peer,
    sender: Sender,
    /// When what they have shown expires.
    until: Option<SystemTime>,
}

impl Stay {
    /// Whether they would be let in now. Nothing is compared while nothing has changed.
    pub(crate) fn holds(&mut self, now: SystemTime) -> bool {
        let settings = self.policy.get();
        if !Arc::ptr_eq(&settings, &self.settings) {
            self.settings = settings;
            let Ok(caller) = self.policy.caller(&self.peer, &self.sender, now) else { return false };
            self.until = caller.until;
        }
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Debug for Stay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stay")
    }
}

/// Why somebody is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// Nothing was shown, or nothing that is known.
    Unknown,
    /// The token was good, and has expired.
    Expired,
    /// Another site's page sends it.
    ForeignPage,
    /// The gateway is not reached by this name.
    OtherHost,
}

/// Who may do what. It changes with the configuration.
#[derive(Debug, Default)]
pub(crate) struct Policy(RwLock<Arc<Settings>>);

impl Policy {
    pub(crate) fn set(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn get(&self) -> Arc<Settings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Somebody who is to stay. They are looked at once more: the rules may have changed since they came in.
    pub(crate) fn stay(
        self: &Arc<Self>,
        peer: &Peer,
        sender: &Sender,
        now: SystemTime,
    ) -> Result<Stay, Stranger> {
        let settings = self.get();
        let until = self.caller(peer, sender, now)?.until;
        Ok(Stay { policy: self.clone(), settings, peer: peer.clone(), sender: sender.clone(), until })
    }

    /// Who sends this.
    pub(crate) fn caller(&self, peer: &Peer, sender: &Sender, now: SystemTime) -> Result<Caller, Stranger> {
        let (address, tls) = match peer {
            // The file's mode has let in its owner alone; their browser may come here through a forwarded port.
            Peer::Socket(uid) => {
                own_page(sender)?;
                if !self.get().names.iter().any(|name| name == host_of(sender)) {
                    nameless(sender)?;
                }
                let who = uid.map_or_else(|| "unknown user".to_owned(), |uid| format!("uid {uid}"));
                let from = "socket".to_owned();
                return Ok(Caller { who, from, scope: Scope::Configure, known: true, until: None });
            }
            Peer::Address { address, tls } => (address, tls),
        };
        let settings = self.get();
        guarded(&settings, sender)?;
        let from = address.to_string();
        let caller = |who: String, scope| Caller { who, from, scope, known: true, until: None };
        if let Some(token) = &sender.token {
            let shown = digest(&SHA256, token.as_bytes());
            // All are compared, so that time tells nothing of which is nearly right.
            let mut found = None;
            for token in &settings.tokens {
                if verify_slices_are_equal(shown.as_ref(), &token.hash).is_ok() {
                    found = Some(token);
                }
            }
            let token = found.ok_or(Stranger::Unknown)?;
            if token.has_expired(now) {
                return Err(Stranger::Expired);
            }
            let until = token.expires.map(Moment::time);
            return Ok(Caller { until, ..caller(format!("token {}", token.name), token.scope) });
        }
        let subject = tls.as_ref().and_then(|tls| tls.client_subject.as_deref());
        if let Some(subject) = subject
            && let Some((_, scope)) = settings.clients.iter().find(|(known, _)| known == subject)
        {
            return Ok(caller(format!("certificate {subject}"), *scope));
        }
        let scope = settings.anonymous.ok_or(Stranger::Unknown)?;
        Ok(Caller { known: false, ..caller("anonymous".to_owned(), scope) })
    }
}

/// No page of another site asks with what the browser shows by itself, and none that has taken the gateway's address
/// for its own name (DNS rebinding).
fn guarded(settings: &Settings, sender: &Sender) -> Result<(), Stranger> {
    let host = sender.host.as_deref().unwrap_or_default();
    let known = host.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || settings.names.iter().any(|name| name == host);
    if !known {
        return Err(Stranger::OtherHost);
    }
    own_page(sender)
}

/// No page of another site asks.
fn own_page(sender: &Sender) -> Result<(), Stranger> {
    let page = sender.origin.as_deref().map(|origin| {
        let host = origin.split_once("://").map(|(_, host)| name_of(host));
        host.is_none_or(|name| !name.eq_ignore_ascii_case(host_of(sender)))
    });
    if sender.foreign || page.unwrap_or(false) {
        return Err(Stranger::ForeignPage);
    }
    Ok(())
}

/// The socket has no name: what stands for one is an address or a single word, which nobody has in the DNS.
fn nameless(sender: &Sender) -> Result<(), Stranger> {
    let host = host_of(sender);
    match host.parse::<IpAddr>().is_ok() || !host.contains('.') {
        true => Ok(()),
        false => Err(Stranger::OtherHost),
    }
}

fn host_of(sender: &Sender) -> &str {
    sender.host.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use sekisho_config::Token;

    use super::*;

    const END: &str = "2027-01-31T12:00:00Z";

    fn now() -> SystemTime {
        Moment::read("2027-01-31T11:59:59Z").unwrap().time()
    }

    fn policy() -> Policy {
        let hash = digest(&SHA256, b"secret-of-grafana").as_ref().try_into().unwrap();
        let policy = Policy::default();
        policy.set(Settings {
            tokens: vec![Token {
                name: "grafana".into(),
                scope: Scope::Read,
                hash,
                expires: Moment::read(END),
            }],
            clients: vec![("CN=ops".into(), Scope::Configure)],
            names: vec!["gateway.example.org".into()],
            ..Settings::default()
        });
        policy
    }

    fn at(tls: Option<TlsFacts>) -> Peer {
        Peer::Address { address: "127.0.0.1".parse().unwrap(), tls: tls.map(Arc::new) }
    }

    fn sender() -> Sender {
        Sender { host: Some("127.0.0.1".into()), ..Sender::default() }
    }

    #[test]
    fn token_and_certificate_say_who_asks() {
        let policy = policy();
        let token = Sender { token: Some("secret-of-grafana".into()), ..sender() };
        let caller = policy.caller(&at(None), &token, now()).unwrap();
        assert_eq!((&*caller.who, caller.scope), ("token grafana", Scope::Read));
        let wrong = Sender { token: Some("secret-of-grafane".into()), ..sender() };
        assert_eq!(policy.caller(&at(None), &wrong, now()), Err(Stranger::Unknown));
        let subject = TlsFacts { client_subject: Some("CN=ops".into()), ..TlsFacts::default() };
        let caller = policy.caller(&at(Some(subject)), &sender(), now()).unwrap();
        assert_eq!((&*caller.who, caller.scope), ("certificate CN=ops", Scope::Configure));
        let subject = TlsFacts { client_subject: Some("CN=ops,O=x".into()), ..TlsFacts::default() };
        assert_eq!(policy.caller(&at(Some(subject)), &sender(), now()), Err(Stranger::Unknown));
        assert_eq!(policy.caller(&at(None), &sender(), now()), Err(Stranger::Unknown));
    }

    #[test]
    fn whoever_stays_leaves_once_the_token_is_good_for_nothing() {
        let policy = Arc::new(policy());
        let token = Sender { token: Some("secret-of-grafana".into()), ..sender() };
        let mut stay = policy.stay(&at(None), &token, now()).unwrap();
        assert!(stay.holds(now()));
        policy.set(Settings { names: vec!["other.example.org".into()], ..(*policy.get()).clone() });
        assert!(stay.holds(now()), "something else has changed");
        policy.set(Settings::default());
        assert!(!stay.holds(now()));
    }

    #[test]
    fn token_is_good_up_to_its_last_second_also_for_whoever_stays() {
        let policy = Arc::new(policy());
        let token = Sender { token: Some("secret-of-grafana".into()), ..sender() };
        let mut stay = policy.stay(&at(None), &token, now()).unwrap();
        let end = Moment::read(END).unwrap().time();
        assert!(policy.caller(&at(None), &token, now()).is_ok() && stay.holds(now()));
        assert_eq!(policy.caller(&at(None), &token, end), Err(Stranger::Expired));
        assert!(!stay.holds(end) && policy.stay(&at(None), &token, end).is_err());
    }

    #[test]
    fn wrong_token_is_not_helped_by_anything_else_that_is_shown() {
        let policy = policy();
        let subject = TlsFacts { client_subject: Some("CN=ops".into()), ..TlsFacts::default() };
        let wrong = Sender { token: Some("old".into()), ..sender() };
        assert_eq!(policy.caller(&at(Some(subject)), &wrong, now()), Err(Stranger::Unknown));
    }

    #[test]
    fn pages_of_other_sites_are_turned_away_whatever_they_show() {
        let policy = policy();
        let token = || Sender { token: Some("secret-of-grafana".into()), ..sender() };
        for (sender, why) in [
            (Sender { host: Some("evil.example".into()), ..token() }, Stranger::OtherHost),
            (Sender { host: None, ..token() }, Stranger::OtherHost),
            (Sender { origin: Some("https://evil.example".into()), ..token() }, Stranger::ForeignPage),
            (Sender { origin: Some("null".into()), ..token() }, Stranger::ForeignPage),
            (Sender { foreign: true, ..token() }, Stranger::ForeignPage),
        ] {
            assert_eq!(policy.caller(&at(None), &sender, now()), Err(why));
        }
        for (host, origin) in [
            ("localhost", "http://localhost:9102"),
            ("gateway.example.org", "https://GATEWAY.example.org"),
            ("::1", "http://[::1]:9102"),
        ] {
            let sender = Sender { host: Some(host.into()), origin: Some(origin.into()), ..token() };
            assert!(policy.caller(&at(None), &sender, now()).is_ok(), "{host}");
        }
    }

    #[test]
    fn forwarded_socket_is_for_its_owners_scripts_and_own_page_alone() {
        let policy = policy();
        let asked = |host: &str, origin: Option<&str>, foreign| {
            let sender = Sender {
                host: Some(host.into()),
                origin: origin.map(str::to_owned),
                foreign,
                ..Sender::default()
            };
            policy.caller(&Peer::Socket(Some(0)), &sender, now()).map(|caller| caller.scope)
        };
        assert_eq!(asked("gateway", None, false), Ok(Scope::Configure));
        assert_eq!(asked("gateway.example.org", None, false), Ok(Scope::Configure));
        assert_eq!(asked("localhost", Some("http://localhost:9102"), false), Ok(Scope::Configure));
        assert_eq!(asked("127.0.0.1", Some("https://evil.example"), false), Err(Stranger::ForeignPage));
        assert_eq!(asked("localhost", None, true), Err(Stranger::ForeignPage));
        let rebound = Some("http://evil.example:9102");
        assert_eq!(asked("evil.example", rebound, false), Err(Stranger::OtherHost));
    }
}
