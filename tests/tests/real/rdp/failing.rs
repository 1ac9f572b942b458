//! Servers that fail, each in its way.

use std::net::TcpListener;

use rustix::process::Signal;
use sekisho_tests::until;

use super::desktops::Desktops;
use super::{XFREERDP, xrdp::Desktop};

/// Clients find out that a server fails, and not probes.
const POOL: &str = "probe = { kind = 'rdp', interval = '60s', fast-interval = '200ms', fall = 100 }";

impl Desktops {
    /// anna by one xfreerdp, which connects once and is then gone.
    fn anna(&self) -> Desktop {
        let before = self.farm.served();
        let words = [&XFREERDP[..], &["/u:anna", "/p:secret"]].concat();
        let (client, desktop) = self.enter(&self.farm.near, "anna", &words);
        drop(client);
        assert_eq!(self.farm.served() - before, 1, "{}", self.log());
        desktop
    }

    fn of(&mut self, desktop: &Desktop) -> usize {
        self.servers.iter().position(|server| server.name == desktop.server).unwrap()
    }

    fn until_up(&self, place: usize) {
        let server = self.servers[place].name;
        let name = format!("sekisho_server_state{{pool=\"desktops\",server=\"{server}\",state=\"up\"}}");
        until(&name, || (self.farm.number(&name) == 1).then_some(()));
    }
}

#[test]
fn client_of_a_killed_a_frozen_or_a_mute_server_gets_another_one_at_its_first_attempt() {
    let mut desktops = Desktops::start("failing", "timeouts = { response = '2s' }", POOL);
    let first = desktops.anna();
    let home = desktops.of(&first);
    desktops.servers[home].kill();
    let second = desktops.anna();
    assert_ne!(second.server, first.server);

    desktops.servers[home].restart();
    desktops.until_up(home);
    desktops.servers[1 - home].signal(Signal::STOP);
    assert_eq!(desktops.anna().server, first.server, "{}", desktops.log());
    desktops.servers[1 - home].signal(Signal::CONT);
    desktops.until_up(1 - home);

    desktops.servers[home].kill();
    let mute = desktops.servers[home].machine.inside(|| TcpListener::bind("0.0.0.0:3389").unwrap());
    assert_eq!(desktops.anna(), second, "{}", desktops.log());
    drop(mute);
    desktops.farm.picture("failing");
}

#[test]
fn client_that_finds_all_servers_down_ends_after_one_attempt() {
    let mut desktops = Desktops::start("down", "", POOL);
    for server in &mut desktops.servers {
        server.kill();
    }
    let before = desktops.farm.served();
    let words = [&XFREERDP[..], &["/u:anna", "/p:secret"]].concat();
    let mut client = desktops.farm.client(&desktops.farm.near, &words);
    let status = until("xfreerdp ends", || client.program.ended());
    assert!(!status.success(), "{}", client.said());
    assert_eq!(desktops.farm.served() - before, 1, "{}\n{}", client.said(), desktops.log());
}
