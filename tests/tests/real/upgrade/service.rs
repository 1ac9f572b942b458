//! A gateway under a service manager.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use sekisho_tests::{program, root, sekisho, until};

use super::super::Folder;
use super::site::{Site, WEB};

/// Where a service manager is told things.
struct Manager(UnixDatagram);

impl Manager {
    fn new(site: &Site) -> Self {
        let socket = UnixDatagram::bind(site.path("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(socket)
    }

    /// Waits until it is told this.
    fn hears(&self, wanted: &str) -> String {
        loop {
            let mut text = [0; 1024];
            let length = self.0.recv(&mut text).unwrap_or_else(|error| panic!("`{wanted}`: {error}"));
            let said = String::from_utf8_lossy(&text[..length]).into_owned();
            if said.lines().any(|line| line.starts_with(wanted)) {
                return said;
            }
        }
    }
}

#[test]
fn service_manager_opens_the_socket_and_hears_of_every_change() {
    let site = Site::new("service");
    let manager = Manager::new(&site);
    site.configure("", "");
    let [own, file, notify] = ["sekisho", "gateway.toml", "notify"].map(|name| site.path(name));
    let environment = ["NOTIFY_SOCKET", "WATCHDOG_USEC"].map(|name| format!("--setenv={name}"));
    let activate = program("systemd-socket-activate");
    let script = format!(
        "export NOTIFY_SOCKET={} WATCHDOG_USEC=600000; exec {} {} -l {WEB} {} run {}",
        notify.display(),
        activate.display(),
        environment.join(" "),
        own.display(),
        file.display()
    );
    let mut running = site.machine.run_beside(&site.path("log"), &["sh", "-c", &script]);
    // The first client is there before the gateway.
    let first = until("somebody listens", || {
        assert!(running.ended().is_none(), "{}", site.log());
        site.ask(WEB, "/", "").ok()
    });
    assert!(first.ends_with("one") || first.ends_with("two"), "{first}");
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");

    running.signal(rustix::process::Signal::HUP);
    let said = manager.hears("RELOADING=1");
    assert!(said.contains("MONOTONIC_USEC="), "{said}");
    manager.hears("READY=1");

    let said = site.operate(&["upgrade", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    manager.hears(&format!("MAINPID={}", said["process"]));
    // The new process speaks for itself.
    manager.hears("STATUS=Serving 2 VIPs");
    manager.hears("WATCHDOG=1");
    site.who(WEB);
    site.signal(said["process"].as_u64().unwrap().try_into().unwrap(), "-TERM");
    manager.hears("STOPPING=1");
}

#[test]
fn descriptors_that_the_service_manager_claims_and_has_not_opened_stay_the_gateways_own() {
    let site = Site::new("claimed");
    site.configure("", "");
    let [own, file] = ["sekisho", "gateway.toml"].map(|name| site.path(name));
    let script = format!(
        "export LISTEN_PID=$$ LISTEN_FDS=60; exec {} run {} 3</dev/null",
        own.display(),
        file.display()
    );
    let mut running = site.machine.run_beside(&site.path("log"), &["sh", "-c", &script]);
    until("the gateway serves", || site.log().contains("Serving").then_some(()));
    site.who(WEB);
    running.signal(rustix::process::Signal::HUP);
    until("a signal arrives", || site.log().contains("Reloaded").then_some(()));
    running.signal(rustix::process::Signal::TERM);
    let ended = until("the gateway ends", || running.ended());
    assert!(ended.success(), "{ended}\n{}", site.log());
}

#[test]
fn units_are_what_systemd_takes() {
    let folder = Folder::new("units");
    let binary = sekisho();
    for name in ["sekisho.service", "sekisho.socket"] {
        let text = std::fs::read_to_string(root().join("contrib/systemd").join(name)).unwrap();
        folder.write(name, &text.replace("/usr/bin/sekisho", binary.to_str().unwrap()));
    }
    let units = ["sekisho.service", "sekisho.socket"].map(|name| folder.path().join(name));
    let output = Command::new(program("systemd-analyze")).arg("verify").args(units).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // It looks at the machine's other units as well.
    let ours: Vec<_> = said.lines().filter(|line| line.contains("sekisho")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}
