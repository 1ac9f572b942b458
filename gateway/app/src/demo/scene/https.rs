//! HTTPS: TLS ends at the gateway, and the same cookie keeps the same person on the same server.

use super::super::DemoError;
use super::super::client::{Cookies, Secured};
use super::super::page::Page;
use super::super::setup::Setup;
use super::super::stage::{SERVER_PEM, Stage};
use super::super::visit;
use super::audience::{Audience, Visitor};
use super::reader::Reader;
use super::{Hint, Scene};

/// The scene. Its VIP stands before the pool of the HTTP scene.
#[derive(Debug)]
pub(super) struct Https;

const VIP: &str = "secure-web";
const PLAIN_VIP: &str = "web";
const METHOD: &str = "round-robin";
const VICTIM: &str = "www3";
const READERS: [&str; 3] = ["greta", "henry", "irene"];

impl Scene for Https {
    fn prepare(&self, setup: &mut Setup) -> Result<(), DemoError> {
        let lines = format!(
            "protocol = \"http\"\npool     = \"web\"\npersist  = [\"cookie\"]\ntls      = {{ certificates = \
             [\"{SERVER_PEM}\"] }}"
        );
        setup.vip(VIP, &lines);
        Ok(())
    }

    fn play(&self, stage: &mut Stage, page: &mut Page<'_>) -> Result<(), DemoError> {
        page.title(&format!("HTTPS  https://{}  {METHOD}, kept by cookie", stage.address(VIP)?))?;
        page.say(
            "The same three servers behind a second VIP. TLS ends at the gateway, with a certificate that was made a \
             moment ago; the clients trust it and no other.",
        )?;
        let readers = READERS.map(|name| Reader::new(name, VIP, true, Cookies::Kept, stage)).into();
        let (mut audience, visits) = Audience::arrive(readers, stage)?;
        page.table(&visit::table(&visits))?;
        page.claim("each of the three servers got one of the three", visit::evenly(&visits, 3, 1))?;
        page.claim(
            "the clients' own TLS verified the certificate and agreed on TLS 1.3",
            version(&mut audience),
        )?;
        page.claim("the cookie is marked Secure: browsers never send it in clear", marked(&mut audience))?;

        page.say("Each comes back five times.")?;
        audience.stay(5, stage, page)?;
        page.claim(
            "and resumed its TLS session: a ticket, no second full handshake",
            resumed(&mut audience),
        )?;

        page.say("Somebody reads http:// first and https:// then, with the one cookie of the first visit.")?;
        let mut julia = Reader::new("julia", PLAIN_VIP, false, Cookies::Kept, stage);
        let first = julia.visit(stage)?;
        (julia.vip, julia.tls) = (VIP, true);
        let second = julia.visit(stage)?;
        let same = if first.server == second.server {
            Ok(())
        } else {
            Err(format!("first {}, then {}", first.server, second.server))
        };
        page.table(&visit::table(&[first, second]))?;
        page.claim("two VIPs, one pool, one server", same)?;

        audience.failover(VICTIM, stage, page)?;
        audience.remain(VICTIM, stage, page)
    }

    fn hints(&self, stage: &Stage) -> Result<Vec<Hint>, DemoError> {
        let (port, trust) = (stage.address(VIP)?.port(), stage.certificate_file());
        let command = format!("curl -i --cacert {} https://localhost:{port}/", trust.display());
        Ok(vec![Hint::new(command, "the same over TLS; the cookie is marked Secure")])
    }
}

fn version(audience: &mut Audience<Reader>) -> Result<(), String> {
    all(audience, |tls| (tls.version == "TLSv1_3").then_some(()).ok_or_else(|| tls.version.to_owned()))
}

fn resumed(audience: &mut Audience<Reader>) -> Result<(), String> {
    all(audience, |tls| tls.resumed.then_some(()).ok_or_else(|| "a full handshake".to_owned()))
}

/// What must hold for the TLS of everybody's last visit.
fn all(audience: &mut Audience<Reader>, check: impl Fn(Secured) -> Result<(), String>) -> Result<(), String> {
    for (reader, _) in audience.visitors() {
        let tls = reader.last.as_ref().and_then(|reply| reply.tls);
        let outcome = tls.ok_or_else(|| "no TLS".to_owned()).and_then(&check);
        outcome.map_err(|found| format!("{}: {found}", reader.name()))?;
    }
    Ok(())
}

fn marked(audience: &mut Audience<Reader>) -> Result<(), String> {
    for (reader, _) in audience.visitors() {
        let cookie = reader.last.as_ref().and_then(|reply| reply.cookie.as_deref()).unwrap_or_default();
        if !cookie.split(';').any(|attribute| attribute.trim().eq_ignore_ascii_case("secure")) {
            return Err(format!("{}'s is not", reader.name()));
        }
    }
    Ok(())
}
