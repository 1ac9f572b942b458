//! Remote Desktop: a user comes back to the same desktop, whatever the client sends and wherever it is.

use std::net::IpAddr;

use super::super::DemoError;
use super::super::client::desk;
use super::super::page::Page;
use super::super::sample::Kind;
use super::super::setup::Setup;
use super::super::stage::Stage;
use super::super::visit::{self, Visit};
use super::audience::{Audience, Visitor};
use super::{Hint, Scene};

/// The scene.
#[derive(Debug)]
pub(super) struct Rdp;

const VIP: &str = "desktops";
const METHOD: &str = "round-robin";
const SERVERS: [&str; 3] = ["ts1", "ts2", "ts3"];
const USERS: [&str; 6] = ["anna", "ben", "carla", "david", "emma", "finn"];
/// Nine bytes: what is left of `ACCOUNTING\anybody` in the cookie of a client that cuts it.
const CUT: &str = "ACCOUNTIN";

impl Scene for Rdp {
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError> {
        setup.vip(
            VIP,
            "protocol = \"rdp\"\npool     = \"desktops\"\npersist  = [\"rdp-token\", \"user\", \"source-ip\"]\n\
             rdp      = { known-domains = [\"ACCOUNTING\"] }",
        );
        setup.pool("desktops", METHOD, Kind::Desktops, &SERVERS)
    }

    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
        page.title(&format!("RDP  {}  {METHOD}, kept by user", stage.address(VIP)?))?;
        page.say(
            "Three servers that speak Remote Desktop as far as TLS, which passes through the gateway untouched: each has \
             a certificate of its own, by which the clients know it. Six users come from one office, all behind one \
             address; their clients send the user's name in a cookie.",
        )?;
        let users = USERS.map(|user| User { name: user, come: 0 }).into();
        let (mut audience, visits) = Audience::arrive(users, stage)?;
        page.table(&visit::table(&visits))?;
        page.claim("each of the three servers got two of the six", visit::evenly(&visits, 3, 2))?;

        page.say(
            "Each comes four times more: from another address each time, and as `COMPANY\\user`, `USER` and \
             `user@company.example` as well.",
        )?;
        audience.stay(4, stage, page)?;

        page.say(&format!(
            "Three strangers from three addresses come with one cookie, `{CUT}`: their clients cut it within the domain, \
             and the name is lost. Each comes twice."
        ))?;
        let line = format!("Cookie: mstshash={CUT}");
        let mut strangers = Vec::new();
        for host in [31, 32, 33, 31, 32, 33] {
            strangers.push(come(&format!("127.0.0.{host}"), host, &line, stage)?);
        }
        page.table(&visit::table(&strangers))?;
        page.claim("they are spread, and each address meets its own server again", apart(&strangers))?;

        let victim = SERVERS[1];
        audience.failover(victim, stage, page)?;
        audience.remain(victim, stage, page)
    }

    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError> {
        Ok(vec![Hint::new(
            format!("xfreerdp /v:{} /u:anna /sec:tls", stage.address(VIP)?),
            "a real client: it shows the certificate, which names anna's server, and asks whether to go on",
        )])
    }
}

/// Somebody with a Remote Desktop client.
#[derive(Debug)]
struct User {
    name: &'static str,
    come: u8,
}

impl Visitor for User {
    fn name(&self) -> &str {
        self.name
    }

    fn visit(&mut self, stage: &mut Stage) -> Result<Visit, DemoError> {
        let user = match self.come % 4 {
            0 => self.name.to_owned(),
            1 => format!("COMPANY\\{}", self.name),
            2 => self.name.to_uppercase(),
            _ => format!("{}@company.example", self.name),
        };
        let host = 20 + self.come % 8;
        self.come += 1;
        come(self.name, host, &format!("Cookie: mstshash={user}"), stage)
    }
}

/// One visit from 127.0.0.`host`.
fn come(client: &str, host: u8, line: &str, stage: &mut Stage) -> Result<Visit, DemoError> {
    let failed = |error| DemoError::Client { client: client.to_owned(), vip: VIP, error };
    let source = IpAddr::from([127, 0, 0, host]);
    let desk = desk(source, stage.address(VIP)?, line, stage.desks()).map_err(failed)?;
    Ok(Visit { client: client.to_owned(), server: desk.server, entry: stage.logged(desk.local)? })
}

/// Claim: all three servers, and the second half as the first.
fn apart(visits: &[Visit]) -> Result<(), String> {
    let servers: Vec<&str> = visits.iter().map(|visit| visit.server.as_str()).collect();
    let (first, second) = servers.split_at(servers.len() / 2);
    if first == second && visit::spread(visits).len() == 3 { Ok(()) } else { Err(format!("{servers:?}")) }
}
