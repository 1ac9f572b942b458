//! A freerdp-shadow that takes nobody without Network Level Authentication, on a machine of its own.

use sekisho_tests::{program, until};

use super::super::Folder;
use super::machine::{Machine, Program};
use super::screen::screen;

/// Who may log in, with the NT hash of `secret`: MD4 of it in UTF-16LE.
const ACCOUNTS: &str =
    "anna:::878d8014606cda29677a44efa1353fc7:::\notto:::878d8014606cda29677a44efa1353fc7:::\n";

/// The server, and the screen that it shows to whoever logs in.
pub(super) struct Shadow {
    pub(super) name: &'static str,
    // Before the machine, which does not end before they have.
    _programs: [Program; 3],
    pub(super) machine: Machine,
    folder: Folder,
}

impl Shadow {
    pub(super) fn start(name: &'static str) -> Self {
        let folder = Folder::new(&format!("shadow-{name}"));
        let tmp = folder.path().join("tmp");
        std::fs::create_dir_all(&tmp).unwrap();
        let run = folder.path().join("run");
        std::fs::create_dir_all(&run).unwrap();
        folder.write("run/accounts", ACCOUNTS);
        let machine = Machine::start(&[(&run, "/run"), (&tmp, "/tmp")]);
        let screen = screen(&machine, folder.path(), 0, "640x480x24");
        let server = program("freerdp-shadow-cli").display().to_string();
        // It writes its log when it has much to say, or a line at a time to a terminal; or as it is told.
        let words = ["env", "HOME=/tmp", "DISPLAY=:0", "WLOG_LEVEL=INFO", "stdbuf", "-oL", &server];
        let options = ["/port:3389", "/sec:nla", "/sam-file:/run/accounts"];
        let label = format!("command -v xmessage >/dev/null && exec xmessage -center 'the screen of {name}'");
        let label = machine.run(&folder.path().join("label.log"), &["env", "DISPLAY=:0", "sh", "-c", &label]);
        let server = machine.run(&folder.path().join("log"), &[&words[..], &options].concat());
        let shadow = Self { name, _programs: [server, label, screen], machine, folder };
        until("freerdp-shadow listens", || shadow.log().contains("Listening").then_some(()));
        shadow
    }

    /// How many clients it has shown its screen.
    pub(super) fn activated(&self) -> usize {
        self.log().matches("is activated").count()
    }

    /// How many logins it has refused.
    pub(super) fn refused(&self) -> usize {
        self.log().matches("client authentication failure").count()
    }

    /// What it has to say.
    pub(super) fn log(&self) -> String {
        self.folder.read("log")
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
