//! DNS: every question is balanced, a client's network keeps its server, a dead server costs no answer.

use std::net::Ipv4Addr;

use super::super::DemoError;
use super::super::client::{Over, ask, burst};
use super::super::page::Page;
use super::super::sample::Kind;
use super::super::setup::Setup;
use super::super::stage::Stage;
use super::super::visit::{self, Visit};
use super::audience::{Audience, Visitor};
use super::{Hint, Scene};

/// The scene.
#[derive(Debug)]
pub(super) struct Dns;

const VIP: &str = "names";
const METHOD: &str = "round-robin";
const SERVERS: [&str; 3] = ["dns1", "dns2", "dns3"];
/// The clients' networks are 10.1.1.0/24 and so on.
const NETWORKS: [u8; 6] = [1, 2, 3, 4, 5, 6];
/// Questions that are sent at once.
const BURST: u8 = 120;

impl Scene for Dns {
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError> {
        setup.vip(VIP, "protocol = \"dns\"\npool     = \"names\"\npersist  = [\"client-subnet\"]");
        setup.pool("names", METHOD, Kind::Names, &SERVERS)
    }

    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
        page.title(&format!("DNS  {}  {METHOD}, kept by client subnet", stage.address(VIP)?))?;
        page.say(
            "Three DNS servers that answer `whoami.demo TXT` with their own name. A resolver asks on behalf of clients \
             in six networks, and says of each question which network it is for (EDNS client subnet).",
        )?;
        let networks = NETWORKS.map(Network::new).into();
        let (mut audience, visits) = Audience::arrive(networks, stage)?;
        page.table(&visit::table(&visits))?;
        page.claim("each of the three servers got two of the six", visit::evenly(&visits, 3, 2))?;

        page.say("Each network asks four times more, over UDP and over TCP in turn.")?;
        audience.stay(4, stage, page)?;

        let victim = SERVERS[1];
        audience.failover(victim, stage, page)?;
        audience.remain(victim, stage, page)?;

        page.say(&format!(
            "{victim} is killed once more, and {BURST} questions for new networks come at once over UDP before the \
             gateway can know."
        ))?;
        stage.kill(victim)?;
        let servers = all_at_once(2, stage)?;
        page.claim(&format!("all {BURST} were answered, by the two others"), only_others(&servers, victim))?;
        stage.await_health(victim, false)?;
        stage.revive(victim)?;
        stage.await_health(victim, true)?;
        let servers = all_at_once(3, stage)?;
        page.claim(&format!("of {BURST} more, {victim} answers its third again"), thirds(&servers))?;
        Ok(())
    }

    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError> {
        let address = stage.address(VIP)?;
        let dig = format!("dig @{} -p {} whoami.demo TXT +short", address.ip(), address.port());
        Ok(vec![
            Hint::new(format!("{dig} +subnet=192.0.2.0/24"), "the same server for this network each time"),
            Hint::new(format!("{dig} +subnet=192.0.2.0/24 +tcp"), "over TCP, too"),
        ])
    }
}

/// Clients of one network, behind a resolver.
#[derive(Debug)]
struct Network {
    name: String,
    subnet: Ipv4Addr,
    asked: usize,
}

impl Network {
    fn new(number: u8) -> Self {
        let subnet = Ipv4Addr::new(10, 1, number, 0);
        Self { name: format!("{subnet}/24"), subnet, asked: 0 }
    }
}

impl Visitor for Network {
    fn name(&self) -> &str {
        &self.name
    }

    fn visit(&mut self, stage: &mut Stage) -> Result<Visit, DemoError> {
        let over = if self.asked.is_multiple_of(2) { Over::Udp } else { Over::Tcp };
        self.asked += 1;
        let failed = |error| DemoError::Client { client: self.name.clone(), vip: VIP, error };
        let named = ask(stage.address(VIP)?, self.subnet, over).map_err(failed)?;
        Ok(Visit { client: self.name.clone(), server: named.server, entry: stage.logged(named.local)? })
    }
}

/// Questions for new networks, 10.`group`.x.0/24.
fn all_at_once(group: u8, stage: &Stage) -> Result<Vec<Option<String>>, DemoError> {
    let subnets: Vec<Ipv4Addr> = (0..BURST).map(|number| Ipv4Addr::new(10, group, number, 0)).collect();
    let failed = |error| DemoError::Client { client: format!("10.{group}.0.0/16"), vip: VIP, error };
    burst(stage.address(VIP)?, &subnets).map_err(failed)
}

/// Claim: every question has its answer, none of `victim`.
fn only_others(servers: &[Option<String>], victim: &str) -> Result<(), String> {
    let lost = servers.iter().filter(|server| server.is_none()).count();
    match servers.iter().flatten().any(|server| server == victim) {
        _ if lost > 0 => Err(format!("{lost} were lost")),
        true => Err(format!("{victim} is said to have answered")),
        false => Ok(()),
    }
}

/// Claim: every question has its answer, and each server gave as many.
fn thirds(servers: &[Option<String>]) -> Result<(), String> {
    let share = |name: &&str| servers.iter().flatten().filter(|server| server == name).count();
    let shares = SERVERS.each_ref().map(share);
    if shares == [usize::from(BURST) / 3; 3] { Ok(()) } else { Err(format!("{shares:?}")) }
}
