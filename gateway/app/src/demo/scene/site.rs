//! One site of several parts: rules send requests where they belong, HTTP/2 carries them at once, and a WebSocket
//! goes through.

use std::net::IpAddr;

use super::super::DemoError;
use super::super::client::{Ask, ClientError, Told, at_once, chat};
use super::super::page::Page;
use super::super::sample::Kind;
use super::super::setup::Setup;
use super::super::stage::{SERVER_PEM, Stage};
use super::{Hint, Scene};
use crate::demo::access::Entry;
use crate::table::Table;

/// The scene.
#[derive(Debug)]
pub(super) struct Site;

const VIP: &str = "site";
const PAGES: [&str; 2] = ["page1", "page2"];
const INTERFACES: [&str; 2] = ["api1", "api2"];
const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What is asked for, and the servers that may answer.
const ASKS: [(Ask, &[&str]); 6] = [
    (Ask { host: "localhost", target: "/" }, &PAGES),
    (Ask { host: "localhost", target: "/news" }, &PAGES),
    (Ask { host: "api.localhost", target: "/users" }, &INTERFACES),
    (Ask { host: "localhost", target: "/api/orders" }, &INTERFACES),
    (Ask { host: "localhost", target: "/old/map?zoom=3" }, &[]),
    (Ask { host: "localhost", target: "/robots.txt" }, &[]),
];
const MOVED: usize = 4;
const ROBOTS: usize = 5;
const SAYS: [&str; 3] = ["is anybody there?", "then we are two", "good night"];

impl Scene for Site {
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError> {
        let lines = format!(
            "protocol = \"http\"\npool     = \"pages\"\npools    = [\"interfaces\"]\ntls      = {{ certificates = \
             [\"{SERVER_PEM}\"] }}\n\n\
             [[vip.{VIP}.http.rules]]\nhost = \"api.localhost\"\npool = \"interfaces\"\n\n\
             [[vip.{VIP}.http.rules]]\npath-prefix = \"/api\"\npool        = \"interfaces\"\n\n\
             [[vip.{VIP}.http.rules]]\npath-prefix = \"/old\"\nredirect    = \"https://www.example.org{{uri}}\"\n\
             status      = 301\n\n\
             [[vip.{VIP}.http.rules]]\npath   = \"/robots.txt\"\nanswer = 200\nbody   = \"User-agent: *\\n\""
        );
        setup.vip(VIP, &lines);
        setup.pool("pages", "round-robin", Kind::Website, &PAGES)?;
        setup.pool("interfaces", "round-robin", Kind::Website, &INTERFACES)
    }

    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
        page.title(&format!("Rules, HTTP/2 and a WebSocket  https://{}", stage.address(VIP)?))?;
        page.say(
            "One site, two pools: rules send what is asked of api.localhost, or below /api, to the servers of the \
             interface, move old addresses elsewhere, and answer for one file without any server. A browser asks for \
             six things at once, over one connection of HTTP/2.",
        )?;
        let (told, entries) = six(stage)?;
        page.table(&table(&told))?;
        page.claim("TLS agreed on HTTP/2, and one connection carried all six at once", numbered(&told))?;
        page.claim("the rules sent each to the servers that it was for", routed(&told))?;
        page.claim(
            "what has moved is said to have, path and query included",
            found(told.get(MOVED), 301, |told| {
                told.location.as_deref() == Some("https://www.example.org/old/map?zoom=3")
            }),
        )?;
        page.claim(
            "and the gateway itself answered for robots.txt",
            found(told.get(ROBOTS), 200, |told| told.text == "User-agent: *\n"),
        )?;
        page.claim("the access log tells the same of all six", logged(&told, &entries))?;

        page.say("A WebSocket to the same site. The server behind it returns each message with its name before it.")?;
        let place = stage.place(VIP, true)?;
        let chat = chat(SOURCE, place, &stage.tls(), "/chat", &SAYS).map_err(failed)?;
        let entry = stage.logged(chat.local)?;
        page.verbatim(&chat.heard.join("\n"))?;
        let server = entry.server.clone().unwrap_or_default();
        let echoed = SAYS.iter().map(|say| format!("{server}: {say}")).eq(chat.heard.iter().cloned());
        let held = echoed && PAGES.contains(&&*server) && entry.status == Some(101);
        page.claim(
            "every message came back from the server that the log names, and its line says 101",
            if held { Ok(()) } else { Err(format!("{entry:?}")) },
        )?;
        Ok(())
    }

    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError> {
        let (port, trust) = (stage.address(VIP)?.port(), stage.certificate_file());
        let curl =
            |target: &str| format!("curl -i --cacert {} https://localhost:{port}{target}", trust.display());
        Ok(vec![
            Hint::new(curl("/api/orders"), "HTTP/2, and a server of the interface"),
            Hint::new(curl("/old/map"), "what has moved"),
        ])
    }
}

/// Asks for the six things; what came back, and what the log says of it, in whatever order.
fn six(stage: &mut Stage) -> Result<(Vec<Told>, Vec<Entry>), DemoError> {
    let place = stage.place(VIP, true)?;
    let asks = ASKS.map(|(ask, _)| ask);
    let (local, told) = at_once(SOURCE, place, &stage.tls(), &asks).map_err(failed)?;
    let entries = told.iter().map(|_| stage.logged(local)).collect::<Result<_, _>>()?;
    Ok((told, entries))
}

fn failed(error: ClientError) -> DemoError {
    DemoError::Client { client: "browser".to_owned(), vip: VIP, error }
}

fn table(told: &[Told]) -> Table<4> {
    let mut table = Table::new(["asked of", "for", "status", "answered by"]);
    for ((ask, _), told) in ASKS.iter().zip(told) {
        let server = told.server.clone().unwrap_or_else(|| "the gateway".to_owned());
        table.row([ask.host.to_owned(), ask.target.to_owned(), told.status.to_string(), server]);
    }
    table
}

fn numbered(told: &[Told]) -> Result<(), String> {
    if told.len() == ASKS.len() { Ok(()) } else { Err(format!("{} answers", told.len())) }
}

fn routed(told: &[Told]) -> Result<(), String> {
    for ((ask, servers), told) in ASKS.iter().zip(told) {
        let right = match &told.server {
            Some(server) => servers.contains(&&**server),
            None => servers.is_empty(),
        };
        if !right {
            return Err(format!("{}{} came from {:?}", ask.host, ask.target, told.server));
        }
    }
    Ok(())
}

fn found(told: Option<&Told>, status: u16, right: impl Fn(&Told) -> bool) -> Result<(), String> {
    match told {
        Some(told) if told.status == status && right(told) => Ok(()),
        told => Err(format!("{told:?}")),
    }
}

/// Every request has a line of its own, with its server and status.
fn logged(told: &[Told], entries: &[Entry]) -> Result<(), String> {
    for ((ask, _), told) in ASKS.iter().zip(told) {
        let line = entries.iter().find(|entry| entry.target.as_deref() == Some(ask.target));
        let same = line.is_some_and(|line| {
            (line.server.as_ref(), line.status) == (told.server.as_ref(), Some(told.status.into()))
        });
        if !same {
            return Err(format!("{}: {line:?}", ask.target));
        }
    }
    Ok(())
}
