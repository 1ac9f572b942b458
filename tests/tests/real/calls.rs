//! gRPC between a real library's servers and clients.

use std::process::Command;

use sekisho_tests::{program, until};

use super::{Folder, Running, Sekisho, run};

/// Debian's own: the packages of another one on the path are others.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = include_str!("calls.py");

/// The script, if what it needs is installed: python alone says less of what is missing.
fn written(folder: &Folder) -> String {
    program("/usr/lib/python3/dist-packages/grpc/__init__.py");
    folder.write("calls.py", SCRIPT).display().to_string()
}

fn server(script: &str, address: &str) -> Running {
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new(program(PYTHON));
    command.args([script, "serve", host, port]);
    Running::start(&mut command, address.parse().unwrap())
}

fn client(script: &str, doing: &str, target: &str, log: impl Fn() -> String) -> String {
    let output = run(PYTHON, &[script, doing, target]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{}", log());
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn librarys_clients_and_servers_understand_each_other_as_they_do_directly() {
    let (listen, first, second) = ("127.0.4.95:7410", "127.0.4.95:7411", "127.0.4.95:7412");
    let folder = Folder::new("calls");
    let script = written(&folder);
    let mut servers = vec![server(&script, first), server(&script, second)];
    let configuration = format!(
        "[gateway]\nlog = 'info'\n[vip.calls]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'calls'\n\
         [pool.calls]\nservers = {{ one = '{first}', two = '{second}' }}\nhttp = {{ version = '2' }}\n\
         probe = {{ kind = 'grpc', interval = '300ms' }}\n"
    );
    let sekisho = Sekisho::start("calls", &configuration, listen);
    assert_eq!(client(&script, "talk", first, String::new), "well", "directly");
    assert_eq!(client(&script, "talk", listen, || sekisho.log()), "well", "through the gateway");
    assert!(!sekisho.log().contains("Server down"), "{}", sekisho.log());
    servers.clear();
    let said = client(&script, "gone", listen, || sekisho.log());
    assert!(said.starts_with("UNAVAILABLE sekisho: "), "{said}");
    servers.push(server(&script, second));
    until("calls are answered again", || {
        let said = client(&script, "gone", listen, || sekisho.log());
        said.starts_with("OK").then_some(())
    });
}
