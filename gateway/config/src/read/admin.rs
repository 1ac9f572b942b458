//! `[admin]`: the operator's address.

use std::net::SocketAddr;

use sekisho_api::Transport;
use sekisho_api::settings::{self, Problem, Section, Value};

use super::context::Context;
use super::{files, vip};
use crate::defaults;
use crate::model::{Admin, ClientAuth, Scope, TlsMode, Token};

/// Reads the table; without it there is no address.
pub(super) fn read(root: &mut Section<'_>, context: &Context<'_>) -> Admin {
    let Some(mut section) = root.table("admin") else { return Admin::default() };
    let listen = section.parsed::<SocketAddr>("listen", "an address and a port, such as 127.0.0.1:9102");
    let tls = vip::tls_to_clients(&mut section, Some(Transport::Tcp), None, context).flatten();
    if tls.as_ref().is_some_and(|tls| tls.mode == TlsMode::StartTls) {
        let problem = Problem::new(section.place("tls"), "HTTP does not start TLS in mid-stream", "`mode`");
        context.error(problem.help("delete `mode`: TLS begins with the first byte"));
    }
    let asks = tls.as_ref().is_some_and(|tls| tls.client_auth != ClientAuth::None);
    let admin = Admin {
        listen: listen.as_ref().map(|listen| listen.value),
        tls,
        tokens: tokens(&mut section, context),
        clients: clients(&mut section, asks, context),
        anonymous: section.word("anonymous", &[("none", None), ("read", Some(Scope::Read))]).flatten(),
        names: section
            .texts("names")
            .unwrap_or_default()
            .into_iter()
            .map(|n| n.value.to_lowercase())
            .collect(),
        audit_log: section.text("audit-log").map(|path| context.path(path.value)),
    };
    if let Some(listen) = listen {
        guarded(&admin, &settings::Found { value: listen.value, span: listen.span }, &section, context);
    }
    section.finish();
    admin
}

/// Nobody operates a gateway unasked, and nobody overhears a token.
fn guarded(
    admin: &Admin,
    listen: &settings::Found<SocketAddr>,
    section: &Section<'_>,
    context: &Context<'_>,
) {
    let problem = |message: &str, label: &str, help: &str| {
        context.error(Problem::new(listen.span.clone(), message, label).help(help));
    };
    let shown = section.has("tokens") || section.has("clients");
    if !shown && admin.anonymous.is_none() {
        problem(
            "nobody could use the operator's address",
            "there are neither `tokens` nor `clients`",
            "make a token with `sekisho token new`, and name its file: tokens = \"admin.tokens\"",
        );
    }
    if listen.value.ip().to_canonical().is_loopback() {
        return;
    }
    if !section.has("tls") {
        problem(
            "tokens would cross the network in clear",
            "other hosts reach this address",
            "add tls = { certificates = [\"admin.pem\"] }, or listen on 127.0.0.1",
        );
    }
    if admin.anonymous.is_some() {
        problem(
            "whoever reaches the operator's address could read users and connections",
            "other hosts reach this address",
            "delete `anonymous`, or listen on 127.0.0.1",
        );
    }
}

fn tokens(section: &mut Section<'_>, context: &Context<'_>) -> Vec<Token> {
    let Some(written) = section.text("tokens") else { return Vec::new() };
    if !context.errors.folder().join(written.value).exists() {
        let message = format!("cannot read `{}`", written.value);
        let problem = Problem::new(written.span.clone(), message, "no such file");
        let help = "`sekisho token new --name anna --scope operate --file PATH` makes it; a path here is relative to the \
                    folder of the configuration file";
        context.error(problem.help(help));
        return Vec::new();
    }
    let Some(bytes) = settings::contents(&written, defaults::TOKENS_MAX, context.errors) else {
        return Vec::new();
    };
    files::warn_if_others_can_write(&written, "file of tokens", context);
    let text = String::from_utf8_lossy(&bytes);
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = match Token::read(line) {
            None => continue,
            Some(Ok(token)) if tokens.iter().any(|known| known.name == token.name) => {
                "the name is used before"
            }
            Some(Ok(token)) => {
                warn_of_expiry(&token, &written.span, context);
                tokens.push(token);
                continue;
            }
            Some(Err(wrong)) => wrong,
        };
        let message = format!("line {} of `{}` is no token", number + 1, written.value);
        let problem = Problem::new(written.span.clone(), message, wrong);
        context.error(problem.help("make one with `sekisho token new`"));
    }
    tokens
}

/// Says so while there is time to make another, and once nobody is let in by it.
fn warn_of_expiry(token: &Token, span: &settings::Span, context: &Context<'_>) {
    let Some(expires) = token.expires else { return };
    let message = match expires.time().duration_since(context.now) {
        Err(_) => format!("the token `{}` has expired", token.name),
        Ok(left) if left.is_zero() => format!("the token `{}` has expired", token.name),
        Ok(left) if left <= defaults::EXPIRY_WARNING => format!("the token `{}` expires soon", token.name),
        Ok(_) => return,
    };
    let help = "delete its line, and make another with `sekisho token new --expires 90d`";
    context.warn(Problem::new(span.clone(), message, format!("at {expires}")).help(help));
}

/// `clients`: subjects of certificates, and their scopes.
fn clients(section: &mut Section<'_>, asks: bool, context: &Context<'_>) -> Vec<(String, Scope)> {
    let place = section.place("clients");
    let Some(table) = section.table("clients") else { return Vec::new() };
    let mut clients = Vec::new();
    for (subject, _, node) in table.entries() {
        let named = match &node.value {
            Value::Text(text) => Scope::ALL.iter().find(|(name, _)| name == text),
            _ => None,
        };
        match named {
            Some((_, scope)) => clients.push((subject.to_owned(), *scope)),
            None => {
                let message = format!("`{subject}` has no scope");
                let problem = Problem::new(node.span.clone(), message, "no scope of this name");
                context.error(problem.help("write \"read\", \"operate\" or \"configure\""));
            }
        }
    }
    table.finish();
    if !clients.is_empty() && !asks {
        let problem = Problem::new(place, "clients are not asked for certificates", "never used");
        context
            .error(problem.help("tls = { …, client-certificates = \"request\", client-ca = \"ops.pem\" }"));
    }
    clients
}
