//! TLS of an address that is no VIP's: that of whoever operates the gateway.

use std::io;

use sekisho_api::BoxStream;
use sekisho_config::ClientTls;
use tokio::net::TcpStream;

use super::Acceptor;

/// TLS of an address that is no VIP's, with everything that a VIP's has: names, clients' certificates, files that
/// change while it runs.
#[derive(Debug)]
pub struct DoorTls(Acceptor);

impl DoorTls {
    /// Reads the files that the settings name. Clients go on resuming what they began with `previous`.
    ///
    /// # Errors
    /// What is wrong with which file, in words.
    pub fn new(settings: &ClientTls, previous: Option<&Self>) -> Result<Self, String> {
        let previous = previous.map(|door| &door.0);
        Acceptor::new(settings, &["http/1.1"], previous).map(Self).map_err(|error| error.to_string())
    }

    /// Takes up files that have changed. To be called every second or so.
    pub fn tend(&self) {
        self.0.tend("admin");
    }

    /// Carries out the handshake with whoever has just connected.
    ///
    /// # Errors
    /// Why there is no TLS; the other side has been told.
    pub async fn accept(&self, tcp: TcpStream) -> io::Result<BoxStream> {
        match self.0.accept(tcp).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}
