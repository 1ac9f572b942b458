//! What holds over the whole crate: every fixture, every example of the documentation, any text at all.

mod bogus;
mod documents;
pub(crate) mod fake;
mod folder;
mod full;
mod golden;
mod load;
mod mutation;
mod settings;
