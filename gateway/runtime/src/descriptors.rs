//! The limit of open files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one: a relayed connection needs two descriptors, a bulk one two more. Says so
/// when that is less than `connections` may need.
pub(crate) fn raise_limit(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "The limit of open files cannot be raised");
        }
    }
    let open = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if open < 2 * connections as u64 {
        tracing::warn!(
            limit = open,
            max_connections = connections,
            "The limit of open files is less than two for each connection; raise it (LimitNOFILE in systemd) or lower max-connections"
        );
    }
}
