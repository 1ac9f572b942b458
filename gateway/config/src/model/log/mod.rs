//! Logs: where they go, and what their lines look like.

mod field;
mod receiver;

use std::sync::Arc;

pub use self::field::LogField;
pub use self::receiver::{Facility, LogTo, SyslogAddress};

/// Text for people, or JSON for machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// One access log: where its lines go, what they look like, and how many of them there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where.
    pub to: LogTo,
    /// The form of a line.
    pub format: LineFormat,
    /// Of lines that tell of nothing wrong, one in so many is written; 1: all.
    pub sample: u64,
    /// The most lines a second, over all workers; none: no limit.
    pub max_rate: Option<u64>,
}

/// The form of a line of the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// All fields that are known, as `name=value` or as JSON.
    All(LogFormat),
    /// The operator's own.
    Own(Arc<[LinePiece]>),
    /// A span of OpenTelemetry (OTLP in JSON), of requests that are to be reported as such and of no others.
    Span,
}

/// A piece of a line in the operator's own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinePiece {
    /// This text; no control characters.
    Text(Box<str>),
    /// The value of this field.
    Field(LogField),
}
