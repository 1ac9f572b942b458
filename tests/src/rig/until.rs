//! Waiting for what must come.

use std::time::{Duration, Instant};

/// Polls `condition` until it gives something. What does not come within half a minute is a failure.
///
/// # Panics
/// If it does not come.
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "it did not come to pass: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
