//! dnsdist, as its defaults are.

use std::process::Command;

use super::super::dns::ZONE;
use super::super::load::Work;
use super::super::places::{Front, RESOLVER};
use super::super::{Outcome, scratch};
use super::{Site, Subject, ask, peer};

/// dnsdist with one listener, and so one thread for questions and one for answers.
#[derive(Debug)]
pub(super) struct Dnsdist;

impl Subject for Dnsdist {
    fn name(&self) -> &'static str {
        "dnsdist"
    }

    fn version(&self) -> Outcome<String> {
        let text = ask(&peer("dnsdist")?, "--version")?;
        Ok(format!("dnsdist {}", text.split_whitespace().nth(1).unwrap_or_default()))
    }

    fn takes(&self, work: Work) -> bool {
        work.front().is_dns()
    }

    fn command(&self, site: &Site<'_>) -> Outcome<Command> {
        let file = site.folder.join("dnsdist.conf");
        scratch::write(&file, &configuration(site))?;
        let mut command = Command::new(peer("dnsdist")?);
        command.args(["--supervised", "--disable-syslog", "--config"]).arg(file);
        Ok(command)
    }
}

/// The fronts that the load does not need are left out, so that none of their threads stands by.
fn configuration(site: &Site<'_>) -> String {
    let (address, pem, port) = (site.address, site.pem.display(), site.front.port());
    let front = match site.front {
        Front::Dot => format!("addTLSLocal(\"{address}:{port}\", \"{pem}\", \"{pem}\")"),
        Front::Doh => format!("addDOHLocal(\"{address}:{port}\", \"{pem}\", \"{pem}\", \"/dns-query\")"),
        _ => format!("setLocal(\"{address}:{port}\")"),
    };
    // Without this one, port 53 of 127.0.0.1 would be taken.
    let plain = match site.front {
        Front::Dot | Front::Doh => format!("setLocal(\"{address}:{}\")\n", Front::Dns.port()),
        _ => String::new(),
    };
    let cache = match site.front {
        Front::DnsCached => "getPool(\"\"):setCache(newPacketCache(100000))\n",
        _ => "",
    };
    format!(
        "{plain}{front}
setSecurityPollSuffix(\"\")
setMaxTCPClientThreads(1)
newServer({{address = \"{RESOLVER}\", checkName = \"{ZONE}.\", checkType = \"SOA\"}})
{cache}"
    )
}
