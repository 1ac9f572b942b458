//! DNS: queries balanced one by one, over UDP, TCP, TLS and HTTPS.

mod wire;
