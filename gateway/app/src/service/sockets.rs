//! Sockets that a service manager has opened (sd_listen_fds(3)): descriptors from 3 on, as many as it says.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{FdFlags, fcntl_setfd};
use sekisho_runtime::HandedSocket;

/// The first of them.
const FIRST: RawFd = 3;
/// More are none of a gateway's.
const MOST: RawFd = 4096;

/// Those of this process; once, and none afterwards.
pub(crate) fn passed() -> Vec<HandedSocket> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let text = |name| std::env::var(name).ok();
    let count = count(text("LISTEN_PID").as_deref(), text("LISTEN_FDS").as_deref(), std::process::id());
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let open = |number: &RawFd| Path::new(&format!("/proc/self/fd/{number}")).symlink_metadata().is_ok();
    let own = |number| {
        // SAFETY: the descriptor is open, and the manager opened it for this process, by its number: nothing else of it
        // knows it, and it is taken once.
        let socket = unsafe { OwnedFd::from_raw_fd(number) };
        let _ = fcntl_setfd(&socket, FdFlags::CLOEXEC);
        HandedSocket { vip: None, configured: None, socket }
    };
    (FIRST..FIRST + count).filter(open).map(own).collect()
}

fn count(process: Option<&str>, descriptors: Option<&str>, own: u32) -> RawFd {
    let meant = process.and_then(|process| process.parse().ok()) == Some(own);
    descriptors.and_then(|text| text.parse().ok()).filter(|n| meant && (0..=MOST).contains(n)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_count_for_the_process_that_they_are_meant_for() {
        assert_eq!(count(Some("7"), Some("2"), 7), 2);
        for (process, descriptors) in [
            (Some("8"), Some("2")),
            (None, Some("2")),
            (Some("7"), None),
            (Some("7"), Some("-1")),
            (Some("7"), Some("99999")),
        ] {
            assert_eq!(count(process, descriptors, 7), 0, "{process:?} {descriptors:?}");
        }
    }
}
