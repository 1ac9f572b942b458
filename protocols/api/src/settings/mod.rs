//! Reading configuration with the place of every value at hand.
//!
//! The core turns the file into [`Node`]s; protocols and the core alike read them through a [`Section`], which
//! collects every problem instead of stopping at the first, knows which keys were asked for, and refuses the rest.

mod escape;
mod file;
mod node;
mod problem;
mod section;
mod unit;

pub use escape::parse_bytes;
pub use file::contents;
pub use node::{Node, Span, Table, Value};
pub use problem::{Problem, Problems};
pub use section::{Found, Section, nearest};
pub use unit::{parse_duration, parse_size, show_duration, show_size};
