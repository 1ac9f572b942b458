//! Numbers about the gateway.

pub(crate) mod names;
mod page;
mod render;
pub(crate) mod serve;
mod snapshot;
mod take;
#[cfg(test)]
mod tests;

pub(crate) use page::Form;
pub(crate) use render::render;
pub(crate) use take::Source;
