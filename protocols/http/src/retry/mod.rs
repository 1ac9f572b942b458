//! Whether a request that failed on one server is tried on another.
//!
//! | module | idea |
//! |---|---|
//! | `options` | what the VIP, or a rule, says of it |
//! | `cause` | how a try fails |
//! | `budget` | how many tries there may be, so that a broken pool is not asked twice as much |
//! | `again` | the request as it was, until its answer is there |
//! | `replay` | its body, kept while it is sent |
//! | `counts` | what came of it |

mod again;
mod budget;
mod cause;
mod counts;
mod options;
mod replay;

pub(crate) use again::Again;
pub(crate) use budget::Budget;
pub(crate) use cause::Cause;
pub(crate) use options::{Plan, Retry};
pub(crate) use replay::{Recorder, Replay};
