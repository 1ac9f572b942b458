//! The keys of `[vip.NAME.rdp]`.

use std::collections::BTreeMap;

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{IdentityRules, KeyKind, VipContext};

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
    /// How far the gateway goes to know who comes.
    pub(crate) mode: Mode,
    /// What becomes of clients that ask for what the deep mode cannot give.
    pub(crate) fallback: Fallback,
    /// Whether datagrams go where the client's newest stream does.
    pub(crate) datagrams: bool,
}

/// How far the gateway goes to know who comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The first packet alone is read.
    #[default]
    Off,
    /// The client's login is read inside TLS, and said again to the server.
    Replay,
    /// The client's login is read inside TLS, and the client sent back with a token.
    Redirect,
}

/// What becomes of clients that ask for what the deep mode cannot give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// They are passed through, known by their first packet.
    #[default]
    Pass,
    /// They are refused.
    Refuse,
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
            mode: mode(section, vip),
            fallback: fallback(section),
            datagrams: datagrams(section),
        }
    }

    /// Whether servers are spoken to over TLS that the gateway begins.
    pub(crate) fn replays(&self) -> bool {
        self.mode == Mode::Replay
    }

    /// The pool that a line names; 0, the VIP's `pool`, if none does.
    pub(crate) fn pool(&self, hint: &[u8]) -> usize {
        let named = std::str::from_utf8(hint).ok().and_then(|hint| self.routes.get(hint));
        named.copied().unwrap_or(0)
    }
}

/// Reads `deep`, which goes together with TLS that begins in mid-stream.
fn mode(section: &mut Section<'_>, vip: &VipContext<'_>) -> Mode {
    let modes = [("off", Mode::Off), ("replay", Mode::Replay), ("redirect", Mode::Redirect)];
    let place = section.place("deep");
    let written = section.has("deep");
    let mode = match section.word("deep", &modes) {
        None if written => return Mode::Off,
        word => word.unwrap_or_default(),
    };
    let problem = match mode {
        Mode::Off if vip.start_tls => {
            let label = "Remote Desktop makes its own TLS, between client and server";
            Problem::new(place, "TLS of this VIP would never begin", label)
                .help("remove `tls`, or write deep = \"replay\" or \"redirect\" in the VIP's `rdp` table")
        }
        Mode::Replay | Mode::Redirect if !vip.start_tls => {
            let label = "the login stands inside TLS, which has to end here";
            Problem::new(place, "the deep mode needs a certificate", label)
                .help("add tls = { mode = \"starttls\", certificates = [\"desktop.pem\"] } to the VIP")
        }
        Mode::Redirect if !vip.persist.iter().any(|entry| entry.kind() == KeyKind::RDP_TOKEN) => {
            let label = "a client that is sent back comes with a token";
            Problem::new(place, "the token would mean nothing", label)
                .help("add \"rdp-token\" to the VIP's `persist`")
        }
        mode => return mode,
    };
    section.problem(problem);
    mode
}

/// Reads `fallback`, which nothing but the deep mode falls back from.
fn fallback(section: &mut Section<'_>) -> Fallback {
    let words = [("pass", Fallback::Pass), ("refuse", Fallback::Refuse)];
    section.word("fallback", &words).unwrap_or_default()
}

/// Reads `udp`.
fn datagrams(section: &mut Section<'_>) -> bool {
    section.flag("udp", false)
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
