//! The TLS of the operator's address, which changes with the configuration.

use std::sync::{Arc, PoisonError, RwLock};

use sekisho_config::ClientTls;
use sekisho_runtime::DoorTls;

/// TLS, if the address has any now.
#[derive(Debug, Default)]
pub(crate) struct Secured(RwLock<Option<Arc<DoorTls>>>);

impl Secured {
    pub(crate) fn get(&self) -> Option<Arc<DoorTls>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, tls: Option<DoorTls>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tls.map(Arc::new);
    }

    /// What another configuration makes of it.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(crate) fn prepare(&self, settings: Option<&ClientTls>) -> Result<Option<DoorTls>, String> {
        let before = self.get();
        settings.map(|settings| DoorTls::new(settings, before.as_deref())).transpose()
    }
}
