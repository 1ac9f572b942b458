//! Real desktops behind the gateway; xfreerdp and rdesktop in front of it.
//!
//! Each test has machines of its own, made of namespaces: nothing of this machine's accounts, files or networks is
//! touched.

mod desktops;
mod failing;
mod farm;
mod hostile;
mod nla;
mod redirect;
mod replay;
mod returning;
mod screen;
mod shadow;
mod xrdp;

use super::machine;

/// xfreerdp's options that are the same for everybody.
const XFREERDP: [&str; 6] =
    ["xfreerdp", "/v:10.99.0.1", "/cert:ignore", "/sec:tls", "/size:640x480", "/log-level:WARN"];

/// rdesktop's.
const RDESKTOP: [&str; 5] = ["rdesktop", "-a", "32", "-g", "640x480"];
