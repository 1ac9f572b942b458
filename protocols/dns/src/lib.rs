//! DNS: queries balanced one by one, over UDP, TCP, TLS and HTTPS.

mod cache;
mod wire;

#[doc(hidden)]
pub use wire::oracle as wire_oracle;
