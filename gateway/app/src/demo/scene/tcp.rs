//! TCP: bytes are relayed as they are, the least busy server gets the next client, an address keeps its server.

use super::super::DemoError;
use super::super::page::Page;
use super::super::sample::Kind;
use super::super::setup::Setup;
use super::super::stage::Stage;
use super::super::visit::{self, Visit};
use super::audience::Audience;
use super::caller::Caller;
use super::{Hint, Scene};

/// The scene.
#[derive(Debug)]
pub(super) struct Tcp;

const VIP: &str = "lines";
const METHOD: &str = "least-connections";
const SERVERS: [&str; 3] = ["line1", "line2", "line3"];
/// The callers are 127.0.0.2 and so on.
const CALLERS: [u8; 6] = [2, 3, 4, 5, 6, 7];
const LATER_CALLERS: [u8; 6] = [12, 13, 14, 15, 16, 17];

impl Scene for Tcp {
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError> {
        setup.vip(VIP, "protocol = \"tcp\"\npool     = \"lines\"\npersist  = [\"source-ip\"]");
        setup.pool("lines", METHOD, Kind::Lines, &SERVERS)
    }

    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
        page.title(&format!("TCP  {}  {METHOD}, kept by source address", stage.address(VIP)?))?;
        page.say(
            "Three servers that greet first and then return every line: the gateway cannot know what is said and does \
             not need to. Six callers from six addresses connect and stay, so that the server with the fewest \
             connections gets the next.",
        )?;
        let (callers, visits) = together(&CALLERS, stage)?;
        page.table(&visit::table(&visits))?;
        page.claim("each of the three servers held two of the six at once", visit::evenly(&visits, 3, 2))?;

        page.say("All have hung up. Each calls three times more; now its address is remembered.")?;
        let homes = visits.into_iter().map(|visit| visit.server);
        let mut audience = Audience::at(callers.into_iter().zip(homes));
        audience.stay(3, stage, page)?;

        let victim = SERVERS[1];
        audience.failover(victim, stage, page)?;
        audience.remain(victim, stage, page)?;
        let (_, visits) = together(&LATER_CALLERS, stage)?;
        page.claim(
            &format!("six new callers are spread over all three again, {victim} too"),
            visit::evenly(&visits, 3, 2),
        )?;
        Ok(())
    }

    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError> {
        let address = stage.address(VIP)?;
        let (host, port) = (address.ip(), address.port());
        Ok(vec![
            Hint::new(
                format!("nc {host} {port}"),
                "a greeting, then your lines back; the same server each time",
            ),
            Hint::new(format!("nc -s 127.0.0.99 {host} {port}"), "as somebody else, from another address"),
        ])
    }
}

/// Callers from these addresses, all connected at once before the first hangs up.
fn together(hosts: &[u8], stage: &mut Stage) -> Result<(Vec<Caller>, Vec<Visit>), DemoError> {
    let callers: Vec<Caller> = hosts.iter().map(|&host| Caller::new(host, VIP)).collect();
    let calls = callers.iter().map(|caller| caller.call(stage)).collect::<Result<Vec<_>, _>>()?;
    let visits = callers.iter().zip(calls).map(|(caller, call)| caller.hang_up(call, stage));
    let visits = visits.collect::<Result<Vec<_>, _>>()?;
    Ok((callers, visits))
}
