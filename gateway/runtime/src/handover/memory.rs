//! What a process knows that its successor is to know.

use std::fmt;
use std::time::{Instant, SystemTime};

use sekisho_scheduler::{Standing, Wish};

use crate::view::View;

/// What a process knows that its successor is to know.
#[derive(Debug, Default)]
pub struct Memory {
    /// All persistence tables.
    pub tables: Vec<TableNews>,
    /// What the operator has set.
    pub wishes: Vec<Wish>,
    /// How the servers are.
    pub standings: Vec<Standing>,
}

/// What there is to know of a persistence table: all of it, or what has changed.
#[derive(Clone, PartialEq, Eq)]
pub struct TableNews {
    /// The persistence domain's name.
    pub table: String,
    /// Records of its journal. Users' names are among them.
    pub records: Vec<u8>,
}

impl fmt::Debug for TableNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableNews").field("table", &self.table).finish_non_exhaustive()
    }
}

impl View {
    /// Takes up what the process before this one tells of a persistence table.
    pub fn learn(&self, news: &TableNews) {
        let live = self.0.live.load();
        if let Some(table) = live.scheduler.table(&news.table) {
            table.replay(&news.records, &live.config.key_kinds(), SystemTime::now(), Instant::now());
        }
    }
}

/// The secret that cookies are made with where it is kept nowhere: the successor's cookies are to be the same. Never
/// prints.
#[derive(Clone, PartialEq, Eq)]
pub struct RunSecret(String);

impl RunSecret {
    /// A secret that another process made.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for a socket that nobody else can read.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RunSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunSecret(..)")
    }
}
