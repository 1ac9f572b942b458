//! An xrdp on a machine of its own, with desktops that nobody else knows of.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use rustix::process::Signal;
use sekisho_tests::{Authority, program};

use super::super::Folder;
use super::machine::{Machine, Program};

/// Who has an account on each of them. The password is `secret`.
const USERS: [&str; 2] = ["anna", "otto"];

/// `secret`, as `openssl passwd -6` has it.
const SECRET: &str =
    "$6$sekisho$SSilxPEYqt/o9H6btoqxoM78JPuY9Ur2VEtJ2CsbbAPVexC.JZ4r/w5QggbZry6qaOKsL9UUrFret/L/INOsQ0";

/// A desktop that somebody entered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Desktop {
    /// The server that it runs on.
    pub(super) server: &'static str,
    /// The X display, which is the desktop's for as long as it runs.
    pub(super) display: String,
}

/// That somebody entered it.
#[derive(Clone, Debug)]
pub(super) struct Entered {
    /// Whether it was begun for that.
    pub(super) new: bool,
    pub(super) desktop: Desktop,
}

/// The server.
pub(super) struct Xrdp {
    pub(super) name: &'static str,
    // Before the machine, which does not end before they have.
    programs: Option<[Program; 2]>,
    pub(super) machine: Machine,
    folder: Folder,
}

impl Xrdp {
    /// A machine with xrdp; it listens when its network does.
    pub(super) fn start(name: &'static str) -> Self {
        for needed in ["xrdp", "Xvnc", "xauth"] {
            program(needed);
        }
        let folder = Folder::new(&format!("xrdp-{name}"));
        let here = folder.path();
        for part in ["log", "run", "home", "tmp"] {
            std::fs::create_dir_all(here.join(part)).unwrap();
        }
        open(&here.join("tmp"), 0o1777);
        open(&folder.write("run/entered", ""), 0o666);
        let authority = Authority::new();
        std::fs::rename(authority.issue(&[name], here), here.join("run/certificate.pem")).unwrap();
        let [passwd, shadow] = accounts(here);
        let files = [
            (folder.write("xrdp.ini", XRDP), "/etc/xrdp/xrdp.ini"),
            (folder.write("sesman.ini", SESMAN), "/etc/xrdp/sesman.ini"),
            (folder.write("startwm.sh", &DESKTOP.replace("SERVER", name)), "/etc/xrdp/startwm.sh"),
            (folder.write("reconnectwm.sh", RETURN), "/etc/xrdp/reconnectwm.sh"),
            (folder.write("pam", PAM), "/etc/pam.d/xrdp-sesman"),
            (folder.write("passwd", &passwd), "/etc/passwd"),
            (folder.write("shadow", &shadow), "/etc/shadow"),
            (here.join("log"), "/var/log"),
            (here.join("run"), "/run"),
            (here.join("home"), "/srv"),
            (here.join("tmp"), "/tmp"),
        ];
        for script in ["startwm.sh", "reconnectwm.sh"] {
            open(&here.join(script), 0o755);
        }
        let mounts: Vec<(&Path, &str)> = files.iter().map(|(own, place)| (own.as_path(), *place)).collect();
        let machine = Machine::start(&mounts);
        let mut server = Self { name, machine, folder, programs: None };
        server.restart();
        server
    }

    /// Starts the programs; desktops that run go on.
    pub(super) fn restart(&mut self) {
        let start = |name: &str| {
            let path = program(name).display().to_string();
            self.machine.run(&self.folder.path().join(format!("{name}.out")), &[&path, "--nodaemon"])
        };
        self.programs = Some([start("xrdp-sesman"), start("xrdp")]);
    }

    /// Kills what clients are connected to.
    pub(super) fn kill(&mut self) {
        self.programs = None;
    }

    pub(super) fn signal(&self, signal: Signal) {
        for program in self.programs.iter().flatten() {
            program.signal(signal);
        }
    }

    /// What a user entered here, in order, once for each time.
    pub(super) fn entered(&self, user: &str) -> Vec<Entered> {
        let text = self.folder.read("run/entered");
        let fields = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mine = fields.filter(|fields| fields.last() == Some(&user));
        mine.map(|fields| Entered {
            new: fields[0] == "new",
            desktop: Desktop { server: self.name, display: fields[1].to_owned() },
        })
        .collect()
    }

    /// What it has to say.
    pub(super) fn log(&self) -> String {
        self.folder.read("log/sesman.log") + &self.folder.read("log/xrdp.log")
    }
}

fn open(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The accounts, passwords aside, of this machine with those of [`USERS`], each with a home; and their passwords alone.
fn accounts(here: &Path) -> [String; 2] {
    let mut passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let mut shadow = String::new();
    for (number, user) in (61_001..).zip(USERS) {
        let home = here.join("home").join(user);
        std::fs::create_dir_all(&home).unwrap();
        chown(&home, Some(number), Some(100)).unwrap();
        passwd += &format!("{user}:x:{number}:100::/srv/{user}:/bin/sh\n");
        shadow += &format!("{user}:{SECRET}:19000::::::\n");
    }
    [passwd, shadow]
}

const PAM: &str = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n";

const DESKTOP: &str = "#!/bin/sh
echo \"new $DISPLAY $USER\" >>/run/entered
command -v xmessage >/dev/null && xmessage -center \"$USER on SERVER $DISPLAY, process $$\" &
exec sleep infinity
";

const RETURN: &str = "#!/bin/sh\necho \"old $DISPLAY $USER\" >>/run/entered\n";

const XRDP: &str = "[Globals]
ini_version=1
fork=true
port=3389
tcp_nodelay=true
security_layer=negotiate
certificate=/run/certificate.pem
key_file=/run/certificate.pem
ssl_protocols=TLSv1.2, TLSv1.3
autorun=Xvnc
allow_channels=true
max_bpp=32
use_fastpath=both
[Logging]
LogFile=/var/log/xrdp.log
LogLevel=INFO
EnableSyslog=false
[Xvnc]
name=Xvnc
lib=libvnc.so
username=ask
password=ask
ip=127.0.0.1
port=-1
";

const SESMAN: &str = "[Globals]
ListenAddress=127.0.0.1
ListenPort=3350
EnableUserWindowManager=false
DefaultWindowManager=startwm.sh
ReconnectScript=reconnectwm.sh
[Security]
AllowRootLogin=false
MaxLoginRetry=4
[Sessions]
X11DisplayOffset=10
MaxSessions=50
KillDisconnected=false
Policy=Default
[Logging]
LogFile=/var/log/sesman.log
LogLevel=INFO
EnableSyslog=false
[Xvnc]
param=Xvnc
param=-bs
param=-nolisten
param=tcp
param=-localhost
";
