//! What clients say before login: first where a command ends, then what it means.

mod frame;
mod grammar;

pub(crate) use frame::{COMMAND_MAX, Frame, Overlong, frame, line};
pub(crate) use grammar::{Command, command};
