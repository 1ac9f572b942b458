//! HTTP: every request is balanced, a cookie keeps a browser on its server.

use super::super::DemoError;
use super::super::client::Cookies;
use super::super::page::Page;
use super::super::sample::Kind;
use super::super::setup::Setup;
use super::super::stage::Stage;
use super::super::visit;
use super::audience::Audience;
use super::reader::Reader;
use super::{Hint, Scene};

/// The scene.
#[derive(Debug)]
pub(super) struct Http;

const VIP: &str = "web";
const METHOD: &str = "round-robin";
const SERVERS: [&str; 3] = ["www1", "www2", "www3"];
const READERS: [&str; 6] = ["anna", "ben", "clara", "david", "emma", "felix"];

impl Scene for Http {
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError> {
        setup.vip(VIP, "protocol = \"http\"\npool     = \"web\"\npersist  = [\"cookie\"]");
        setup.pool("web", METHOD, Kind::Website, &SERVERS)
    }

    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
        page.title(&format!("HTTP  http://{}  {METHOD}, kept by cookie", stage.address(VIP)?))?;
        page.say(
            "Six browsers arrive, all from one address, none with a cookie. The gateway gives each a server in turn, \
             and a cookie that names this server to nobody but the gateway.",
        )?;
        let readers = READERS.map(|name| Reader::new(name, VIP, false, Cookies::Kept, stage)).into();
        let (mut audience, visits) = Audience::arrive(readers, stage)?;
        page.table(&visit::table(&visits))?;
        page.claim("each of the three servers got two of the six", visit::evenly(&visits, 3, 2))?;
        page.claim("every browser got a cookie", cookies(&mut audience))?;

        page.say("Each comes back five times, over a new connection each time, and brings its cookie.")?;
        audience.stay(5, stage, page)?;

        page.say(
            "A client that keeps no cookies sends six requests over one connection. It is the requests that are \
             balanced, not the connection.",
        )?;
        let visits = Reader::new("curl", VIP, false, Cookies::Forgotten, stage).read(6, stage)?;
        page.table(&visit::table(&visits))?;
        page.claim("one connection, all three servers, twice each", visit::evenly(&visits, 3, 2))?;

        let victim = SERVERS[1];
        audience.failover(victim, stage, page)?;
        audience.remain(victim, stage, page)?;
        let visits = Reader::new("new", VIP, false, Cookies::Forgotten, stage).read(3, stage)?;
        page.claim(
            &format!("who comes without a cookie gets {victim} again in turn"),
            visit::evenly(&visits, 3, 1),
        )?;
        Ok(())
    }

    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError> {
        let url = format!("http://{}/", stage.address(VIP)?);
        Ok(vec![
            Hint::new(format!("curl -i {url}"), "another server each time, and the cookie"),
            Hint::new(
                format!("curl -s -c jar -b jar {url}"),
                "the same server each time, by the cookie in `jar`",
            ),
        ])
    }
}

fn cookies(audience: &mut Audience<Reader>) -> Result<(), String> {
    let mut readers = audience.visitors();
    match readers.find(|(reader, _)| reader.last.as_ref().is_none_or(|reply| reply.cookie.is_none())) {
        None => Ok(()),
        Some((_, home)) => Err(format!("none came with an answer of {home}")),
    }
}
