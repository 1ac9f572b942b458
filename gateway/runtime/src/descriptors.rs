//! The limit of open files, and how many connections fit into it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A small machine's memory holds this many idle connections (6 to 20 KiB each) twice.
const MOST: u64 = 100_000;
/// Descriptors that are not connections: listeners and event loops of every worker, logs, probes, pooled pipes.
const RESERVED: u64 = 200;

/// Raises the soft limit to the hard one.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "The limit of open files cannot be raised");
        }
    }
}

/// The most client connections at once: as configured, or as many as the limit of open files has room for.
pub(crate) fn connections(configured: Option<usize>) -> usize {
    configured.unwrap_or_else(|| fitting(limit()).min(MOST) as usize)
}

/// Says how many connections there may be where nobody chose the number, and warns of a number that does not fit.
pub(crate) fn announce(configured: Option<usize>) {
    let (limit, max_connections) = (limit(), connections(configured));
    match configured {
        None => {
            tracing::info!(
                limit,
                max_connections,
                "As many connections as the limit of open files has room for"
            );
        }
        Some(chosen) if chosen as u64 > fitting(limit) => {
            tracing::warn!(
                limit,
                max_connections,
                "The limit of open files is less than two for each connection; raise it (LimitNOFILE in systemd) or lower max-connections"
            );
        }
        Some(_) => {}
    }
}

/// The soft limit in force.
fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The connections that `limit` descriptors are enough for: two each, to the client and to the server.
fn fitting(limit: u64) -> u64 {
    (limit.saturating_sub(RESERVED) / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_descriptors_are_kept_for_each_connection_and_some_for_everything_else() {
        for (limit, connections) in [(1024, 412), (20_200, 10_000), (202, 1), (0, 1), (1 << 20, 524_188)] {
            assert_eq!(fitting(limit), connections, "{limit}");
        }
    }

    #[test]
    fn configured_number_holds_whatever_the_limit_is() {
        assert_eq!(connections(Some(7_000_000)), 7_000_000);
        assert!((1..=100_000).contains(&connections(None)));
    }
}
