//! `probe = { kind = "grpc", ... }`: `grpc.health.v1.Health/Check`.

use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{PoolSettings, Probe, ProbeKind, ProbeRun, ProbeStep};

use super::run_two::{RunTwo, Wanted};

/// The kind `grpc`.
#[derive(Debug)]
pub(crate) struct GrpcProbe;

#[derive(Debug)]
struct Configured {
    /// The authority to ask for; none: the server's address.
    host: Option<String>,
    /// The message, with its length before it.
    message: &'static [u8],
}

impl ProbeKind for GrpcProbe {
    fn name(&self) -> &'static str {
        "grpc"
    }

    fn configure(&self, options: &mut Section<'_>) -> Option<Arc<dyn Probe>> {
        let host = options.text("host").map(|found| found.value.to_owned());
        // The empty message asks for the server as a whole.
        Some(Arc::new(Configured { host, message: &[0; 5] }))
    }

    fn configure_for(&self, options: &mut Section<'_>, _: Option<&PoolSettings>) -> Option<Arc<dyn Probe>> {
        self.configure(options)
    }
}

impl Probe for Configured {
    fn open(&self, _: &str, address: SocketAddr, _: u64) -> Box<dyn ProbeRun> {
        let host = self.host.clone().unwrap_or_else(|| address.to_string());
        let fields = [
            (":method", "POST"),
            (":path", "/grpc.health.v1.Health/Check"),
            (":authority", &host),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("user-agent", "sekisho-probe"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Box::new(RunTwo::new(fields.into(), self.message, Wanted::Health))
    }
}

/// The verdict on an answer with this status, of whose body this much is there. A `HealthCheckResponse` has one field:
/// number 1, a varint, 0 where it is missing.
pub(super) fn verdict(status: u16, body: &[u8], over: bool) -> Option<ProbeStep> {
    if status != 200 {
        return Some(ProbeStep::Down(format!("status {status}")));
    }
    let Some((&[packed, a, b, c, d], rest)) = body.split_first_chunk() else {
        return over.then(|| ProbeStep::Down("the server has no health service".into()));
    };
    if packed != 0 {
        return Some(ProbeStep::Down("the answer is compressed".into()));
    }
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    let message = match rest.get(..length) {
        Some(message) => message,
        None if over || length > LONGEST => return Some(ProbeStep::Down("the answer cannot be read".into())),
        None => return None,
    };
    let said = match message {
        [8, value, ..] => *value,
        _ => 0,
    };
    Some(match said {
        1 => ProbeStep::Up,
        0 => ProbeStep::Down("the server says UNKNOWN".into()),
        2 => ProbeStep::Down("the server says NOT_SERVING".into()),
        3 => ProbeStep::Down("the server says SERVICE_UNKNOWN".into()),
        other => ProbeStep::Down(format!("the server says {other}")),
    })
}

/// More than any answer has.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_serves_is_up_and_nothing_is_decided_too_early() {
        let said = |status, body: &[u8], over| match verdict(status, body, over) {
            None => "more".to_owned(),
            Some(ProbeStep::Up) => "up".to_owned(),
            Some(ProbeStep::Down(why)) => why,
            other => panic!("{other:?}"),
        };
        let serving = [0, 0, 0, 0, 2, 8, 1];
        for cut in 0..serving.len() {
            assert_eq!(said(200, &serving[..cut], false), "more", "{cut}");
        }
        assert_eq!(said(200, &serving, false), "up");
        assert_eq!(said(200, &[0, 0, 0, 0, 2, 8, 2], true), "the server says NOT_SERVING");
        assert_eq!(said(200, &[0; 5], false), "the server says UNKNOWN");
        assert_eq!(said(200, &[], true), "the server has no health service");
        assert_eq!(said(200, &[0, 255, 255, 255, 255], false), "the answer cannot be read");
        assert_eq!(said(404, &[], true), "status 404");
    }
}
