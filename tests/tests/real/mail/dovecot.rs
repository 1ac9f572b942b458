//! A real Dovecot, with a store of its own.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, getgid, getuid, kill_process_group};
use sekisho_tests::program;

use crate::real::{Folder, Running, run};

/// What a Dovecot listens for. Each has a port of its own: the service's, and the Dovecot's number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service {
    /// IMAP, with STARTTLS.
    Imap = 7800,
    /// The same behind a PROXY header.
    Proxied = 7840,
    Pop3 = 7810,
    Submission = 7820,
    Sieve = 7830,
}

/// One Dovecot with a store of its own. Everybody's password is `secret`; some have another one besides.
pub(super) struct Dovecot {
    host: u8,
    number: u16,
    pub(super) folder: Folder,
    running: Option<Running>,
}

/// Passwords of their own, as bytes: whoever of these logs in has said them right.
pub(super) const PASSWORDS: [(&str, &[u8]); 4] = [
    ("quota", b"with \"quotes\" and \\ and {3}"),
    ("utf", "Größe über 8 €".as_bytes()),
    ("latin", b"gr\xfc\xdfe\xff"),
    ("long", &[b'x'; 1024]),
];

/// A login, as Dovecot's log has it.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) service: String,
    pub(super) user: String,
    pub(super) method: String,
    pub(super) from: String,
    /// It came by TLS, as far as Dovecot knows.
    pub(super) secured: bool,
}

impl Dovecot {
    /// The `number`th, on 127.0.8.`host`, with this certificate and key in one file. `crowded`: for hundreds of clients.
    pub(super) fn start(host: u8, number: u16, certificate: &Path, authority: &Path, crowded: bool) -> Self {
        let folder = Folder::new(&format!("dovecot-{host}-{number}"));
        let mail = folder.path().join("mail");
        std::fs::create_dir(&mail).unwrap();
        // Its processes that touch mail are never root's.
        std::fs::set_permissions(&mail, std::fs::Permissions::from_mode(0o777)).unwrap();
        let mut dovecot = Self { host, number, folder, running: None };
        dovecot.configure(certificate, authority, crowded);
        dovecot.restart();
        dovecot
    }

    /// Starts it, for the first time or again.
    pub(super) fn restart(&mut self) {
        let mut command = Command::new(program("dovecot"));
        command.arg("-F").arg("-c").arg(self.folder.path().join("dovecot.conf"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.running = Some(Running::start(&mut command, self.address(Service::Imap)));
    }

    fn configure(&self, certificate: &Path, authority: &Path, crowded: bool) {
        let users: Vec<String> = PASSWORDS
            .map(|(name, password)| {
                let digits: String = password.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{name}:{{PLAIN.HEX}}{digits}::::::\n")
            })
            .to_vec();
        let users = self.folder.write("users", &users.concat());
        // Where tokens are asked about: a test that uses them listens there.
        let tokens = self.folder.write(
            "tokens",
            &format!(
                "introspection_mode = get\nintrospection_url = http://{}/token?of=\nactive_attribute = active\n\
                 active_value = true\nusername_attribute = username\n",
                tokens(self.host)
            ),
        );
        let (here, users, tokens) = (self.folder.path().display(), users.display(), tokens.display());
        let (certificate, authority) = (certificate.display(), authority.display());
        let port = |service| self.address(service).port();
        let passwords = "mechanisms = plain login scram-sha-256";
        self.folder.write(
            "dovecot.conf",
            &format!(
                "base_dir = {here}/run\nstate_dir = {here}/state\nlog_path = {here}/log\nprotocols = imap pop3 submission sieve\n\
                 listen = {}\nssl = yes\nssl_cert = <{certificate}\nssl_key = <{certificate}\nssl_ca = <{authority}\n\
                 auth_mechanisms = plain login xoauth2 oauthbearer scram-sha-256 external\n\
                 auth_ssl_username_from_cert = yes\nauth_failure_delay = 0\n\
                 login_trusted_networks = 127.0.0.0/8\nhaproxy_trusted_networks = 127.0.0.0/8\n\
                 auth_username_format = %Ln\nauth_username_chars =\nmail_location = maildir:{here}/mail/%u\nfirst_valid_uid = 1\n\
                 mail_max_userip_connections = 1000\nmailbox_idle_check_interval = 1s\n\
                 imap_idle_notify_interval = 29m\nlogin_greeting = server {}\n{}\
                 passdb {{\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = {tokens}\n}}\n\
                 passdb {{\n driver = passwd-file\n {passwords}\n args = {users}\n}}\n\
                 passdb {{\n driver = static\n mechanisms = external\n args = nopassword=yes\n}}\n\
                 passdb {{\n driver = static\n {passwords}\n args = password=secret\n}}\n\
                 userdb {{\n driver = static\n args = {} home={here}/mail/%u\n}}\n\
                 service imap {{\n process_limit = 2048\n}}\n\
                 service imap-login {{\n service_count = {}\n client_limit = 2048\n inet_listener imap {{\n port = {}\n}}\n inet_listener imaps {{\n port = 0\n}}\n\
                 inet_listener proxied {{\n port = {}\n haproxy = yes\n}}\n}}\n\
                 service pop3-login {{\n inet_listener pop3 {{\n port = {}\n}}\n inet_listener pop3s {{\n port = 0\n}}\n}}\n\
                 service submission-login {{\n inet_listener submission {{\n port = {}\n}}\n}}\n\
                 service managesieve-login {{\n inet_listener sieve {{\n port = {}\n}}\n}}\n\
                 submission_relay_host = {}\nsubmission_relay_port = {}\n\
                 plugin {{\n sieve = file:~/sieve;active=~/.dovecot.sieve\n}}\n",
                self.address(Service::Imap).ip(),
                self.number,
                unprivileged(),
                owner(),
                // By default each login has a process, which loses no certificate's name in a PROXY header, and stays
                // for as long as there is TLS.
                u8::from(!crowded),
                port(Service::Imap),
                port(Service::Proxied),
                port(Service::Pop3),
                port(Service::Submission),
                port(Service::Sieve),
                relay(self.host).ip(),
                relay(self.host).port(),
            ),
        );
    }

    /// Where one of its services is.
    pub(super) fn address(&self, service: Service) -> SocketAddr {
        SocketAddr::from(([127, 0, 8, self.host], service as u16 + self.number))
    }

    /// The name that the gateway knows it by.
    pub(super) fn name(&self) -> String {
        format!("d{}", self.number)
    }

    /// The logins in its log.
    pub(super) fn logins(&self) -> Vec<Login> {
        let log = self.folder.read("log");
        let field = |line: &str, name: &str| {
            let value = line.split(&format!("{name}=")).nth(1).and_then(|rest| rest.split(',').next());
            value.unwrap_or_default().trim_matches(['<', '>']).to_owned()
        };
        let service = |line: &str| {
            let name = line.split("-login: ").next().and_then(|text| text.rsplit(' ').next());
            name.unwrap_or_default().to_owned()
        };
        let lines = log.lines().filter(|line| line.contains(": Login: "));
        lines
            .map(|line| Login {
                service: service(line),
                user: field(line, "user"),
                method: field(line, "method"),
                from: field(line, "rip"),
                secured: line.contains(", TLS"),
            })
            .collect()
    }

    /// Whether somebody has logged in.
    pub(super) fn has(&self, user: &str) -> bool {
        self.logins().iter().any(|login| login.user == user)
    }

    /// Where somebody's mail is.
    pub(super) fn mail(&self, user: &str) -> PathBuf {
        self.folder.path().join("mail").join(user)
    }

    /// Ends it with all its processes, at once: it would take a second to do so itself.
    pub(super) fn kill(&mut self) {
        let Some(running) = self.running.take() else { return };
        let _ = kill_process_group(Pid::from_child(&running.0), Signal::KILL);
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the Dovecots on 127.0.8.`host` ask about tokens.
pub(super) fn tokens(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 8, host], 7850))
}

/// Where the Dovecots on 127.0.8.`host` hand on what is submitted.
pub(super) fn relay(host: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 8, host], 7860))
}

/// Dovecot leaves root's rights to users of its own; run by somebody else, it is that user throughout.
fn unprivileged() -> String {
    if getuid().is_root() {
        return String::new();
    }
    let id = |option: &str| String::from_utf8(run("id", &[option]).stdout).unwrap().trim().to_owned();
    let (name, group) = (id("-un"), id("-gn"));
    format!(
        "default_internal_user = {name}\ndefault_internal_group = {group}\ndefault_login_user = {name}\n\
         service anvil {{\n chroot =\n}}\n{}",
        ["imap", "pop3", "submission", "managesieve"]
            .map(|name| format!("service {name}-login {{\n chroot =\n}}\n"))
            .concat()
    )
}

/// Whose the mail is.
fn owner() -> String {
    let id =
        |option: &str| String::from_utf8(run("id", &[option, "dovecot"]).stdout).unwrap().trim().to_owned();
    if getuid().is_root() {
        return format!("uid={} gid={}", id("-u"), id("-g"));
    }
    format!("uid={} gid={}", getuid().as_raw(), getgid().as_raw())
}
