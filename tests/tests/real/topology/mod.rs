//! The topologies of a load balancer, in namespaces: client, gateway and two servers, IPv4 and IPv6.

mod one_arm;
mod servers;
mod site;
mod sources;
mod two_arm;

use super::{Folder, run};
use site::{Family, Site};
