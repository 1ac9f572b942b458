//! The protocol `rdp`.

use std::sync::Arc;
use std::time::Duration;

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{Descriptor, Handler, KeyKind, Patience, ProbeKind, Protocol, Transport, VipContext};

use crate::desk::Desk;
use crate::options::Options;
use crate::probe::RdpProbe;

/// Keeps a user on the server where the desktop is still running.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rdp;

impl Protocol for Rdp {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "rdp",
            summary: "Remote Desktop, kept on a server by user or by the farm's token",
            transport: Transport::Tcp,
            keys: &[KeyKind::RDP_TOKEN, KeyKind::USER],
        }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        if vip.tls {
            let problem = Problem::new(
                options.span(),
                "`rdp` and `tls` exclude each other",
                "Remote Desktop begins in clear and makes its own TLS, between client and server",
            );
            options.problem(
                problem.help("remove `tls`, or write mode = \"starttls\" in it and use the deep mode"),
            );
        }
        let options = Options::read(options, vip);
        let beside = options.datagrams;
        let desk = Arc::new(Desk::new(options));
        Some(if beside { Handler::Companion(desk) } else { Handler::Conversation(desk) })
    }

    fn starts_tls(&self) -> bool {
        true
    }

    fn patience(&self) -> Patience {
        Patience { greeting: Some(CONFIRM), idle: Some(SESSION), ..Patience::default() }
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(RdpProbe)]
    }
}

/// A server that does not answer the request within it is mute, and another one is asked.
const CONFIRM: Duration = Duration::from_secs(5);

/// A desktop that nobody looks at may be silent for as long as it runs; TCP keepalive finds a client that is gone.
const SESSION: Duration = Duration::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};
    use sekisho_api::{IdentityRules, Networks, Persist};

    use super::*;

    fn problems(entries: Vec<(&str, Value)>, tls: bool) -> Vec<String> {
        found(entries, tls, false, &[])
    }

    fn found(entries: Vec<(&str, Value)>, tls: bool, start_tls: bool, persist: &[Persist]) -> Vec<String> {
        let entry = |(key, value): (&str, Value)| (key.to_owned(), 0..1, Node { span: 1..2, value });
        let table = Table { entries: entries.into_iter().map(entry).collect() };
        let problems = Problems::new();
        let mut section = Section::new(&table, 0..9, &problems);
        let (identity, trusted) = (IdentityRules::default(), Networks::default());
        let pools = [Arc::from("desktops"), Arc::from("accounting")];
        let vip = VipContext {
            name: "v",
            persist,
            identity: &identity,
            tls,
            start_tls,
            pools: &pools,
            pool_settings: &[],
            trusted: &trusted,
        };
        assert!(Rdp.configure(&mut section, &vip).is_some());
        section.finish();
        problems.into_vec().into_iter().map(|problem| problem.message).collect()
    }

    fn texts(items: &[&str]) -> Value {
        let node = |text: &&str| Node { span: 0..1, value: Value::Text((*text).to_owned()) };
        Value::List(items.iter().map(node).collect())
    }

    #[test]
    fn deep_mode_and_the_tls_that_it_needs_go_together() {
        let deep = |word: &str| vec![("deep", Value::Text(word.to_owned()))];
        let token = [Persist::Key(KeyKind::RDP_TOKEN)];
        for (entries, start_tls, persist, problems) in [
            (deep("replay"), true, &[][..], &[][..]),
            (deep("redirect"), true, &token, &[]),
            (deep("replay"), false, &[], &["the deep mode needs a certificate"]),
            (deep("redirect"), true, &[], &["the token would mean nothing"]),
            (deep("off"), true, &token, &["TLS of this VIP would never begin"]),
            (vec![], true, &token, &["TLS of this VIP would never begin"]),
            (deep("rewind"), true, &token, &["unknown value `rewind` for `deep`"]),
        ] {
            let found = found(entries, false, start_tls, persist);
            assert_eq!(found, problems);
        }
    }

    #[test]
    fn options_that_cannot_work_are_named() {
        assert_eq!(problems(vec![("known-domains", texts(&["SALES", "LAB"]))], false), [""; 0]);
        assert_eq!(
            problems(vec![("known-domains", texts(&["SALES\\x"]))], false),
            ["`SALES\\x` is not a domain"]
        );
        assert_eq!(problems(vec![], true), ["`rdp` and `tls` exclude each other"]);
        let route = |pool: &str| {
            let node = Node { span: 2..3, value: Value::Text(pool.to_owned()) };
            Value::Table(Table { entries: vec![("tsv://Farm".to_owned(), 1..2, node)] })
        };
        assert_eq!(problems(vec![("routes", route("accounting"))], false), [""; 0]);
        assert_eq!(
            problems(vec![("routes", route("acounting"))], false),
            ["pool `acounting` is not one of this VIP's"]
        );
    }
}
