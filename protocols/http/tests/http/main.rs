//! HTTP at byte level: scripted clients and origins around a worker with a core of the tests' own.

mod basics;
mod support;
