//! Dovecots, the gateway before them, and what clients need.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_tests::{Authority, sekisho, until};
use serde_json::Value;

use super::dovecot::{Dovecot, Service};
use crate::real::{Folder, Sekisho, run};

/// Dovecots, the gateway before them, and what clients need.
pub(super) struct Farm {
    pub(super) dovecots: Vec<Dovecot>,
    pub(super) sekisho: Sekisho,
    /// The last part of the address of this farm's own.
    pub(super) host: u8,
    pub(super) authority: Authority,
    /// The authority's certificate.
    pub(super) ca: PathBuf,
}

/// What a test wants otherwise.
pub(super) struct Plan<'a> {
    pub(super) dovecots: u16,
    /// For hundreds of clients.
    pub(super) crowded: bool,
    /// Keys of the VIPs.
    pub(super) vip: &'a str,
    /// Keys of the VIPs' `tls`.
    pub(super) tls: &'a str,
    /// Keys of the pool of IMAP.
    pub(super) pool: &'a str,
    /// What of the Dovecots clients of IMAP are sent to.
    pub(super) service: Service,
    /// The Dovecots are spoken to in clear.
    pub(super) clear: bool,
    /// There are POP3, submission and ManageSieve, too.
    pub(super) siblings: bool,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            dovecots: 2,
            crowded: false,
            vip: "",
            tls: "",
            pool: "",
            service: Service::Imap,
            clear: false,
            siblings: false,
        }
    }
}

impl Farm {
    /// On 127.0.8.`host`, and for programs that must be told names on localhost, too.
    pub(super) fn start(host: u8) -> Self {
        Self::planned(host, &Plan::default())
    }

    pub(super) fn planned(host: u8, plan: &Plan<'_>) -> Self {
        let (authority, folder) = (Authority::new(), Folder::new(&format!("mail-{host}")));
        let certificate = authority.issue(&["mail.example.org", "localhost"], folder.path());
        let ca = authority.write(folder.path());
        let dovecots: Vec<Dovecot> = (1..=plan.dovecots)
            .map(|number| Dovecot::start(host, number, &certificate, &ca, plan.crowded))
            .collect();
        let pool = |protocol: &str, service: Service, probe: &str, more: &str| {
            let servers: Vec<String> =
                dovecots.iter().map(|d| format!("{} = '{}'", d.name(), d.address(service))).collect();
            format!(
                "[pool.{protocol}]\nservers = {{ {} }}\n{}\
                 probe = {{ kind = '{probe}', starttls = {}, interval = '300ms', fall = 1, rise = 1 }}\n{more}\n",
                servers.join(", "),
                if plan.clear { "" } else { TLS },
                !plan.clear
            )
        };
        let vip = |protocol: &str, port: u16, secured: bool| {
            format!(
                "[vip.{protocol}-{secured}]\nlisten = ['127.0.8.{host}:{port}', '127.0.0.1:{}']\n\
                 protocol = '{protocol}'\npool = '{protocol}'\npersist = ['user']\n\
                 tls = {{ certificates = ['mail.example.org.pem'], mode = '{}'{} }}\n{}\n",
                near(host, port),
                if secured { "implicit" } else { "starttls" },
                plan.tls,
                plan.vip
            )
        };
        let mut configuration = format!(
            "[gateway]\nlog = 'info'\nmetrics = '127.0.8.{host}:7100'\nadmin = '{}'\n{}{}{}",
            folder.path().join("admin.sock").display(),
            vip("imap", IMAP, false),
            vip("imap", IMAPS, true),
            pool("imap", plan.service, "imap", plan.pool)
        );
        if plan.siblings {
            configuration += &[
                vip("pop3", POP3, false),
                vip("pop3", POP3S, true),
                pool("pop3", Service::Pop3, "pop3", ""),
                vip("submission", SUBMISSION, false),
                vip("submission", SUBMISSIONS, true),
                pool("submission", Service::Submission, "smtp", ""),
                vip("managesieve", SIEVE, false),
                pool("managesieve", Service::Sieve, "managesieve", ""),
            ]
            .concat();
        }
        let sekisho = Sekisho::start_in(folder, &configuration, &format!("127.0.8.{host}:{IMAP}"));
        let siblings: &[u16] =
            if plan.siblings { &[POP3, POP3S, SUBMISSION, SUBMISSIONS, SIEVE] } else { &[] };
        for port in siblings.iter().chain(&[IMAPS]) {
            let address = SocketAddr::from(([127, 0, 8, host], *port));
            until(&format!("{address} answers"), || TcpStream::connect(address).ok());
        }
        Self { dovecots, sekisho, host, authority, ca }
    }

    /// The place of the only server that has seen a user.
    pub(super) fn home(&self, user: &str) -> usize {
        until(&format!("{user} is in a log"), || self.dovecots.iter().any(|d| d.has(user)).then_some(()));
        let seen: Vec<usize> = (0..self.dovecots.len()).filter(|&n| self.dovecots[n].has(user)).collect();
        assert_eq!(seen.len(), 1, "{user} was on servers {seen:?}");
        seen[0]
    }

    /// A number on the page of metrics, by its name and labels.
    pub(super) fn metric(&self, sample: &str) -> f64 {
        let url = format!("http://127.0.8.{}:7100/metrics", self.host);
        let page = String::from_utf8(run("curl", &["--silent", "--fail", &url]).stdout).unwrap();
        let value = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {sample} in {page}")).parse().unwrap()
    }

    /// What an operator's command answers.
    pub(super) fn operate(&self, command: &[&str]) -> Value {
        let socket = self.sekisho.folder.path().join("admin.sock");
        let output =
            Command::new(sekisho()).args(command).arg("--json").arg("--admin").arg(socket).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A folder of a test's own in the gateway's, gone when the farm is.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.sekisho.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}

/// How servers are spoken to.
const TLS: &str = "tls = { ca = 'authority.pem', server-name = 'mail.example.org', mode = 'starttls' }\n";

/// Where the gateway listens on 127.0.8.`host`.
pub(super) const IMAP: u16 = 7143;
pub(super) const IMAPS: u16 = 7993;
pub(super) const POP3: u16 = 7110;
pub(super) const POP3S: u16 = 7995;
pub(super) const SUBMISSION: u16 = 7587;
pub(super) const SUBMISSIONS: u16 = 7465;
pub(super) const SIEVE: u16 = 7190;

/// The port of a URL's scheme there.
pub(super) fn port(url: &str) -> u16 {
    match url.split(':').next() {
        Some("imap") => IMAP,
        Some("imaps") => IMAPS,
        Some("pop3") => POP3,
        Some("pop3s") => POP3S,
        Some("smtp") => SUBMISSION,
        Some("smtps") => SUBMISSIONS,
        other => panic!("{other:?} has no port"),
    }
}

/// Where it listens on 127.0.0.1 for programs that must be told names.
pub(super) fn near(host: u8, port: u16) -> u16 {
    port + 1000 + u16::from(host)
}

/// The paths of all messages in the maildirs below a folder.
pub(super) fn messages(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(messages(&path));
        } else if path.parent().is_some_and(|parent| parent.ends_with("cur") || parent.ends_with("new")) {
            found.push(path);
        }
    }
    found
}
