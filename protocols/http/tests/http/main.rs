//! HTTP at byte level: scripted clients and origins around a worker with a core of the tests' own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; clippy's exception for tests does not reach their helpers"
)]

mod basics;
mod compression;
mod cost;
mod deadlines;
mod draining;
mod error_pages;
mod forwarding;
mod further_tries;
mod hop_by_hop;
mod idle;
mod interim;
mod kicks;
mod limits;
mod methods;
mod origin_faults;
mod panics;
mod persistence;
mod rates;
mod retries;
mod segments;
mod server_connections;
mod smuggling;
mod streaming;
mod support;
mod targets;
mod tracing;
mod two;
mod two_floods;
mod two_table;
mod two_tunnels;
mod upgrades;
mod upstream;
mod upstream_two;
mod upstream_two_calls;
mod upstream_two_faults;
mod upstream_two_flow;
mod upstream_two_silence;
mod vectors;
