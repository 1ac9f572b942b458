//! What is said to a server until it has accepted a user.

mod caps;
mod line;
mod say;

pub(crate) use caps::{Capabilities, names_in_code};
pub(crate) use line::{LINE_MAX, Line, blames, capabilities, read};
pub(crate) use say::{Cannot, Way, way};
