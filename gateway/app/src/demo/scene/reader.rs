//! Somebody with a browser.

use std::net::IpAddr;

use super::super::DemoError;
use super::super::client::{Browser, ClientError, Cookies, Place, Reply};
use super::super::stage::Stage;
use super::super::visit::Visit;
use super::audience::Visitor;

/// Somebody with a browser, reading one VIP's web site.
#[derive(Debug)]
pub(super) struct Reader {
    name: String,
    browser: Browser,
    /// The VIP and whether it is HTTPS; may be changed, as a person opens another site.
    pub(super) vip: &'static str,
    pub(super) tls: bool,
    /// The last reply.
    pub(super) last: Option<Reply>,
}

impl Reader {
    /// A reader at 127.0.0.1.
    pub(super) fn new(name: &str, vip: &'static str, tls: bool, cookies: Cookies, stage: &Stage) -> Self {
        let browser = Browser::new(IpAddr::from([127, 0, 0, 1]), cookies, stage.tls());
        Self { name: name.to_owned(), browser, vip, tls, last: None }
    }

    /// Reads the page several times over one connection.
    pub(super) fn read(&mut self, times: usize, stage: &mut Stage) -> Result<Vec<Visit>, DemoError> {
        let place: Place<'_> = stage.place(self.vip, self.tls)?;
        let replies = self.browser.get(place, times).map_err(|error| self.failed(error))?;
        let mut visits = Vec::with_capacity(replies.len());
        for reply in replies {
            let entry = stage.logged(reply.local)?;
            if reply.status != 200 {
                return Err(self.failed(ClientError::Status(reply.status)));
            }
            visits.push(Visit { client: self.name.clone(), server: reply.server.clone(), entry });
            self.last = Some(reply);
        }
        Ok(visits)
    }

    fn failed(&self, error: ClientError) -> DemoError {
        DemoError::Client { client: self.name.clone(), vip: self.vip, error }
    }
}

impl Visitor for Reader {
    fn name(&self) -> &str {
        &self.name
    }

    fn visit(&mut self, stage: &mut Stage) -> Result<Visit, DemoError> {
        let visits = self.read(1, stage)?;
        visits.into_iter().next().ok_or_else(|| self.failed(ClientError::Response("no answer")))
    }
}
