//! Two xrdp that know nothing of each other, and the gateway before them.

use sekisho_tests::until;

use super::farm::{Client, Farm};
use super::machine::Machine;
use super::xrdp::{Desktop, Entered, Xrdp};

/// A farm without a broker.
pub(super) struct Desktops {
    pub(super) farm: Farm,
    pub(super) servers: [Xrdp; 2],
}

impl Desktops {
    /// With more of the VIP's configuration, and of the pool's.
    pub(super) fn start(name: &str, vip: &str, pool: &str) -> Self {
        let servers = ["s1", "s2"].map(Xrdp::start);
        let configuration = format!("{vip}\n[pool.desktops]\n{pool}");
        let farm = Farm::start(name, &[&servers[0].machine, &servers[1].machine], &configuration);
        Self { farm, servers }
    }

    /// Starts a client and waits until its user has entered a desktop.
    pub(super) fn enter(&self, machine: &Machine, user: &str, words: &[&str]) -> (Client, Desktop) {
        let before = self.servers.each_ref().map(|server| server.entered(user).len());
        let mut client = self.farm.client(machine, words);
        let entered = until(&format!("{user} enters by {words:?}"), || {
            if let Some(status) = client.program.ended() {
                panic!("{words:?}: {status}\n{}\n{}", client.said(), self.log());
            }
            let news =
                self.servers.iter().zip(before).flat_map(|(server, n)| server.entered(user).split_off(n));
            news.last()
        });
        (client, entered.desktop)
    }

    /// Every desktop that was begun for a user, anywhere.
    pub(super) fn begun(&self, user: &str) -> Vec<Desktop> {
        let all = self.servers.iter().flat_map(|server| server.entered(user));
        all.filter(|entered: &Entered| entered.new).map(|entered| entered.desktop).collect()
    }

    /// What the gateway and the servers say.
    pub(super) fn log(&self) -> String {
        let servers = self.servers.each_ref().map(Xrdp::log);
        format!("{}\n{}", self.farm.log(), servers.join("\n"))
    }
}

impl Drop for Desktops {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
