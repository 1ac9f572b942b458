//! The `http` health probe: one request, one answer, one verdict.

mod options;
mod run;
mod status;

pub(crate) use options::HttpProbe;
