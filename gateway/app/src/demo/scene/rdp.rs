//! Remote Desktop: a user comes back to the same desktop, whatever the client sends and wherever it is.

use std::net::{IpAddr, SocketAddr};

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
        page.claim(
            "the access log calls such a cookie weak, and those before not",
            known(&[(&visits, "cookie"), (&strangers, "weak-cookie")]),
        )?;

        let named = SERVERS[2];
        page.say(&format!(
            "A farm's broker sends somebody back with a token that names {named}, and somebody else with one that names \
             a machine outside. Two more say nothing about themselves; they come twice, from an address each."
        ))?;
        let outside = SocketAddr::from(([192, 0, 2, 1], 3389));
        let sent = come("by token", 41, &token(stage.server(named)?.address()), stage)?;
        let astray = come("astray", 42, &token(outside), stage)?;
        let mut silent = Vec::new();
        for host in [43, 44, 43, 44] {
            silent.push(come(&format!("127.0.0.{host}"), host, "", stage)?);
        }
        let sent_or_astray = [sent.clone(), astray];
        page.table(&visit::table(&[&sent_or_astray, &silent[..]].concat()))?;
        let obeyed = if sent.server == named { Ok(()) } else { Err(format!("it led to {}", sent.server)) };
        page.claim(
            "the token of a server of the farm is obeyed; the other led to the farm all the same",
            obeyed,
        )?;
        page.claim("who says nothing stays by address", again(&silent))?;
        page.claim(
            "the access log tells them apart",
            known(&[(&sent_or_astray, "token"), (&silent, "none")]),
        )?;

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

/// A broker's line for this server: its address and port as little-endian numbers.
fn token(server: SocketAddr) -> String {
    let address = match server.ip() {
        IpAddr::V4(address) => u32::from_le_bytes(address.octets()),
        IpAddr::V6(_) => 0,
    };
    format!("Cookie: msts={address}.{}.0000", server.port().swap_bytes())
}

/// Claim: the gateway says of all these visits that the client was known by this.
fn known(groups: &[(&[Visit], &str)]) -> Result<(), String> {
    for (visits, by) in groups {
        for visit in *visits {
            if visit.entry.known_by.as_deref() != Some(by) {
                return Err(format!("{}: {:?}", visit.client, visit.entry.known_by));
            }
        }
    }
    Ok(())
}

/// Claim: the second half as the first.
fn again(visits: &[Visit]) -> Result<(), String> {
    let servers: Vec<&str> = visits.iter().map(|visit| visit.server.as_str()).collect();
    let (first, second) = servers.split_at(servers.len() / 2);
    if first == second { Ok(()) } else { Err(format!("{servers:?}")) }
}

/// Claim: all three servers, and the second half as the first.
fn apart(visits: &[Visit]) -> Result<(), String> {
    again(visits)?;
    let servers = visit::spread(visits);
    if servers.len() == 3 { Ok(()) } else { Err(format!("{servers:?}")) }
}
