//! Which server gets a client, and why: pools, balancing methods, the persistence table and health.
//!
//! Pure: time and randomness come in as arguments, nothing here opens a socket or starts a thread.
//!
//! [`Scheduler::build`] makes the pools and tables of a configuration; [`Pool::choose`] answers the one question,
//! with a [`Lease`](sekisho_api::Lease) that settles all counts when it is dropped. What runs per request allocates
//! nothing and holds no lock longer than it takes to walk a pool's servers.

mod clock;
mod field;
mod health;
mod measure;
mod method;
mod pool;
mod queue;
mod scheduler;
mod seal;
mod secret;
mod server;
mod spec;
mod table;
#[cfg(test)]
mod testing;

pub use health::{Cause, Change, Health, LastProbe, Offence, ProbeResult, State};
pub use method::{BUCKETS, Share, hash_buckets, turn_buckets};
pub use pool::{Ask, Candidate, Explanation, KeyLine, Lookup, Pool, Verdict, Waiting};
pub use scheduler::Scheduler;
pub use seal::{Sealed, TooLong};
pub use secret::Secret;
pub use server::{History, ServerState, Standing, Was, Wish};
pub use spec::{
    Admin, AllDown, FlapSpec, HashKind, HealthSpec, Method, OnDown, OutlierSpec, PassiveSpec, PoolSpec,
    QueueSpec, ResponseCombine, ResponseSource, ServerSpec, TableSpec,
};
pub use table::{
    Change as TableChange, Digest, EntryPlace, EntryView, Follower, Journalled, Learned, Lesson, Replayed,
    Stamp, Table, TableCounts,
};
