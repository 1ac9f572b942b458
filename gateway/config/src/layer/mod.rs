//! The runtime layer: servers, pools and VIPs that an operator has set or removed beside the file.
//!
//! It is laid over the file's document before anything is read, so that whatever it says is checked like the file
//! itself. It is text as well, which survives a restart where there is a state directory:
//!
//! ```toml
//! [[change]]
//! at = ["pool", "web", "servers", "www3"]
//! set = { address = "10.0.0.23:80", weight = 2 }
//!
//! [[change]]
//! at = ["vip", "old"]
//! remove = true
//! ```
//!
//! ```text
//! overlay   lays it over a document
//! written   how it is written, and what it changes in a file
//! save      writes it into a file, whose comments stay
//! ```

mod overlay;
mod save;
mod written;

#[cfg(test)]
mod tests;

use std::fmt;

use sekisho_api::settings::{Problem, Value};

use crate::report::Report;
use crate::{defaults, source};

pub(crate) use overlay::overlay;
pub use save::Unsaved;
pub use written::{Difference, NOT_SHOWN};

/// What an operator has set or removed at run time, in the order in which it was done. Each place stands once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    changes: Vec<Change>,
}

/// One change. Without a value the place is removed.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    at: Place,
    set: Option<toml::Value>,
}

/// What can be set and removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// `[vip.NAME]`
    Vip(String),
    /// `[pool.NAME]`
    Pool(String),
    /// A server of a pool.
    Server {
        /// The pool.
        pool: String,
        /// The server.
        server: String,
    },
}

/// What a layer calls itself in a report.
pub(crate) const ORIGIN: &str = "runtime layer";
/// The most changes: who has more should save them.
const CHANGES_MAX: usize = 10_000;

impl Layer {
    /// Reads what [`Layer::text`] has written.
    ///
    /// # Errors
    /// What in it is none.
    pub fn read(text: &str) -> Result<Self, Report> {
        let refused = |problems| Report::new(ORIGIN, text, problems, Vec::new());
        if text.len() as u64 > defaults::FILE_MAX {
            return Err(refused(vec![Problem::new(
                0..0,
                "the runtime layer is too large",
                "more than 4 MiB",
            )]));
        }
        let document = source::document(text).map_err(refused)?;
        let mut layer = Self::default();
        for (key, span, node) in &document.entries {
            let Value::List(items) = &node.value else {
                return Err(refused(vec![Problem::new(
                    span.clone(),
                    format!("unknown key `{key}`"),
                    "not here",
                )]));
            };
            for item in items {
                match written::change(item) {
                    Ok(change) => layer.put(change),
                    Err(problem) => return Err(refused(vec![problem])),
                }
            }
        }
        Ok(layer)
    }

    /// Sets what stands at a place, whatever stood there.
    pub fn set(&mut self, at: Place, value: toml::Value) {
        self.put(Change { at, set: Some(value) });
    }

    /// Removes what stands at a place.
    pub fn remove(&mut self, at: Place) {
        self.put(Change { at, set: None });
    }

    /// Whether there is room for another change.
    pub fn is_full(&self) -> bool {
        self.changes.len() >= CHANGES_MAX
    }

    /// Whether the file alone counts.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many places it changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// What is said last about a place counts; about a whole pool, also for its servers.
    fn put(&mut self, change: Change) {
        self.changes.retain(|known| !change.at.covers(&known.at));
        self.changes.push(change);
    }
}

impl Place {
    /// The keys that lead there.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            Self::Vip(name) => vec!["vip", name],
            Self::Pool(name) => vec!["pool", name],
            Self::Server { pool, server } => vec!["pool", pool, "servers", server],
        }
    }

    fn of(keys: &[&str]) -> Option<Self> {
        Some(match *keys {
            ["vip", name] => Self::Vip(name.to_owned()),
            ["pool", name] => Self::Pool(name.to_owned()),
            ["pool", pool, "servers", server] => {
                Self::Server { pool: pool.to_owned(), server: server.to_owned() }
            }
            _ => return None,
        })
    }

    /// Whether a change here leaves nothing of one there.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pool(name), Self::Server { pool, .. }) => name == pool,
            _ => self == other,
        }
    }
}

impl fmt::Display for Place {
    /// As an operator names it: `vip web`, `server web/www1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vip(name) => write!(f, "vip {name}"),
            Self::Pool(name) => write!(f, "pool {name}"),
            Self::Server { pool, server } => write!(f, "server {pool}/{server}"),
        }
    }
}
