//! The Debian packages that tests and benchmarks need, installed where missing.

use std::fs;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};
use crate::shell;

/// A program that the tests run, and the Debian package that has it.
#[derive(Clone, Copy, Debug)]
struct Package {
    program: &'static str,
    package: &'static str,
}

/// What is needed, and what for.
const NEEDED: &[Package] = &[
    // The tidy tests ask it for the tracked files.
    Package { program: "git", package: "git" },
    // Real web servers behind the gateway; a peer of the benchmark.
    Package { program: "nginx", package: "nginx-light" },
    // It relays TCP with a module that some packages of it lack.
    Package { program: "/usr/lib/nginx/modules/ngx_stream_module.so", package: "libnginx-mod-stream" },
    // A peer of the benchmark for mail, with another one.
    Package { program: "/usr/lib/nginx/modules/ngx_mail_module.so", package: "libnginx-mod-mail" },
    // A peer of the benchmark.
    Package { program: "haproxy", package: "haproxy" },
    // Real clients.
    Package { program: "curl", package: "curl" },
    // A terminal for whoever needs one.
    Package { program: "script", package: "bsdutils" },
    Package { program: "openssl", package: "openssl" },
    // Load.
    Package { program: "wrk", package: "wrk" },
    Package { program: "h2load", package: "nghttp2-client" },
    Package { program: "dnsperf", package: "dnsperf" },
    // Real DNS servers behind the gateway.
    Package { program: "knotd", package: "knot" },
    Package { program: "nsd", package: "nsd" },
    Package { program: "named", package: "bind9" },
    // Real DNS clients: dig and nsupdate, kdig.
    Package { program: "nsupdate", package: "bind9-dnsutils" },
    Package { program: "kdig", package: "knot-dnsutils" },
    // The DNS server of the tutorial.
    Package { program: "dnsmasq", package: "dnsmasq-base" },
    // Real mail servers behind the gateway, a peer of the benchmark, and clients.
    Package { program: "dovecot", package: "dovecot-core" },
    Package { program: "/usr/lib/dovecot/imap-login", package: "dovecot-imapd" },
    Package { program: "python3", package: "python3" },
    Package { program: "mbsync", package: "isync" },
    Package { program: "mutt", package: "mutt" },
    Package { program: "offlineimap", package: "offlineimap3" },
    // The siblings of IMAP, and a client of submission.
    Package { program: "/usr/lib/dovecot/pop3-login", package: "dovecot-pop3d" },
    Package { program: "/usr/lib/dovecot/managesieve-login", package: "dovecot-managesieved" },
    Package { program: "/usr/lib/dovecot/submission-login", package: "dovecot-submissiond" },
    Package { program: "swaks", package: "swaks" },
    // What swaks needs for TLS; its program is a module, in a folder that names the architecture.
    Package { program: "/usr/share/doc/libnet-ssleay-perl/copyright", package: "libnet-ssleay-perl" },
    // Real Remote Desktop servers behind the gateway, what their desktops are made of, and clients with a screen.
    Package { program: "xrdp", package: "xrdp" },
    Package { program: "Xvnc", package: "tigervnc-standalone-server" },
    Package { program: "xauth", package: "xauth" },
    Package { program: "freerdp-shadow-cli", package: "freerdp2-shadow-x11" },
    Package { program: "xfreerdp", package: "freerdp2-x11" },
    Package { program: "rdesktop", package: "rdesktop" },
    Package { program: "Xvfb", package: "xvfb" },
    // A peer of the benchmark.
    Package { program: "dnsdist", package: "dnsdist" },
    // A Prometheus that reads the page, and what checks rules.
    Package { program: "promtool", package: "prometheus" },
    // Prometheus' own reader of metrics in Python, which is stricter.
    Package {
        program: "/usr/lib/python3/dist-packages/prometheus_client/__init__.py",
        package: "python3-prometheus-client",
    },
    // WebSockets' clients and servers.
    Package {
        program: "/usr/lib/python3/dist-packages/websockets/__init__.py",
        package: "python3-websockets",
    },
    // A client that has them over HTTP/2.
    Package { program: "/usr/lib/python3/dist-packages/h2/__init__.py", package: "python3-h2" },
    // A browser, and what leads it.
    Package { program: "chromium", package: "chromium" },
    Package { program: "chromedriver", package: "chromium-driver" },
    // Servers of HTTP/2, and gRPC's servers and clients.
    Package { program: "nghttpd", package: "nghttp2-server" },
    Package { program: "/usr/lib/python3/dist-packages/grpc/__init__.py", package: "python3-grpcio" },
    // A partner for VRRP, and what reads the packets.
    Package { program: "keepalived", package: "keepalived" },
    Package { program: "tshark", package: "tshark" },
    // What the gateway tells the kernel with, where servers see clients.
    Package { program: "nft", package: "nftables" },
    // A store for what gateways share.
    Package { program: "redis-server", package: "redis-server" },
    // What opens sockets for a gateway, and reads its units.
    Package { program: "systemd-socket-activate", package: "systemd" },
    // Looking at sockets.
    Package { program: "ss", package: "iproute2" },
];

/// Installs every package whose program is not there. On a system without `apt-get` that has all programs, from
/// wherever, nothing is done.
///
/// # Errors
/// Names every package that cannot be had.
pub(crate) fn ensure() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    shell::announce(&format!("installing {}", missing.join(", ")));
    let _policy = NoServices::declare()?;
    // Without an update first: fresh machines have no lists and the first attempt ends at once, others save a minute.
    if install(&missing).is_err() {
        shell::show(root("apt-get").args(["update", "-q"]))?;
        if install(&missing).is_err() {
            // One by one, so that one bad name does not hide the others.
            for name in &missing {
                if let Err(error) = install(&[name]) {
                    println!("{name}: {error}");
                }
            }
        }
    }
    let names = self::missing();
    if names.is_empty() { Ok(()) } else { Err(Error::Packages { names }) }
}

/// The packages whose program is in none of the usual places.
fn missing() -> Vec<&'static str> {
    NEEDED.iter().filter(|needed| !is_there(needed.program)).map(|needed| needed.package).collect()
}

/// Whether a program is on the path, or where administrators' programs are, which is on root's path only.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    places.into_iter().any(|place| place.join(program).is_file())
}

fn install(packages: &[&str]) -> Result<()> {
    let mut command = root("env");
    command.args([
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "-q",
        "--no-install-recommends",
    ]);
    shell::show(command.args(packages))
}

/// `program`, run by root: directly, or through sudo, which asks for a password only where somebody can type it.
fn root(program: &str) -> Command {
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    if !std::io::stdin().is_terminal() {
        command.arg("-n");
    }
    command.arg(program);
    command
}

/// While it lives, installing a package starts none of its services: nginx and HAProxy would take port 80.
///
/// Debian's `invoke-rc.d` asks `/usr/sbin/policy-rc.d`; 101 means "action forbidden by policy". A machine that has
/// such a policy keeps its own.
#[derive(Debug)]
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn declare() -> Result<Self> {
        let ours = match fs::read_to_string(POLICY) {
            // Left behind by a run that was killed.
            Ok(text) => text.contains(MARK),
            Err(_) => {
                let script =
                    format!("printf '#!/bin/sh\\n# {MARK}\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}");
                shell::show(root("sh").args(["-c", &script]))?;
                true
            }
        };
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && Path::new(POLICY).exists()
            && let Err(error) = shell::show(root("rm").arg(POLICY))
        {
            println!("{POLICY} is still there: {error}");
        }
    }
}

const POLICY: &str = "/usr/sbin/policy-rc.d";
const MARK: &str = "written by cargo xtask test while it installs packages";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_found_on_the_path_or_not_at_all() {
        assert!(is_there("sh"));
        assert!(!is_there("no-such-program-here"));
    }

    #[test]
    fn no_package_is_listed_twice() {
        for (index, one) in NEEDED.iter().enumerate() {
            assert!(
                NEEDED.iter().skip(index + 1).all(|other| other.package != one.package),
                "{}",
                one.package
            );
        }
    }
}
