//! WebSockets between a real library's servers and clients.

use std::process::Command;

use sekisho_tests::program;

use super::{Folder, Running, Sekisho, run};

/// Debian's own: the packages of another one on the path are others.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = include_str!("web_socket.py");

/// The script, if what it needs is installed: python alone says less of what is missing.
fn written(folder: &Folder) -> String {
    program("/usr/lib/python3/dist-packages/websockets/__init__.py");
    folder.write("web_socket.py", SCRIPT).display().to_string()
}

fn server(script: &str, name: &str, host: &str, port: u16) -> Running {
    let mut command = Command::new(program(PYTHON));
    command.args([script, "serve", name, host, &port.to_string()]);
    Running::start(&mut command, format!("{host}:{port}").parse().unwrap())
}

/// What clients that do this say at the end.
fn clients(script: &str, doing: &str, url: &str, sekisho: &Sekisho) -> String {
    let output = run(PYTHON, &[script, doing, url]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", sekisho.log());
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn librarys_clients_and_servers_understand_each_other_as_they_do_directly() {
    let (host, folder) = ("127.0.4.91", Folder::new("web-socket"));
    let script = written(&folder);
    let _servers = [server(&script, "ws1", host, 7411), server(&script, "ws2", host, 7412)];
    let listen = format!("{host}:7410");
    let configuration = format!(
        "[vip.chat]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'chat'\npersist = ['cookie']\n\
         [pool.chat]\nmethod = 'least-connections'\nservers = {{ ws1 = '{host}:7411', ws2 = '{host}:7412' }}\n\
         probe = {{ kind = 'http', path = '/healthz', interval = '500ms' }}\n"
    );
    let sekisho = Sekisho::start("web-socket", &configuration, &listen);
    let url = format!("ws://{listen}/");
    assert_eq!(clients(&script, "talk", &format!("ws://{host}:7411/"), &sekisho), "ws1", "directly");
    assert_eq!(clients(&script, "talk", &url, &sekisho), "ws1 ws2");
    let home = clients(&script, "stay", &url, &sekisho);
    assert!(["ws1", "ws2"].contains(&&*home), "a client with its cookie met {home}");
}

#[test]
fn frames_good_and_bad_meet_the_same_fate_as_directly_over_both_versions() {
    let (host, folder) = ("127.0.4.94", Folder::new("web-socket-cases"));
    let script = written(&folder);
    program("/usr/lib/python3/dist-packages/h2/__init__.py");
    let cases =
        folder.write("web_socket_cases.py", include_str!("web_socket_cases.py")).display().to_string();
    let _server = server(&script, "ws1", host, 7442);
    let listen = format!("{host}:7441");
    let configuration = format!(
        "[vip.chat]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'chat'\n\
         [pool.chat]\nservers = {{ ws1 = '{host}:7442' }}\n"
    );
    let sekisho = Sekisho::start("web-socket-cases", &configuration, &listen);
    let outcomes = |version: &str, port: &str| {
        let output = run(PYTHON, &[&cases, version, host, port]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", sekisho.log());
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let directly = outcomes("one", "7442");
    assert!(directly.len() > 500, "{} cases", directly.len());
    for version in ["one", "two"] {
        let through = outcomes(version, "7441");
        let differ = directly.iter().zip(&through).filter(|(directly, through)| directly != through);
        let differ: Vec<_> = differ.collect();
        assert!(differ.is_empty() && directly.len() == through.len(), "over {version}: {differ:#?}");
    }
}
