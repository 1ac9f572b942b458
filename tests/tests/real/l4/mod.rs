//! VIPs that the kernel serves, in namespaces: client, one or two gateways and three servers, IPv4 and IPv6.

mod alone;
mod pair;
mod server;
mod site;

use super::{Folder, run};
use site::{Family, Site};
