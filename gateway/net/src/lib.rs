//! What the kernel has to be told so that clients' packets find their way.
//!
//! Where a pool has `source = "client"`, its servers answer the client. Their packets come through this machine and are
//! meant for a socket on it, though the address they go to is not of it: a rule of nftables marks them, a rule of the
//! routing policy sends what is marked to a table of its own, and a route in that says that all of it is local.
//!
//! | module | idea |
//! |---|---|
//! | `way` | the three of them as text: pure |
//! | `plan` | the commands for the servers, whose answers have to come here: pure |
//! | `doctor` | what is wrong on this machine as it runs |
//! | `standby` | what is wrong where others stand in for this machine |
//! | `live` | what the system says about itself |
//! | `install` | putting them in, looking whether they are there, taking them out |
//! | `l4` | VIPs that the kernel serves |
//! | `owner` | which gateway of the machine has put them in |
//! | `run` | the programs of the system that do it |

mod doctor;
mod install;
mod l4;
mod live;
mod owner;
mod plan;
mod run;
mod standby;
mod way;

pub use doctor::{Diagnosis, Finding, examine};
pub use install::{Installed, NetworkError, clean};
pub use l4::{L4, check as check_l4, check_first as check_first_l4};
pub use plan::{PlanError, plan};
