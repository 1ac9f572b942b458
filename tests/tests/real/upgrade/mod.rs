//! A gateway whose program is replaced as it runs.

mod load;
mod memory;
mod middle;
mod service;
mod site;
