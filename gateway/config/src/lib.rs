//! From the text of a configuration file to a checked [`Config`], with every error explained at once.
//!
//! [`load`] and [`parse`] give the model or a [`Report`]; [`check_file`] and [`check`] give the warnings as well. What
//! a file may say is described in `docs/reference.md`, which the tests keep in step with the code.
//!
//! ```
//! use std::path::Path;
//!
//! use sekisho_config::{Registry, parse};
//!
//! // A binary registers its protocols here.
//! let registry = Registry::new();
//! let report = parse("[gateway]\nworkesr = 2\n", "gateway.toml", Path::new(""), &registry).unwrap_err();
//! let expected = "\
//! error: unknown key `workesr`
//!  --> gateway.toml:2:1
//!   |
//! 2 | workesr = 2
//!   | ^^^^^^^ not known here
//!   = help: did you mean `workers`?
//!
//! 1 problem; nothing was changed
//! ";
//! assert_eq!(report.to_string(), expected);
//! ```

mod defaults;
mod layer;
mod load;
mod model;
mod moment;
mod read;
mod registry;
mod report;
mod source;

pub use layer::{Difference, Layer, NOT_SHOWN, Place, Unsaved};
pub use load::{Layered, Loaded, check, check_file, check_layered, load, parse, text};
pub use model::{
    AccessLog, Admin, Arms, CertificateFiles, ClientAuth, ClientTls, Config, Domain, Facility, Flavour,
    Gateway, KEPT_SECRET, Limits, LineFormat, LinePiece, LogField, LogFormat, LogTo, Mac, OnStop,
    PeerKeyForm, PeerNode, PeerTable, Peers, Pool, ProbeSpec, ProxyTlv, ProxyVersion, ReturnPath, Scope,
    ServerTls, SharedStore, Source, SyslogAddress, Timeouts, TlsMode, TlsVersion, Token, Topology, Track,
    Vip, VipMode, Vrrp, VrrpChecksum, VrrpMode,
};
pub use moment::Moment;
pub use registry::Registry;
pub use report::{Colour, Finding, Report, Severity, Spot};

#[cfg(test)]
mod tests;
