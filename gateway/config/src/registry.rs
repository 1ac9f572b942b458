//! The protocols that a binary was built with: one visible list.

use std::sync::Arc;

use sekisho_api::{ProbeKind, Protocol};

/// The protocols that a binary was built with.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    protocols: Vec<Arc<dyn Protocol>>,
}

impl Registry {
    /// No protocol yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a protocol. One of the same name is replaced, so that a site can bring its own `http`.
    #[must_use]
    pub fn with(mut self, protocol: impl Protocol + 'static) -> Self {
        let name = protocol.descriptor().name;
        self.protocols.retain(|p| p.descriptor().name != name);
        self.protocols.push(Arc::new(protocol));
        self
    }

    /// All protocols, in the order of registration.
    pub fn protocols(&self) -> &[Arc<dyn Protocol>] {
        &self.protocols
    }

    /// The protocol of this name.
    pub fn protocol(&self, name: &str) -> Option<&Arc<dyn Protocol>> {
        self.protocols.iter().find(|p| p.descriptor().name == name)
    }

    /// Every probe that the protocols bring.
    pub fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        self.protocols.iter().flat_map(|p| p.probes()).collect()
    }
}
