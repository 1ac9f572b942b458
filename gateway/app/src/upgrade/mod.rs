//! Another process in this one's place, while both serve.
//!
//! ```text
//! this process                          its heir: the program on disk, started with the same words
//!   its sockets, its doors        ──▶   reads the configuration, takes the sockets that are in it, binds the rest
//!                                 ◀──   prepared
//!   tables, operator's settings,  ──▶   serves
//!   how servers are
//!                                 ◀──   serving
//!   accepts nobody more, lets its ──▶   what moves addresses; then changes in tables, until this process has ended
//!   connections end
//! ```
//!
//! Until it says that it serves nothing has changed for this process: whatever becomes of the heir, this one goes on.
//!
//! | module | idea |
//! |---|---|
//! | `channel` | messages with descriptors, between the two |
//! | `words` | what they say |
//! | `program` | which program the heir runs |
//! | `heir` | the heir as this process sees it |
//! | `predecessor` | the process before this one |

mod channel;
mod heir;
mod predecessor;
mod program;
mod words;

pub(crate) use heir::Heir;
pub(crate) use predecessor::Predecessor;
pub(crate) use program::Program;
pub(crate) use words::Estate;

/// Why a process does not take this one's place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The new process says so itself: its configuration, most likely.
    #[error("the new process says: {0}")]
    Refused(String),
    /// It has ended, or the old one has.
    #[error("the other process has gone: {0}")]
    Gone(String),
    /// It is there and says nothing.
    #[error("the other process says nothing in time")]
    Silent,
    /// What it says is not understood. Another version, or not this program at all.
    #[error("the other process says what is not understood: {0}")]
    Strange(String),
    /// The system refuses.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// This process cannot hand over what it has.
    #[error("{0}")]
    Kept(#[from] sekisho_runtime::StartError),
    /// The gateway has stopped meanwhile.
    #[error("the gateway has stopped")]
    Stopped,
}
