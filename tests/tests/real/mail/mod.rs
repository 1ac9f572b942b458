//! Real Dovecots behind the gateway, and real programs before it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, getgid, getuid, kill_process};
use sekisho_tests::{Authority, program, until};

use super::{Folder, Running, Sekisho, run};

/// One Dovecot with a store of its own. Everybody's password is `secret`.
struct Dovecot {
    address: SocketAddr,
    folder: Folder,
    running: Option<Running>,
}

impl Dovecot {
    fn start(name: &str, address: &str, certificate: &Path) -> Self {
        let folder = Folder::new(&format!("dovecot-{name}-{}", address.replace(':', "-")));
        let mail = folder.path().join("mail");
        std::fs::create_dir(&mail).unwrap();
        // Its processes that touch mail are never root's.
        std::fs::set_permissions(&mail, std::fs::Permissions::from_mode(0o777)).unwrap();
        let (here, certificate) = (folder.path().display(), certificate.display());
        let address: SocketAddr = address.parse().unwrap();
        let file = folder.write(
            "dovecot.conf",
            &format!(
                "base_dir = {here}/run\nstate_dir = {here}/state\nlog_path = {here}/log\nprotocols = imap\n\
                 listen = {}\nssl = yes\nssl_cert = <{certificate}\nssl_key = <{certificate}\n\
                 auth_mechanisms = plain login\nauth_failure_delay = 0\nlogin_trusted_networks = 127.0.0.0/8\n\
                 auth_username_format = %Ln\nmail_location = maildir:{here}/mail/%u\nfirst_valid_uid = 1\n\
                 login_greeting = {name}\n{}\
                 passdb {{\n driver = static\n args = password=secret\n}}\n\
                 userdb {{\n driver = static\n args = {} home={here}/mail/%u\n}}\n\
                 service imap-login {{\n inet_listener imap {{\n port = {}\n}}\n inet_listener imaps {{\n port = 0\n}}\n}}\n",
                address.ip(),
                unprivileged(),
                owner(),
                address.port(),
            ),
        );
        let mut command = Command::new(program("dovecot"));
        command.arg("-F").arg("-c").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Some(Running::start(&mut command, address));
        Self { address, folder, running }
    }

    /// Users, methods and addresses of the logins in its log.
    fn logins(&self) -> Vec<[String; 3]> {
        let log = self.folder.read("log");
        let field = |line: &str, name: &str| {
            let value = line.split(&format!("{name}=")).nth(1).and_then(|rest| rest.split(',').next());
            value.unwrap_or_default().trim_matches(['<', '>']).to_owned()
        };
        let lines = log.lines().filter(|line| line.contains(": Login: "));
        lines.map(|line| ["user", "method", "rip"].map(|name| field(line, name))).collect()
    }

    fn has(&self, user: &str) -> bool {
        self.logins().iter().any(|[name, ..]| name == user)
    }

    /// Ends it, the master first, which ends its processes.
    fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let _ = kill_process(Pid::from_child(&running.0), Signal::TERM);
        let _ = running.0.wait();
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.kill();
    }
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
         service anvil {{\n chroot =\n}}\nservice imap-login {{\n chroot =\n}}\n"
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

/// Two Dovecots, the gateway before them, and what clients need.
struct Farm {
    dovecots: [Dovecot; 2],
    sekisho: Sekisho,
    /// The last part of the address of this farm's own.
    host: u8,
    authority: String,
    script: PathBuf,
}

impl Farm {
    /// On 127.0.8.`host`: 7143 with STARTTLS and 7993 with TLS, and the servers at 7801 and 7802.
    fn start(host: u8) -> Self {
        let (authority, folder) = (Authority::new(), Folder::new(&format!("imap-{host}")));
        let certificate = authority.issue(&["mail.example.org", "localhost"], folder.path());
        let ca = authority.write(folder.path());
        let script = folder.write("client.py", CLIENT);
        let dovecots = [("one", 7801), ("two", 7802)]
            .map(|(name, port)| Dovecot::start(name, &format!("127.0.8.{host}:{port}"), &certificate));
        let vip = |name: &str, port: u16, mode: &str| {
            format!(
                "[vip.{name}]\nlisten = ['127.0.8.{host}:{port}', '127.0.0.1:{}']\nprotocol = 'imap'\npool = 'mail'\n\
                 persist = ['user']\ntls = {{ certificates = ['mail.example.org.pem'], mode = '{mode}' }}\n",
                port + u16::from(host)
            )
        };
        let configuration = format!(
            "[gateway]\nlog = 'info'\n{}{}[pool.mail]\nservers = {{ one = '{}', two = '{}' }}\n\
             tls = {{ ca = 'authority.pem', server-name = 'mail.example.org', mode = 'starttls' }}\n\
             probe = {{ kind = 'imap', starttls = true, interval = '300ms', fall = 1, rise = 1 }}\n",
            vip("plain", 7143, "starttls"),
            vip("secured", 7993, "implicit"),
            dovecots[0].address,
            dovecots[1].address
        );
        let authority = ca.display().to_string();
        let sekisho = Sekisho::start_in(folder, &configuration, &format!("127.0.8.{host}:7143"));
        Self { dovecots, sekisho, host, authority, script }
    }

    /// curl, with these options.
    fn curl(&self, from: &str, url: &str, user: &str, options: &[&str]) -> Result<String, String> {
        let port = if url.starts_with("imaps") { 7993 } else { 7143 };
        let resolve = format!("mail.example.org:{port}:127.0.8.{}", self.host);
        let (url, user) =
            (url.replace("//", &format!("//mail.example.org:{port}/")), format!("{user}:secret"));
        let mut arguments = vec!["--silent", "--show-error", "--cacert", &self.authority, "--ssl-reqd"];
        arguments.extend(["--max-time", "15", "--interface", from, "--resolve", &resolve, "--user", &user]);
        arguments.extend(options);
        arguments.push(&url);
        let output = run("curl", &arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Python's imaplib, doing this; what it prints.
    fn imaplib(&self, what: &str, user: &str, password: &str) -> String {
        let script = self.script.display().to_string();
        let address = format!("127.0.8.{}", self.host);
        let output = run("python3", &[&script, &address, &self.authority, what, user, password]);
        assert!(output.status.success(), "{what} {user}: {output:?}\n{}", self.sekisho.log());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The place of the only server that has seen a user.
    fn home(&self, user: &str) -> usize {
        until(&format!("{user} is in a log"), || self.dovecots.iter().any(|d| d.has(user)).then_some(()));
        let seen: Vec<bool> = self.dovecots.iter().map(|dovecot| dovecot.has(user)).collect();
        assert_ne!(seen[0], seen[1], "{user} was on both servers");
        usize::from(seen[1])
    }
}

/// How many messages below a folder have this text.
fn texts(folder: &Path, text: &str) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let count = |path: PathBuf| match path.is_dir() {
        true => texts(&path, text),
        false => usize::from(
            path.components().any(|part| part.as_os_str() == "cur" || part.as_os_str() == "new")
                && std::fs::read_to_string(path).is_ok_and(|message| message.contains(text)),
        ),
    };
    entries.map(count).sum()
}

/// `ADDRESS CA WHAT USER PASSWORD`: logs in from 127.0.8.199, where TLS is started, or 127.0.8.200, and does it.
const CLIENT: &str = r#"
import imaplib, socket, ssl, sys
address, ca, what, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)

class From:
    def _create_socket(self, timeout=None):
        port = 7993 if isinstance(self, imaplib.IMAP4_SSL) else 7143
        source = "127.0.8.199" if port == 7143 else "127.0.8.200"
        plain = socket.create_connection((address, port), 15, (source, 0))
        if port == 7143:
            return plain
        return context.wrap_socket(plain, server_hostname="mail.example.org")

class Plain(From, imaplib.IMAP4):
    pass

class Secured(From, imaplib.IMAP4_SSL):
    pass

def started():
    client = Plain("mail.example.org", 7143)
    client.starttls(context)
    return client

def mail(subject):
    return f"Subject: {subject}\r\n\r\nhello\r\n".encode()

client = Secured("mail.example.org", 7993) if what.startswith("secured") else started()
try:
    if what.endswith("plain"):
        client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
    else:
        client.login(user, password)
except imaplib.IMAP4.error as error:
    print(error)
    sys.exit()
client.select()
if what.endswith("idle"):
    assert "IDLE" in client.capabilities, client.capabilities
    client.send(b"x1 IDLE\r\n")
    print(client.readline().decode().strip())
    other = Secured("mail.example.org", 7993)
    other.login(user.upper(), password)
    other.append("INBOX", None, None, mail("new"))
    line = client.readline()
    while line and b"EXISTS" not in line:
        line = client.readline()
    print(line.decode().strip())
    client.send(b"DONE\r\n")
    while not line.startswith(b"x1"):
        line = client.readline()
else:
    names = client.capability()[1][0].decode().split()
    print(client.noop()[0], [name for name in names if "AUTH" in name])
client.logout()
"#;

#[test]
fn user_stays_on_one_dovecot_by_every_program_mechanism_and_spelling_and_it_knows_the_address() {
    let farm = Farm::start(10);
    for user in ["anna", "ben"] {
        for (number, login) in ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=*"].iter().enumerate() {
            for (url, host) in [("imap://", 110), ("imaps://", 120)] {
                let from = format!("127.0.8.{}", host + number);
                let spelling = if number == 1 { user.to_uppercase() } else { format!("{user}@mail.example") };
                let listed = farm.curl(&from, url, &spelling, &["--login-options", login]);
                assert_eq!(
                    listed,
                    Ok("* LIST (\\HasNoChildren) \".\" INBOX\r\n".to_owned()),
                    "{login} {url}"
                );
            }
        }
        for what in ["plain", "login", "secured-plain", "secured-login"] {
            assert_eq!(farm.imaplib(what, user, "secret"), "OK []", "{what}");
        }
        let dovecot = &farm.dovecots[farm.home(user)];
        until("every login is in the log, each with the client's own address", || {
            let logins = dovecot.logins();
            let from = |ip: &str| logins.iter().filter(|[u, _, rip]| u == user && rip == ip).count();
            let curls = [110, 111, 112, 120, 121, 122].map(|host| from(&format!("127.0.8.{host}")));
            (curls == [1; 6] && from("127.0.8.199") == 2 && from("127.0.8.200") == 2).then_some(())
        });
    }
    let homes = ["anna", "ben"].map(|user| farm.home(user));
    assert_ne!(homes[0], homes[1]);
}

#[test]
fn idle_is_told_of_new_mail_and_a_wrong_password_is_refused_in_dovecots_own_words() {
    let farm = Farm::start(20);
    let told = farm.imaplib("idle", "anna", "secret");
    assert_eq!(told, "+ idling\n* 1 EXISTS");
    // Last, for Dovecot lets addresses wait from which wrong passwords came.
    for what in ["plain", "secured-login"] {
        let words = farm.imaplib(what, "anna", "wrong");
        assert!(words.contains("[AUTHENTICATIONFAILED] Authentication failed."), "{words}");
    }
    farm.home("anna");
}

#[test]
fn mailbox_is_synchronised_both_ways_and_users_of_a_dead_dovecot_move_alone() {
    let mut farm = Farm::start(30);
    let local = farm.sekisho.folder.path().join("local");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(local.join("INBOX").join(part)).unwrap();
    }
    std::fs::write(local.join("INBOX/cur/1.1.local:2,S"), "Subject: out\n\nTo be kept.\n").unwrap();
    farm.imaplib("idle", "anna", "secret");
    let file = farm.sekisho.folder.write(
        "mbsyncrc",
        &format!(
            "IMAPStore far\nHost localhost\nPort {}\nSSLType IMAPS\nCertificateFile {}\nUser ANNA\nPass secret\n\n\
             MaildirStore near\nPath {2}/\nInbox {2}/INBOX\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nSync All\nSyncState {2}/state-\n",
            7993 + u16::from(farm.host),
            farm.authority,
            local.display()
        ),
    );
    let output = run("mbsync", &["--config", &file.display().to_string(), "all"]);
    assert!(output.status.success(), "{output:?}\n{}", farm.sekisho.log());
    assert_eq!(texts(&local, "hello"), 1);
    let far = farm.dovecots[farm.home("anna")].folder.path().join("mail/anna");
    assert_eq!((texts(&far, "hello"), texts(&far, "To be kept.")), (1, 1));
    let home = farm.home("anna");
    farm.dovecots[home].kill();
    for user in ["anna", "ben"] {
        assert!(farm.curl("127.0.8.130", "imaps://", user, &[]).is_ok(), "{user}");
        assert!(farm.dovecots[1 - home].has(user));
    }
}
