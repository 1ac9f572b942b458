//! A real browser before the gateway.

use std::process::Command;

use sekisho_tests::{Authority, program};

use super::{Folder, Running, Sekisho, run};

/// Debian's own: the packages of another one on the path are others.
const PYTHON: &str = "/usr/bin/python3";

#[test]
fn browser_fetches_listens_and_talks_over_http2_as_over_http1() {
    let (host, folder) = ("127.0.4.93", Folder::new("browser"));
    program("/usr/lib/python3/dist-packages/websockets/__init__.py");
    program("chromium");
    Authority::new().issue(&["www.example.org"], folder.path());
    let script = folder.write("browser.py", include_str!("browser.py")).display().to_string();
    let chat = folder.write("web_socket.py", include_str!("web_socket.py")).display().to_string();
    let start = |arguments: &[&str], port: &str| {
        let mut command = Command::new(PYTHON);
        Running::start(command.args(arguments).args([host, port]), format!("{host}:{port}").parse().unwrap())
    };
    let _servers = [start(&[&script, "pages"], "7431"), start(&[&chat, "serve", "ws1"], "7432")];
    let driver = "7433";
    let mut command = Command::new(program("chromedriver"));
    command.arg(format!("--port={driver}")).stdout(std::process::Stdio::null());
    let _driver = Running::start(&mut command, format!("127.0.0.1:{driver}").parse().unwrap());
    let log = folder.path().join("access.log").display().to_string();
    let vip = |name: &str, port: u16, more: &str| {
        format!(
            "[vip.{name}]\nlisten = '{host}:{port}'\nprotocol = 'http'\npool = 'pages'\npools = ['chat']\n\
             tls = {{ certificates = ['www.example.org.pem'] }}\n[vip.{name}.http]\n{more}\n\
             [[vip.{name}.http.rules]]\npath = '/chat'\npool = 'chat'\n"
        )
    };
    let configuration = format!(
        "[gateway]\naccess-log = '{log}'\n{}{}[pool.pages]\nservers = {{ pages = '{host}:7431' }}\n\
         [pool.chat]\nservers = {{ ws1 = '{host}:7432' }}\n",
        vip("two", 7434, ""),
        vip("one", 7435, "http2 = false"),
    );
    let sekisho = Sekisho::start_in(folder, &configuration, &format!("{host}:7434"));
    for (port, page, version) in [(7434, "h2", "HTTP/2"), (7435, "http/1.1", "HTTP/1.1")] {
        let profile = sekisho.folder.path().join(format!("profile-{port}")).display().to_string();
        let output = run(PYTHON, &[&script, "look", driver, &profile, &format!("https://{host}:{port}/")]);
        let (said, log) = (String::from_utf8_lossy(&output.stdout), sekisho.folder.read("access.log"));
        let expected = format!(
            "{{\"page\":\"{page}\",\"fetched\":42,\"events\":\"0 1 2\",\
             \"socket\":\"ws1, text, binary true, a long text, 4000, done\"}}"
        );
        let seen = format!("{said}{}\n{log}\n{}", String::from_utf8_lossy(&output.stderr), sekisho.log());
        assert_eq!(said.trim_end(), expected, "{seen}");
        // What the browser asked for in one version and was switched in.
        let chat = |line: &&str| line.contains("/chat") && line.contains(version) && line.contains("101");
        assert!(log.lines().any(|line| chat(&line)), "{seen}");
    }
}
