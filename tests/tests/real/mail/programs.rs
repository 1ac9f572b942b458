//! The clients.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use sekisho_tests::program;

use super::farm::{Farm, IMAP, IMAPS, near, port};
use crate::real::run;

/// Debian's: another one on the path may be a wrapper that takes longer than the script.
const PYTHON: &str = "/usr/bin/python3";

/// What every script begins with.
const LIBRARY: &str = include_str!("client.py");

impl Farm {
    /// curl from an address, with these options.
    pub(super) fn curl(&self, from: &str, url: &str, user: &str, options: &[&str]) -> Result<String, String> {
        let port = port(url);
        let resolve = format!("mail.example.org:{port}:127.0.8.{}", self.host);
        let url = url.replace("//", &format!("//mail.example.org:{port}/"));
        let ca = self.ca.display().to_string();
        let mut arguments = vec!["--silent", "--show-error", "--cacert", &ca, "--ssl-reqd"];
        arguments.extend(["--max-time", "15", "--interface", from, "--resolve", &resolve, "--user", user]);
        arguments.extend(options);
        arguments.push(&url);
        let output = run("curl", &arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// Python, doing this; what it prints.
    pub(super) fn python(&self, script: &str, told: &[&str]) -> String {
        let (script, ca) = (format!("{LIBRARY}\n{script}"), self.ca.display().to_string());
        let address = format!("127.0.8.{}", self.host);
        let output = run(PYTHON, &[&["-c", &script, &address, &ca], told].concat());
        self.well("python3", &output);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// mutt sends a mail, of which it keeps a copy in the mailbox.
    pub(super) fn mutt_sends(&self, user: &str, secured: bool, subject: &str) {
        let inbox = self.inbox(user, secured);
        let mut mutt = Command::new(program("mutt"));
        self.mutt(&mut mutt, user).args(["-e", &format!("set record='{inbox}' sendmail=true")]);
        mutt.args(["-s", subject, "--", "nobody@example.org"]).stdin(Stdio::null());
        self.well("mutt", &mutt.output().unwrap());
    }

    /// mutt, at a terminal, copies the whole mailbox to a file; the file.
    pub(super) fn mutt_copies(&self, user: &str, secured: bool) -> String {
        let (inbox, copy) = (self.inbox(user, secured), self.folder("mutt").join("copy"));
        let _ = std::fs::remove_file(&copy);
        let keys =
            format!("<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{}<enter>", copy.display());
        let keys = format!("push '{keys}<quit>'");
        let mut mutt = Command::new(program("mutt"));
        self.mutt(&mut mutt, user).args(["-f", &inbox, "-e", &keys]);
        let words = std::iter::once(mutt.get_program()).chain(mutt.get_args());
        let quoted =
            words.map(|word| format!("\"{}\"", word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
        let mut terminal = Command::new(program("script"));
        terminal.args(["--quiet", "--return", "--command", &quoted, "/dev/null"]);
        terminal.env("HOME", self.folder("mutt")).env("TERM", "xterm").stdin(Stdio::null());
        self.well("mutt", &terminal.output().unwrap());
        std::fs::read_to_string(&copy).unwrap_or_default()
    }

    /// mutt is told this, too, from now on.
    pub(super) fn mutt_obeys(&self, line: &str) {
        std::fs::write(self.folder("mutt").join("more"), line).unwrap();
    }

    fn mutt<'a>(&self, mutt: &'a mut Command, user: &str) -> &'a mut Command {
        let home = self.folder("mutt");
        let file = home.join("muttrc");
        let text = format!(
            "set certificate_file='{}' ssl_starttls=yes ssl_force_tls=yes\n\
             set imap_user='{user}' imap_pass=secret from='{user}' use_envelope_from=yes copy=yes\n\
             set header_cache='' message_cachedir='' tmpdir='{}' mbox_type=mbox\n\
             set confirmappend=no confirmcreate=no delete=no mark_old=no wait_key=no move=no\n{}\n",
            self.ca.display(),
            home.display(),
            std::fs::read_to_string(home.join("more")).unwrap_or_default()
        );
        std::fs::write(&file, text).unwrap();
        mutt.env("HOME", home).arg("-n").arg("-F").arg(file)
    }

    fn inbox(&self, user: &str, secured: bool) -> String {
        let (scheme, user) = (if secured { "imaps" } else { "imap" }, user.replace('@', "%40"));
        format!("{scheme}://{user}@localhost:{}/INBOX", near(self.host, if secured { IMAPS } else { IMAP }))
    }

    /// mbsync makes the mailbox and the maildir `near` the same.
    pub(super) fn mbsync(&self, user: &str, secured: bool, near: &Path) {
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(near.join("INBOX").join(part)).unwrap();
        }
        let text = format!(
            "IMAPStore far\nHost localhost\nPort {}\nSSLType {}\nCertificateFile {}\nUser {user}\nPass secret\n\n\
             MaildirStore near\nPath {3}/\nInbox {3}/INBOX\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nSync All\nExpunge Both\nSyncState {3}/state-\n",
            self::near(self.host, if secured { IMAPS } else { IMAP }),
            if secured { "IMAPS" } else { "STARTTLS" },
            self.ca.display(),
            near.display()
        );
        let file = near.join("mbsyncrc");
        std::fs::write(&file, text).unwrap();
        self.well("mbsync", &run("mbsync", &["--config", &file.display().to_string(), "all"]));
    }

    /// OfflineIMAP makes the mailbox and the maildir `near` the same.
    pub(super) fn offlineimap(&self, user: &str, secured: bool, near: &Path) {
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        std::fs::create_dir_all(near).unwrap();
        let text = format!(
            "[general]\naccounts = all\nmetadata = {0}/meta\nui = quiet\nsocktimeout = 2\n\
             [Account all]\nlocalrepository = near\nremoterepository = far\n\
             [Repository near]\ntype = Maildir\nlocalfolders = {0}/mail\n\
             [Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {1}\nremoteuser = {user}\n\
             remotepass = secret\nssl = {2}\nstarttls = {3}\nsslcacertfile = {4}\n",
            near.display(),
            self::near(self.host, if secured { IMAPS } else { IMAP }),
            yes(secured),
            yes(!secured),
            self.ca.display()
        );
        let file = near.join("offlineimaprc");
        std::fs::write(&file, text).unwrap();
        // In its library, the thread that reads and the one that writes race for the session behind STARTTLS, with
        // Dovecot alone as well: every tenth time an answer is missed, or it crashes.
        for _ in 0..5 {
            let output = run("offlineimap", &["-o", "-c", &file.display().to_string()]);
            let missed = String::from_utf8_lossy(&output.stdout).contains("Failed to start TLS connection");
            if secured || !(missed || output.status.code().is_none()) {
                return self.well("offlineimap", &output);
            }
        }
        panic!("offlineimap never starts TLS\n{}", self.sekisho.log());
    }

    /// That a program did its work.
    fn well(&self, name: &str, output: &Output) {
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(
            output.status.success(),
            "{name}: {} {said}\n{complained}\n{}",
            output.status,
            self.sekisho.log()
        );
    }
}
