//! The probe `dns`: a query, and the answer that a server which is well gives to it.

mod run;
mod verdict;

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::settings::{Problem, Section};
use sekisho_api::{Probe, ProbeKind, ProbeOver, ProbeRun, ProbeTls};

use crate::text;
use crate::wire::Rcode;
use run::Run;
use verdict::Expect;

/// `dns`: a server that answers a query well is well.
#[derive(Debug)]
pub(crate) struct DnsProbe;

/// A configured probe.
#[derive(Debug)]
struct Configured {
    over: Way,
    /// The query, its id still 0.
    query: Vec<u8>,
    expect: Arc<Expect>,
}

/// What it speaks over.
#[derive(Clone, Copy, Debug)]
enum Way {
    AsPool,
    Udp,
    Tcp,
    Tls,
}

impl ProbeKind for DnsProbe {
    fn name(&self) -> &'static str {
        "dns"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        let name = name(options);
        let kind = kind(options);
        let class = options.word("class", &[("IN", 1), ("CH", 3), ("HS", 4)]).unwrap_or(1_u16);
        let words = [("udp", Way::Udp), ("tcp", Way::Tcp), ("tls", Way::Tls)];
        let over = options.word("over", &words).unwrap_or(Way::AsPool);
        let rcodes = rcodes(options);
        let text = options.text("expect").map(|text| text.value.as_bytes().to_vec());
        let least = options.integer("min-answers", 0, 0..=1000);
        let expect = Expect { rcodes, text: text.unwrap_or_default(), least: least as usize };
        let mut query = vec![0, 0, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend_from_slice(&name?);
        query.extend_from_slice(&kind?.to_be_bytes());
        query.extend_from_slice(&class.to_be_bytes());
        Some(Arc::new(Configured { over, query, expect: Arc::new(expect) }))
    }
}

fn name(options: &mut Section<'_>) -> Option<Vec<u8>> {
    let Some(written) = options.text("name") else { return Some(vec![0]) };
    match text::name(written.value) {
        Ok(name) => Some(name),
        Err(reason) => {
            let problem = Problem::new(written.span, format!("`{}` is no name", written.value), reason);
            options.problem(problem.help("write a name such as \"example.org\"; the root is \".\""));
            None
        }
    }
}

fn kind(options: &mut Section<'_>) -> Option<u16> {
    let Some(written) = options.text("type") else { return Some(NS) };
    let kind = text::kind(written.value);
    if kind.is_none() {
        let problem = Problem::new(written.span, format!("`{}` is no type", written.value), "not known here");
        options.problem(problem.help("write a name such as \"SOA\", or TYPE and a number"));
    }
    kind
}

/// The codes that are well; none where nothing is written.
fn rcodes(options: &mut Section<'_>) -> Option<Vec<Rcode>> {
    let mut rcodes = Vec::new();
    for written in options.texts("expect-rcodes")? {
        match text::rcode(written.value) {
            Some(rcode) => rcodes.push(rcode),
            None => {
                let message = format!("`{}` is no response code", written.value);
                let problem = Problem::new(written.span, message, "not known here");
                options.problem(problem.help("write names such as \"noerror\" or \"nxdomain\", or numbers"));
            }
        }
    }
    Some(rcodes)
}

impl Probe for Configured {
    fn tls(&self) -> ProbeTls {
        match self.over {
            Way::Tls => ProbeTls::Always,
            Way::Tcp => ProbeTls::Never,
            Way::AsPool | Way::Udp => ProbeTls::AsPool,
        }
    }

    fn over(&self) -> ProbeOver {
        match self.over {
            Way::AsPool => ProbeOver::AsPool,
            Way::Udp => ProbeOver::Datagrams,
            Way::Tcp | Way::Tls => ProbeOver::Stream,
        }
    }

    fn open(&self, _: &str, _: SocketAddr, nonce: u64) -> Box<dyn ProbeRun> {
        Box::new(Run::new(&self.query, self.expect.clone(), nonce))
    }
}

/// The type of name servers: the root's are what every server should know or refer to.
const NS: u16 = 2;
/// The upper byte of the flags with RD alone: resolvers often refuse queries without it.
const RECURSION_DESIRED: u8 = 1;

#[cfg(test)]
mod tests;
