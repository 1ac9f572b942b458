//! The state machine of RFC 9568, section 6, without sockets and clocks: what has happened goes in with the moment at
//! which it did, what is to be done comes out.
//!
//! ```text
//! words    states, reasons, what happens and what is to be done
//! voice    one virtual router: its timers, and what it hears
//! group    voices that move together, and the rules
//! series   when an address is announced, and again
//! ```
//!
//! Beyond the RFC, each for its reason:
//! - **Groups.** Voices of one group (IPv4 and IPv6 of one table, or several tables) are active together or not at
//!   all. A group takes over when *all* of its voices have lost the active router, and gives up when one of them hears
//!   a better one. Otherwise a link that is broken one way would make both nodes take over in turns. If each node is
//!   better on another voice (of two equal ones, by their addresses), the first voice that both hear decides: a later
//!   one only once the earlier ones have had time to.
//! - **Make before break.** Who gives up to a better router keeps its addresses for `LINGER`: what is on its way to
//!   it is still served. Who stops says so (priority 0), and serves until the other has taken over.
//! - **Priority 1** says *take it from me*: the node is there but not fit to serve. Whoever is fit takes over
//!   as if the active router had stopped, also with `preempt = false`.

mod group;
mod series;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod voice;
mod words;

#[cfg(test)]
use group::LINGER;
pub(crate) use group::{Group, Rules};
pub(crate) use voice::VoiceRules;
pub(crate) use words::{Action, Event, Moment};
pub use words::{State, Why};
