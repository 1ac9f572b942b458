//! The protocol `sni`.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::settings::{Problem, Section};
use sekisho_api::{
    Descriptor, Facts, Fault, Handler, Head, HeadConversation, Heads, Key, KeyKind, Protocol, Route,
    Transport, Unavailable, VipContext,
};

use crate::client_hello::client_hello;
use crate::error::{INTERNAL_ERROR, UNRECOGNIZED_NAME, alert};
use crate::names::Names;

/// Routes TLS by server name without ending it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sni;

impl Protocol for Sni {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "sni",
            summary: "TLS that passes through, routed by the server name asked for",
            transport: Transport::Tcp,
            keys: &[KeyKind::SNI],
        }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        if vip.tls {
            let problem =
                Problem::new(options.span(), "`sni` and `tls` exclude each other", "TLS ends at this VIP");
            options.problem(problem.help("remove `tls`, or use a protocol that speaks inside TLS"));
        }
        let names = routes(options, vip);
        let words = [("default", Unknown::Default), ("refuse", Unknown::Refuse)];
        let place = options.place("unknown");
        let unknown = options.word("unknown", &words).unwrap_or(Unknown::Default);
        if unknown == Unknown::Refuse && names.is_empty() {
            options.problem(Problem::new(place, "every client is refused", "there are no `routes`"));
        }
        Some(Handler::Conversation(Arc::new(Heads::new(Router { names, unknown }))))
    }
}

/// Reads `routes = { "*.example.org" = "pool" }`.
fn routes(options: &mut Section<'_>, vip: &VipContext<'_>) -> Names {
    let mut names = Names::default();
    for (name, span, pool) in vip.routes(options, "routes") {
        if let Err(reason) = names.add(name, pool) {
            options.problem(Problem::new(span, format!("`{name}` cannot be routed"), reason));
        }
    }
    names
}

/// What becomes of a client that no route names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    /// It goes to the VIP's `pool`.
    Default,
    /// It is refused with an alert.
    Refuse,
}

#[derive(Debug)]
struct Router {
    names: Names,
    unknown: Unknown,
}

impl HeadConversation for Router {
    fn head(&self, bytes: &[u8], _: &Facts) -> Result<Head, Fault> {
        let Some(hello) = client_hello(bytes)? else { return Ok(Head::Incomplete) };
        let name = hello.server_name.as_deref();
        let pool = match (name.and_then(|name| self.names.find(name)), self.unknown) {
            (Some(pool), _) => pool,
            (None, Unknown::Default) => 0,
            (None, Unknown::Refuse) => {
                return Err(Fault::client("server-name-unknown").telling(alert(UNRECOGNIZED_NAME)));
            }
        };
        let key = name.and_then(|name| Key::new(KeyKind::SNI, name.as_bytes()));
        Ok(Head::Route(Route { pool, ..Route::new().with_key(key) }))
    }

    fn refusal(&self, _: Unavailable) -> Bytes {
        alert(INTERNAL_ERROR)
    }
}

#[cfg(test)]
mod tests {
    use sekisho_api::settings::{Node, Problems, Table, Value};
    use sekisho_api::{Converse, IdentityRules, Networks};

    use super::*;

    fn configured(entries: Vec<(&str, Value)>, tls: bool) -> (Option<Handler>, Vec<String>) {
        let entry = |(key, value): (&str, Value)| (key.to_owned(), 0..1, Node { span: 1..2, value });
        let table = Table { entries: entries.into_iter().map(entry).collect() };
        let problems = Problems::new();
        let mut section = Section::new(&table, 0..9, &problems);
        let pools = [Arc::from("web"), Arc::from("mail")];
        let identity = IdentityRules::default();
        let trusted = Networks::default();
        let vip = VipContext {
            name: "v",
            persist: &[],
            identity: &identity,
            tls,
            start_tls: false,
            pools: &pools,
            pool_settings: &[],
            trusted: &trusted,
        };
        let handler = Sni.configure(&mut section, &vip);
        section.finish();
        (handler, problems.into_vec().into_iter().map(|p| p.message).collect())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn table(entries: &[(&str, &str)]) -> Value {
        let entry =
            |(key, value): &(&str, &str)| ((*key).to_owned(), 0..1, Node { span: 1..2, value: text(value) });
        Value::Table(Table { entries: entries.iter().map(entry).collect() })
    }

    fn converse(unknown: &str) -> Arc<dyn Converse> {
        let routes = table(&[("*.mail.example.org", "mail"), ("www.example.org", "web")]);
        let (handler, problems) = configured(vec![("routes", routes), ("unknown", text(unknown))], false);
        assert!(problems.is_empty(), "{problems:?}");
        let Some(Handler::Conversation(converse)) = handler else { panic!() };
        converse
    }

    fn kit(unknown: &str) -> sekisho_testkit::Conversation {
        let converse = converse(unknown);
        sekisho_testkit::conversation(move || converse.open(&facts()))
    }

    fn facts() -> Facts {
        Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 443).into())
    }

    #[test]
    fn every_law_holds_over_the_captured_hellos() {
        kit("default")
            .fixture("OpenSSL, TLS 1.3", include_str!("../../../fixtures/sni/openssl-tls13.txt"))
            .fixture("OpenSSL, TLS 1.2", include_str!("../../../fixtures/sni/openssl-tls12.txt"))
            .fixture("in several records", include_str!("../../../fixtures/sni/fragmented.txt"))
            .fixture("GREASE and ECH", include_str!("../../../fixtures/sni/grease-ech.txt"))
            .fixture("no name", include_str!("../../../fixtures/sni/nameless.txt"))
            .fixture("not TLS", include_str!("../../../fixtures/sni/not-tls.txt"))
            .laws();
        kit("refuse").fixture("refused", include_str!("../../../fixtures/sni/refused.txt")).laws();
    }

    #[test]
    fn no_script_breaks_it() {
        let converse = converse("default");
        let hello = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03";
        sekisho_testkit::seeded(4000, &[hello, b"\0\0\0\x06\0\x04\0\0\x01a"], |data| {
            sekisho_testkit::oracle(|| converse.open(&facts()), data);
        });
    }

    #[test]
    fn every_mistake_in_the_table_is_a_problem() {
        for (entries, tls, message) in [
            (
                vec![("routes", table(&[("a.example", "mial")]))],
                false,
                "pool `mial` is not one of this VIP's",
            ),
            (vec![("routes", table(&[("a.*", "mail")]))], false, "`a.*` cannot be routed"),
            (vec![("unknown", text("refuse"))], false, "every client is refused"),
            (vec![("unknown", text("ignore"))], false, "unknown value `ignore` for `unknown`"),
            (vec![("route", table(&[]))], false, "unknown key `route`"),
            (vec![], true, "`sni` and `tls` exclude each other"),
        ] {
            assert_eq!(configured(entries, tls).1, [message]);
        }
    }
}
