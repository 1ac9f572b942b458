//! DNS: queries balanced one by one, over UDP, TCP, TLS and HTTPS.

mod cache;
mod desk;
mod exchange;
mod https;
mod keys;
mod limits;
mod options;
mod over;
mod pool;
mod prefix;
mod probe;
mod protocol;
mod rules;
mod stream;
#[cfg(test)]
mod testing;
mod text;
mod wire;

pub use protocol::Dns;

#[doc(hidden)]
pub use wire::oracle as wire_oracle;
