//! What is said to a server until it has accepted a user.

mod caps;
mod line;
mod say;

pub(crate) use caps::Capabilities;
pub(crate) use line::{LINE_MAX, Line, capabilities, read};
pub(crate) use say::{Cannot, Login, login};
