//! VIPs that the kernel serves: rules of nftables, kept in step with pools.
//!
//! A packet to a VIP is sent on to a server by destination NAT. Which one a table of slots says, that a hash of the client
//! or a counter is looked up in; what connection tracking has begun it goes on with, whatever the table says later. Rules
//! stay when the gateway dies, and all changes are transactions.
//!
//! | module | idea |
//! |---|---|
//! | `service` | a VIP as far as rules depend on its configuration |
//! | `choice` | which slot has which server now |
//! | `text` | rules in the words of `nft`: pure |
//! | `count` | what the kernel has counted |
//! | `flows` | flows of datagrams whose server is down |
//! | `needs` | what the machine must have |
//! | `keeper` | the thread that keeps all of it in step |

mod choice;
mod count;
mod flows;
mod keeper;
mod needs;
mod service;
#[cfg(test)]
mod tests;
mod text;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

pub use keeper::L4;
pub(crate) use needs::{alone, examine, serves};
pub use needs::{check, check_first};

use crate::install::NetworkError;
use crate::run::run;

/// Has the kernel carry out a transaction, or only look whether it would.
///
/// # Errors
/// [`NetworkError::Rules`].
fn nft(arguments: &[&str], input: &str) -> Result<String, NetworkError> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    run("nft", &arguments, input).map_err(|error| {
        NetworkError::Rules(match error {
            NetworkError::Missing(_) => "`nft` is missing: install nftables".to_owned(),
            NetworkError::Failed { said, .. } => said,
            other => other.to_string(),
        })
    })
}

/// The right to put rules in and to take them out, which one process of the machine has at a time. It goes with its process.
///
/// # Errors
/// [`NetworkError::OthersRules`].
fn claim() -> Result<UnixListener, NetworkError> {
    let name = SocketAddr::from_abstract_name("sekisho/l4").map_err(|_| NetworkError::OthersRules)?;
    UnixListener::bind_addr(&name).map_err(|_| NetworkError::OthersRules)
}

/// Takes out all rules, unless they are of a gateway that lives.
///
/// # Errors
/// [`NetworkError::OthersRules`].
pub(crate) fn remove() -> Result<(), NetworkError> {
    let _claim = claim()?;
    let _ = nft(&["-f", "-"], &text::none());
    Ok(())
}
