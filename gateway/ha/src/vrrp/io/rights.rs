//! What the process may do.

use rustix::thread::{CapabilitySet, capabilities};

/// The capabilities that are missing to speak VRRP and to move addresses; empty: none.
pub(crate) fn missing() -> Vec<&'static str> {
    // A kernel that does not say is asked by trying.
    let Ok(sets) = capabilities(None) else { return Vec::new() };
    let needed = [(CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"), (CapabilitySet::NET_RAW, "CAP_NET_RAW")];
    needed.into_iter().filter(|(set, _)| !sets.effective.contains(*set)).map(|(_, name)| name).collect()
}
