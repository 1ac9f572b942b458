//! Which server gets a client, and why: pools, balancing methods, the persistence table and health.
//!
//! Pure: time and randomness come in as arguments, nothing here opens a socket or starts a thread.

mod spec;

pub use spec::{
    Admin, AllDown, FlapSpec, HashKind, HealthSpec, Method, PassiveSpec, PoolSpec, QueueSpec,
    ResponseCombine, ResponseSource, ServerSpec, TableSpec,
};
