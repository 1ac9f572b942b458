//! From the text of a configuration file to a checked [`Config`], with every error explained at once.

mod model;
mod registry;

pub use model::{
    AccessLog, CertificateFiles, ClientAuth, ClientTls, Config, Domain, Gateway, Limits, LogFormat, Pool,
    ProbeSpec, ServerTls, Timeouts, TlsVersion, Trust, Vip,
};
pub use registry::Registry;
