//! What the mail protocols share: who somebody says to be, and what proves it to the server.
//!
//! No protocol by itself: IMAP and its siblings are written on it. The siblings, POP3, submission and ManageSieve, share
//! their conversation as well: each is a [`Dialect`], the words of one protocol.

mod abilities;
mod certificate;
mod conversation;
mod dialect;
mod exchange;
mod line;
mod login;
mod options;
mod probe;
mod protocol;
mod sasl;
pub mod settings;

pub use abilities::{ServerAbilities, XClient};
pub use certificate::NameIn;
pub use dialect::{Asked, Command, Dialect, List, Outcome, Reply, Word};
pub use line::{line_end, split_word, trimmed};
pub use options::{Offer, pool};
pub use probe::probe;
pub use protocol::{PATIENCE, handler};
pub use sasl::{
    Credentials, LoginExchange, LoginStep, Mechanism, MechanismSet, Proof, Secret, decode, encode, encode_to,
    is_name,
};
