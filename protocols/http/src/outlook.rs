//! What becomes of a request that an operator describes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri, Version, request};
use sekisho_api::{Facts, Key, KeyKind, Note, Outlook, Persist, Route, Sketch, TlsFacts};

use crate::answer::Answer;
use crate::protocol::Settings;
use crate::rules::{Action, Caller, Rule, Scene};

impl Settings {
    /// What becomes of a request; `pools` are the names of the VIP's pools.
    ///
    /// # Errors
    /// A phrase: what is wrong with the request as it was described.
    pub(crate) fn outlook(&self, sketch: &Sketch<'_>, pools: &[Arc<str>]) -> Result<Outlook, String> {
        let (mut head, facts) = described(sketch)?;
        let mut outlook = Outlook::default();
        let refused = match crate::target::resolve(&mut head, facts.local) {
            Err(why) => Some(Answer::target(why)),
            Ok(()) if self.rules.doubt(&head) || self.rates.doubt(&head) => {
                Some(Answer::bad_request("path-doubtful"))
            }
            Ok(()) => self.methods.admit(&head.method, true).err(),
        };
        if let Some(answer) = refused {
            outlook.say(None, format!("the gateway refuses it: {} ({})", answer.status(), answer.end.name()));
            return Ok(outlook);
        }
        let caller = Caller::of(&facts, &self.options.trusted);
        for limit in self.rates.counting(&head, &caller, &self.options.trusted, &self.users) {
            outlook.say(None, format!("rate limit `{limit}` counts it"));
        }
        let found = self.rules.find(&head, &caller);
        let before = found.map_or(usize::MAX, |(place, _)| place);
        for rule in self.rules.iter().take(before) {
            let why = rule.missed(&head, &caller).unwrap_or_default();
            let text = format!("rule {}: its `{why}` does not match", rule.title());
            outlook.passed.push(Note { text, place: Some(rule.place()) });
        }
        let rule = found.map(|(_, rule)| rule);
        match rule {
            Some(rule) => outlook.say(Some(rule), format!("rule {} matches", rule.title())),
            None if self.rules.iter().next().is_some() => outlook.say(None, "no rule matches".to_owned()),
            None => outlook.say(None, "there are no rules".to_owned()),
        }
        let scene = Scene::new(&facts, caller.scheme(&head.headers));
        if let Some(answer) = rule.and_then(|rule| rule.answer(&head, &scene)) {
            let to =
                answer.headers().get(http::header::LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()));
            outlook.say(
                None,
                match to {
                    Some(to) => format!("the client is sent to {to} with {}", answer.status().as_u16()),
                    None => format!("the gateway answers {}", answer.status()),
                },
            );
            return Ok(outlook);
        }
        match self.route(rule, &head, &facts) {
            Err(why) => {
                let answer = Answer::token(why);
                outlook.say(
                    None,
                    format!("the gateway refuses it: {} ({})", answer.status(), answer.end.name()),
                );
            }
            Ok(mut route) => {
                self.said(&mut route, sketch);
                outlook.say(None, pool(rule, route.pool, pools));
                if let Some(rule) = rule {
                    seen(&mut outlook, rule, head, &scene);
                }
                if let Some(list) = &route.persist {
                    outlook.say(None, kept(list));
                }
                outlook.route = Some(route);
            }
        }
        Ok(outlook)
    }

    /// Adds what the client says besides, in place of what the request says.
    fn said(&self, route: &mut Route, sketch: &Sketch<'_>) {
        for (kind, value) in sketch.said {
            let key = match *kind {
                KeyKind::USER => self.users.named(value.as_bytes()),
                kind => Key::new(kind, value.as_bytes()),
            };
            route.keys.retain(|known| known.kind() != *kind);
            route.keys.extend(key);
        }
    }
}

/// Where it goes, and why there.
fn pool(rule: Option<&Rule>, pool: usize, pools: &[Arc<str>]) -> String {
    let name = |pool: usize| pools.get(pool).map(|name| &**name).unwrap_or_default();
    match rule.map(Rule::action) {
        Some(Action::Split(split)) => {
            let shares: Vec<String> =
                split.shares().map(|(pool, share)| format!("{} {share}", name(pool))).collect();
            format!("of the split {} this client's address is for pool {}", shares.join(", "), name(pool))
        }
        _ => format!("it goes to pool {}", name(pool)),
    }
}

/// What of the request the server sees otherwise.
fn seen(outlook: &mut Outlook, rule: &Rule, mut head: request::Parts, scene: &Scene<'_>) {
    let (uri, before) = (head.uri.clone(), head.headers.clone());
    rule.edit_request(&mut head, scene);
    if head.uri != uri {
        outlook.say(None, format!("the server sees the target {}", head.uri));
    }
    let values = |headers: &HeaderMap, name: &HeaderName| -> Vec<HeaderValue> {
        headers.get_all(name).iter().cloned().collect()
    };
    for name in before.keys().filter(|name| !head.headers.contains_key(*name)) {
        outlook.say(None, format!("the server does not see the field {name}"));
    }
    for name in head.headers.keys().filter(|name| values(&before, name) != values(&head.headers, name)) {
        for value in head.headers.get_all(name) {
            outlook
                .say(None, format!("the server sees {name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
    }
}

fn kept(list: &[Persist]) -> String {
    match list {
        [] => "its clients are kept by nothing".to_owned(),
        list => {
            let kinds: Vec<&str> = list.iter().map(|entry| entry.kind().name()).collect();
            format!("its clients are kept by {}", kinds.join(", "))
        }
    }
}

/// The head of the request, and the connection over which it would come.
fn described(sketch: &Sketch<'_>) -> Result<(request::Parts, Facts), String> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = Method::from_bytes(sketch.method.as_bytes())
        .map_err(|_| format!("`{}` is no method", sketch.method))?;
    head.uri = sketch.target.parse::<Uri>().map_err(|_| format!("`{}` is no target", sketch.target))?;
    head.version = Version::HTTP_11;
    for (name, value) in sketch.fields {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header's name"))?;
        let value = HeaderValue::from_str(value).map_err(|_| format!("`{value}` is no header's value"))?;
        head.headers.append(name, value);
    }
    if !head.headers.contains_key(HOST) {
        let host = head.uri.authority().map_or("localhost", |authority| authority.as_str());
        let host = HeaderValue::from_str(host).map_err(|_| format!("`{}` is no target", sketch.target))?;
        head.headers.insert(HOST, host);
    }
    let tls = head.uri.scheme_str() == Some("https");
    let local = SocketAddr::from((Ipv4Addr::UNSPECIFIED, if tls { 443 } else { 80 }));
    let mut facts = Facts::plain(SocketAddr::new(sketch.client, 0), local);
    facts.tls = tls.then(|| Arc::new(TlsFacts { version: "TLSv1.3", ..TlsFacts::default() }));
    Ok((head, facts))
}

/// What an operator reads.
trait Say {
    fn say(&mut self, rule: Option<&Rule>, text: String);
}

impl Say for Outlook {
    fn say(&mut self, rule: Option<&Rule>, text: String) {
        self.notes.push(Note { text, place: rule.map(Rule::place) });
    }
}
