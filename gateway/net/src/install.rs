//! The way back, put in and taken out.

use std::io;

use sekisho_config::{Config, ReturnPath};
use tracing::{info, warn};

use crate::l4;
use crate::live;
use crate::owner::{Claim, claim, claim_after};
use crate::plan;
use crate::run::run;
use crate::way::{self, Family};

/// Why packets to clients' addresses will not find their way.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A program of the system is not there.
    #[error(
        "`{0}` is missing: install the package that has it, or set up the way back yourself and write manage = false in [network]"
    )]
    Missing(&'static str),
    /// A program of the system refused.
    #[error(
        "`{command}` failed: {said}; it needs CAP_NET_ADMIN, or set up the way back yourself and write manage = false in [network]"
    )]
    Failed {
        /// The program and what it was told.
        command: String,
        /// What it said.
        said: String,
    },
    /// The kernel does not take the rules of VIPs that it is to serve.
    #[error(
        "the kernel takes no rules for VIPs with mode = \"l4\": {0}; nftables needs CAP_NET_ADMIN, and the kernel's modules nft_nat, nft_masq, nft_hash, nft_numgen, nft_ct and nft_reject_inet"
    )]
    Rules(String),
    /// This process may not give rules to the kernel.
    #[error(
        "VIP `{0}` has mode = \"l4\", which needs CAP_NET_ADMIN, which this process has not: add it to AmbientCapabilities= of the service"
    )]
    NoRight(String),
    /// Another gateway keeps rules for VIPs of its own.
    #[error(
        "another gateway of this machine has VIPs with mode = \"l4\": one can; give this one a network namespace of its own, or serve its VIPs with mode = \"proxy\""
    )]
    OthersRules,
    /// The kernel forwards no packets.
    #[error("VIP `{vip}` has mode = \"l4\", and the kernel does not forward: sysctl -w net.{}=1", switch.replace('/', "."))]
    NotForwarding {
        /// The VIP.
        vip: String,
        /// What is off, below `/proc/sys/net`.
        switch: &'static str,
    },
    /// No thread can be had.
    #[error("no thread: {0}")]
    Thread(io::Error),
    /// Another gateway would lose its own, or has it already.
    #[error(
        "another gateway of this machine has rules of priority {priority} or routes in table {table}: give each its own `priority`, `table` and `mark` in [network]"
    )]
    Taken {
        /// The priority.
        priority: u32,
        /// The table.
        table: u32,
    },
    /// What was put in is not there.
    #[error("{0} is not there; another program of this machine may have taken it out")]
    Vanished(String),
}

/// The way back while it is in: dropping it takes it out.
#[derive(Debug)]
pub struct Installed {
    path: Option<ReturnPath>,
    claim: Option<Claim>,
}

/// How a claim is come by.
type Claiming<'a> = &'a dyn Fn(&ReturnPath) -> io::Result<Claim>;

impl Installed {
    /// Puts in what this configuration needs, and takes out what gateways have left that are gone.
    ///
    /// # Errors
    /// What could not be put in. Nothing of it stays.
    pub fn new(config: &Config) -> Result<Self, NetworkError> {
        let mut this = Self { path: None, claim: None };
        sweep();
        this.change(config)?;
        Ok(this)
    }

    /// Makes it what another configuration needs. Once it is in it stays until it is dropped: connections of before use
    /// it to their end.
    ///
    /// # Errors
    /// What could not be put in. What was in before is in again, as far as the kernel lets it.
    pub fn change(&mut self, config: &Config) -> Result<(), NetworkError> {
        self.change_by(config, &claim)
    }

    fn change_by(&mut self, config: &Config, claim: Claiming<'_>) -> Result<(), NetworkError> {
        let path = config.network;
        let wanted = plan::way_back(config);
        if !path.manage {
            self.withdraw();
            if wanted && let Err(error) = verify(&path) {
                warn!(%error, "Servers' answers to clients may not find their way");
            }
            return Ok(());
        }
        let wanted = (wanted || self.path.is_some()).then_some(path);
        if self.path == wanted {
            return Ok(());
        }
        let before = self.path;
        self.withdraw();
        let Some(path) = wanted else { return Ok(()) };
        let claimed = self.own(&path, claim);
        match claimed.and_then(|()| install(&path)) {
            Ok(()) => {
                let ReturnPath { mark, table, priority, .. } = path;
                info!(
                    nft = way::nft_table(&path),
                    mark = format!("0x{mark:x}"),
                    table,
                    priority,
                    "Way back for clients' addresses"
                );
                self.path = Some(path);
                Ok(())
            }
            Err(error) => {
                if self.claim.take().is_some() {
                    remove(&path);
                }
                if let Some(before) = before
                    && self.own(&before, claim).and_then(|()| install(&before)).is_ok()
                {
                    self.path = Some(before);
                }
                Err(error)
            }
        }
    }

    /// Takes over what the process before this one has put in, so that no packet misses it for a moment; and from there
    /// as [`change`](Self::change).
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub fn taken_over(before: Option<ReturnPath>, config: &Config) -> Result<Self, NetworkError> {
        // The process before this one lets go only when this one serves.
        let claim = |path: &ReturnPath| claim_after(before.as_ref(), path);
        let path = before.filter(|path| verify(path).is_ok());
        let mut this = Self { path, claim: path.as_ref().and_then(|path| claim(path).ok()) };
        this.change_by(config, &claim).inspect_err(|_| this.leave())?;
        Ok(this)
    }

    /// What is in; none: nothing.
    pub fn path(&self) -> Option<ReturnPath> {
        self.path
    }

    /// Leaves it in, for the process that has taken this one's place.
    pub fn leave(&mut self) {
        (self.path, self.claim) = (None, None);
    }

    /// Puts in what is not there any more, after a process that was to take this one's place has not done so.
    ///
    /// # Errors
    /// What could not be put in.
    pub fn mend(&self) -> Result<(), NetworkError> {
        match &self.path {
            Some(path) if verify(path).is_err() => install(path),
            _ => Ok(()),
        }
    }

    fn own(&mut self, path: &ReturnPath, claim: Claiming<'_>) -> Result<(), NetworkError> {
        let ReturnPath { priority, table, .. } = *path;
        self.claim = Some(claim(path).map_err(|_| NetworkError::Taken { priority, table })?);
        Ok(())
    }

    fn withdraw(&mut self) {
        if let Some(path) = self.path.take() {
            remove(&path);
        }
        self.claim = None;
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.withdraw();
    }
}

/// The versions of IP that this machine speaks.
pub(crate) fn families() -> impl Iterator<Item = Family> {
    let six = std::fs::read_to_string("/proc/net/if_inet6").is_ok_and(|addresses| loops_back(&addresses));
    Family::ALL.into_iter().filter(move |family| *family == Family::V4 || six)
}

/// Whether `lo` is among the links with an address of IPv6, as `/proc/net/if_inet6` lists them: where
/// `net.ipv6.conf.all.disable_ipv6` is set the list is there, but no route may lead to `lo`.
fn loops_back(addresses: &str) -> bool {
    addresses.lines().any(|line| line.split_whitespace().next_back() == Some("lo"))
}

fn install(path: &ReturnPath) -> Result<(), NetworkError> {
    remove(path);
    run("nft", &["-f".to_owned(), "-".to_owned()], &way::ruleset(path))?;
    for family in families() {
        run("ip", &way::route(path, family, "replace"), "")?;
        run("ip", &way::rule(path, family, "add"), "")?;
    }
    verify(path)
}

/// Whether what this path is made of is in.
///
/// # Errors
/// What is missing.
pub(crate) fn verify(path: &ReturnPath) -> Result<(), NetworkError> {
    let vanished = |what: &[String]| NetworkError::Vanished(format!("`ip {}`", what.join(" ")));
    if path.manage {
        run("nft", &["list".to_owned(), "table".to_owned(), "inet".to_owned(), way::nft_table(path)], "")?;
    }
    for family in families() {
        if !way::has_rule(path, &run("ip", &way::rules(path, family), "")?) {
            return Err(vanished(&way::rule(path, family, "add")));
        }
        if !way::has_route(&run("ip", &way::routes(path, family), "")?) {
            return Err(vanished(&way::route(path, family, "add")));
        }
    }
    Ok(())
}

/// Takes out whatever of it is in. Never fails: what is not there need not be taken out.
pub(crate) fn remove(path: &ReturnPath) {
    remove_table(&way::nft_table(path));
    for family in families() {
        // As many as there are; more than a few there cannot be.
        for _ in 0..MOST {
            if run("ip", &way::rule(path, family, "del"), "").is_err() {
                break;
            }
        }
        let _ = run("ip", &way::route(path, family, "del"), "");
    }
}

fn remove_table(name: &str) {
    let _ = run("nft", &["-f".to_owned(), "-".to_owned()], &way::no_ruleset(name));
}

/// Takes out what gateways have left that are gone, and whatever is in of this path.
///
/// # Errors
/// [`NetworkError::Taken`]: a gateway that lives has this path.
pub fn clean(path: &ReturnPath) -> Result<(), NetworkError> {
    sweep();
    let ReturnPath { priority, table, .. } = *path;
    let _claim = claim(path).map_err(|_| NetworkError::Taken { priority, table })?;
    remove(path);
    l4::remove()
}

/// Takes out what gateways of this machine have put in and left, as one does that is killed. What belongs to one that
/// lives stays. Without the right to do so, or the programs, nothing happens.
fn sweep() {
    if live::capabilities() >> NET_ADMIN & 1 == 0 {
        return;
    }
    for family in families() {
        let shown = run("ip", &[family.option().to_owned(), "rule".to_owned(), "show".to_owned()], "");
        for left in way::put_in(&shown.unwrap_or_default()) {
            if let Ok(_claim) = claim(&left) {
                let ReturnPath { priority, table, .. } = left;
                info!(priority, table, "What a gateway before this one has left is taken out");
                remove(&left);
            }
        }
    }
    let tables =
        run("nft", &["list".to_owned(), "tables".to_owned(), "inet".to_owned()], "").unwrap_or_default();
    for name in tables.lines().filter_map(|line| line.strip_prefix("table inet ")) {
        // Rules would have shown its other numbers: what is left is the table alone.
        let path = way::priority_of(name).map(|priority| ReturnPath { priority, ..ReturnPath::default() });
        if path.is_some_and(|path| claim(&path).is_ok()) {
            remove_table(name);
        }
    }
}

/// Its number in capabilities(7).
pub(crate) const NET_ADMIN: u32 = 12;

/// Rules of one form that are taken out at the most.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_whose_ipv6_is_switched_off_has_a_way_back_of_ipv4_only() {
        assert!(!loops_back(""));
        let outside = "fe800000000000000000000000000001 02 40 20 80     eth0\n";
        assert!(!loops_back(outside));
        assert!(loops_back(&format!("{outside}00000000000000000000000000000001 01 80 10 80       lo\n")));
    }
}
