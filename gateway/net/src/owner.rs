//! Whose a way back is: a name that only one process of the network namespace can have, and that goes with it.
//!
//! The name is that of an abstract unix socket (unix(7)), which nobody has to clean up after a crash.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use sekisho_config::ReturnPath;

/// The right to put in a way back and to take it out, while it is held.
#[derive(Debug)]
pub(crate) struct Claim(Arc<Held>);

/// The names; none as long as a process before this one has them.
type Held = Mutex<Option<[UnixListener; 2]>>;

/// How often it is looked whether the process before this one has let go.
const LOOK: Duration = Duration::from_millis(200);

/// Claims a way back: its rules by their priority, its routes by their table.
///
/// # Errors
/// `AddrInUse`: a process that lives has one of them.
pub(crate) fn claim(path: &ReturnPath) -> io::Result<Claim> {
    Ok(Claim(Arc::new(Mutex::new(Some(both(path)?)))))
}

/// Claims a way back after a process that has `before` and lets go of it: what that one has as soon as it does, for as long
/// as the claim is held.
///
/// # Errors
/// `AddrInUse`: yet another process has it. No thread can be had to wait for it.
pub(crate) fn claim_after(before: Option<&ReturnPath>, path: &ReturnPath) -> io::Result<Claim> {
    if before.is_none_or(|before| before.priority != path.priority) {
        drop(hold("priority", path.priority)?);
    }
    if before.is_none_or(|before| before.table != path.table) {
        drop(hold("table", path.table)?);
    }
    let claim = Claim(Arc::new(Mutex::new(both(path).ok())));
    if claim.0.lock().is_none() {
        let (path, waiting) = (*path, Arc::downgrade(&claim.0));
        thread::Builder::new().name("way-back".to_owned()).spawn(move || wait(&path, &waiting))?;
    }
    Ok(claim)
}

fn wait(path: &ReturnPath, waiting: &Weak<Held>) {
    loop {
        thread::sleep(LOOK);
        let Some(held) = waiting.upgrade() else { return };
        if let Ok(both) = both(path) {
            *held.lock() = Some(both);
            return;
        }
    }
}

fn both(path: &ReturnPath) -> io::Result<[UnixListener; 2]> {
    Ok([hold("priority", path.priority)?, hold("table", path.table)?])
}

fn hold(what: &str, number: u32) -> io::Result<UnixListener> {
    let name = format!("sekisho/way-back/{what}/{number}");
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn way_back_has_one_owner_who_leaves_it_with_its_end() {
        // Numbers that no test and no gateway has.
        let path = ReturnPath { manage: true, mark: 1, table: 3_000_000_001, priority: 3_000_000_001 };
        let other_table = ReturnPath { table: 3_000_000_002, ..path };
        let other = ReturnPath { priority: 3_000_000_002, ..other_table };
        let first = claim(&path).unwrap();
        for taken in [&path, &other_table] {
            assert_eq!(claim(taken).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
        let second = claim(&other).unwrap();
        drop((first, second));
        assert!(claim(&path).is_ok() && claim(&other).is_ok());
    }

    #[test]
    fn successor_has_the_claim_once_its_predecessor_lets_go() {
        let path = ReturnPath { manage: true, mark: 1, table: 3_000_000_003, priority: 3_000_000_003 };
        let predecessor = claim(&path).unwrap();
        let successor = claim_after(Some(&path), &path).unwrap();
        assert!(successor.0.lock().is_none());
        drop(predecessor);
        while successor.0.lock().is_none() {
            thread::yield_now();
        }
        assert_eq!(claim(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(successor);
        assert!(claim(&path).is_ok());
    }
    #[test]
    fn successor_waits_for_nobody_but_its_predecessor() {
        let path = ReturnPath { manage: true, mark: 1, table: 3_000_000_004, priority: 3_000_000_004 };
        let _other = claim(&path).unwrap();
        let before = ReturnPath { table: 3_000_000_005, priority: 3_000_000_005, ..path };
        let [table, priority] =
            [ReturnPath { priority: 3_000_000_005, ..path }, ReturnPath { table: 3_000_000_005, ..path }];
        for wanted in [&path, &table, &priority] {
            for before in [None, Some(&before)] {
                assert_eq!(claim_after(before, wanted).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            }
        }
    }
}
