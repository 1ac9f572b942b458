//! Dovecots, the gateway before them, and what clients need.

use std::path::{Path, PathBuf};

use sekisho_tests::{Authority, until};

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
    /// Keys of both VIPs.
    pub(super) vip: &'a str,
    /// Keys of the pool.
    pub(super) pool: &'a str,
    /// What of the Dovecots clients are sent to.
    pub(super) service: Service,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self { dovecots: 2, vip: "", pool: "", service: Service::Imap }
    }
}

impl Farm {
    /// On 127.0.8.`host`: 7143 with STARTTLS and 7993 with TLS. For programs that must be told names they are on
    /// localhost, too.
    pub(super) fn start(host: u8) -> Self {
        Self::planned(host, &Plan::default())
    }

    pub(super) fn planned(host: u8, plan: &Plan<'_>) -> Self {
        let (authority, folder) = (Authority::new(), Folder::new(&format!("mail-{host}")));
        let certificate = authority.issue(&["mail.example.org", "localhost"], folder.path());
        let ca = authority.write(folder.path());
        let dovecots: Vec<Dovecot> =
            (1..=plan.dovecots).map(|number| Dovecot::start(host, number, &certificate, &ca)).collect();
        let servers: Vec<String> =
            dovecots.iter().map(|d| format!("{} = '{}'", d.name(), d.address(plan.service))).collect();
        let vip = |name: &str, secured: bool| {
            format!(
                "[vip.{name}]\nlisten = ['127.0.8.{host}:{}', '127.0.0.1:{}']\nprotocol = 'imap'\npool = 'mail'\n\
                 persist = ['user']\ntls = {{ certificates = ['mail.example.org.pem'], mode = '{}' }}\n{}\n",
                port(secured),
                near(host, secured),
                if secured { "implicit" } else { "starttls" },
                plan.vip
            )
        };
        let configuration = format!(
            "[gateway]\nlog = 'info'\nmetrics = '127.0.8.{host}:7100'\n{}{}\
             [pool.mail]\nservers = {{ {} }}\n\
             tls = {{ ca = 'authority.pem', server-name = 'mail.example.org', mode = 'starttls' }}\n\
             probe = {{ kind = 'imap', starttls = true, interval = '300ms', fall = 1, rise = 1 }}\n{}\n",
            vip("plain", false),
            vip("secured", true),
            servers.join(", "),
            plan.pool
        );
        let sekisho = Sekisho::start_in(folder, &configuration, &format!("127.0.8.{host}:7143"));
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

    /// A folder of a test's own in the gateway's, gone when the farm is.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.sekisho.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }
}

/// Where the gateway listens on 127.0.8.`host`.
pub(super) fn port(secured: bool) -> u16 {
    if secured { 7993 } else { 7143 }
}

/// Where it listens on 127.0.0.1.
pub(super) fn near(host: u8, secured: bool) -> u16 {
    port(secured) + u16::from(host)
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
