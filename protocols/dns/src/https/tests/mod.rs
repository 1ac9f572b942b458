//! Connections of both versions against a scripted resolver, on a clock that stands still.

pub(super) mod messages;
mod one;
mod support;
mod two;
