//! What is measured of a server: response times, bytes and outcomes.

mod response;
mod ring;
mod row;
mod tally;
mod window;

pub(crate) use response::ResponseTime;
pub(crate) use row::{Row, is_before};
pub(crate) use tally::Tally;
pub(crate) use window::Window;
