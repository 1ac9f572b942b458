//! The logs of the binary, at receivers of every kind.

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use sekisho_tests::until;

use super::{Folder, Nginx, Sekisho, run};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

/// Reads messages until one has the text.
fn heard(receive: impl Fn(&mut [u8]) -> std::io::Result<usize>, text: &str) -> String {
    let mut buffer = vec![0; 65536];
    loop {
        let length = receive(&mut buffer).unwrap_or_else(|error| panic!("{text}: {error}"));
        let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if message.contains(text) {
            return message;
        }
    }
}

#[test]
fn both_logs_reach_syslog_the_journal_and_a_file_that_is_opened_anew() {
    let folder = Folder::new("logs");
    let listen = "127.0.4.67:7472";
    let www = Nginx::start("www1", "127.0.4.67:7473");
    let bind = |name: &str| {
        let path = folder.path().join(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(PATIENCE).unwrap();
        (socket, path.display().to_string())
    };
    let ((syslog, syslog_path), (journal, journal_path)) = (bind("syslog"), bind("journal"));
    let remote = UdpSocket::bind("127.0.4.67:7474").unwrap();
    remote.set_read_timeout(PATIENCE).unwrap();
    let configuration = format!(
        "[gateway]\nmetrics = '127.0.4.67:7475'\nmax-connections = 15000\nlog-to = {{ syslog = 'unix:{syslog_path}', tag = 'lb1' }}\n\
         access-log = [\n{{ path = 'access.log', format = '{{method}} {{target}} {{status}} {{server}}' }},\n\
         {{ journald = '{journal_path}' }},\n\
         {{ syslog = 'udp:127.0.4.67:7474', facility = 'local3', format = 'json' }} ]\n\
         [vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n\
         [pool.web]\nservers = {{ www1 = '{}' }}\n",
        www.address
    );
    let sekisho = Sekisho::start_in(folder, &configuration, listen);
    let serving = heard(|buffer| syslog.recv(buffer), "Serving");
    assert!(serving.starts_with("<30>1 ") && serving.contains(" lb1 "), "{serving}");
    let fetch = |path: &str| run("curl", &["--silent", "--fail", &format!("http://{listen}{path}")]);
    assert!(fetch("/one").status.success());
    let line = heard(|buffer| journal.recv(buffer), "target=\"/one\"");
    assert!(line.starts_with("MESSAGE=") && line.contains("\nPRIORITY=6\n"), "{line}");
    let line = heard(|buffer| remote.recv(buffer), "\"target\":\"/one\"");
    assert!(line.starts_with("<158>1 ") && line.ends_with('}'), "{line}");
    let file = |name: &str| sekisho.folder.read(name);
    until("a line in the file", || (file("access.log") == "GET /one 200 www1\n").then_some(()));

    let (log, moved) = (sekisho.folder.path().join("access.log"), sekisho.folder.path().join("access.log.1"));
    std::fs::rename(log, moved).unwrap();
    sekisho.running.signal(Signal::USR1);
    until("a new file", || sekisho.folder.path().join("access.log").exists().then_some(()));
    assert!(fetch("/two").status.success());
    until("a line in the new file", || (file("access.log") == "GET /two 200 www1\n").then_some(()));
    assert_eq!(file("access.log.1"), "GET /one 200 www1\n");

    let lost = || {
        let page = run("curl", &["--silent", "http://127.0.4.67:7475/metrics"]).stdout;
        let page = String::from_utf8(page).unwrap();
        let number = |name: &str| {
            let line =
                page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{page}"));
            line.trim().parse::<u64>().unwrap()
        };
        assert!(number("sekisho_log_messages_total ") > 0);
        number("sekisho_log_messages_lost_total{reason=\"failed\"}")
    };
    assert_eq!(lost(), 0);
    // The receiver goes away, and the gateway has something to say.
    drop(syslog);
    std::fs::remove_file(syslog_path).unwrap();
    sekisho.running.signal(Signal::HUP);
    until("a lost message is counted", || (lost() > 0).then_some(()));
}
