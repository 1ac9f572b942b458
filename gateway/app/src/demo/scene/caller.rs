//! Somebody with a line client.

use std::net::IpAddr;

use super::super::DemoError;
use super::super::client::{ClientError, Liner};
use super::super::stage::Stage;
use super::super::visit::Visit;
use super::audience::Visitor;

/// Somebody with a line client, known by the address.
#[derive(Debug)]
pub(super) struct Caller {
    name: String,
    address: IpAddr,
    vip: &'static str,
}

impl Caller {
    /// A caller at 127.0.0.`host`.
    pub(super) fn new(host: u8, vip: &'static str) -> Self {
        let address = IpAddr::from([127, 0, 0, host]);
        Self { name: address.to_string(), address, vip }
    }

    /// Connects and stays connected.
    pub(super) fn call(&self, stage: &Stage) -> Result<Liner, DemoError> {
        Liner::connect(self.address, stage.address(self.vip)?).map_err(|error| self.failed(error))
    }

    /// Ends a call.
    pub(super) fn hang_up(&self, liner: Liner, stage: &mut Stage) -> Result<Visit, DemoError> {
        let (server, local) = (liner.server().to_owned(), liner.local());
        liner.close().map_err(|error| self.failed(error))?;
        Ok(Visit { client: self.name.clone(), server, entry: stage.logged(local)? })
    }

    fn failed(&self, error: ClientError) -> DemoError {
        DemoError::Client { client: self.name.clone(), vip: self.vip, error }
    }
}

impl Visitor for Caller {
    fn name(&self) -> &str {
        &self.name
    }

    fn visit(&mut self, stage: &mut Stage) -> Result<Visit, DemoError> {
        let liner = self.call(stage)?;
        self.hang_up(liner, stage)
    }
}
