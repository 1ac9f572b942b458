//! Servers that speak HTTP/2, in clear and with TLS.

use std::process::{Command, Stdio};

use sekisho_tests::{Authority, program};

use super::{Folder, Running, Sekisho, run};

/// nghttpd with the files of a folder; TLS with the certificate in this file of it.
fn nghttpd(folder: &Folder, address: &str, certificate: Option<&str>) -> Running {
    let (host, port) = address.split_once(':').unwrap();
    let files = folder.path().display().to_string();
    let mut command = Command::new(program("nghttpd"));
    command.args(["--echo-upload", "-a", host, "-d", &files]).stdout(Stdio::null());
    match certificate {
        None => command.args(["--no-tls", port]),
        Some(file) => {
            let file = folder.path().join(file);
            command.arg(port).arg(&file).arg(&file)
        }
    };
    Running::start(&mut command, address.parse().unwrap())
}

#[test]
fn nghttpd_serves_clients_of_both_versions_in_clear_and_by_alpn() {
    let (authority, folder) = (Authority::new(), Folder::new("nghttpd"));
    authority.issue(&["servers.example.org"], folder.path());
    let ca = authority.write(folder.path()).display().to_string();
    let large: String = (0..200_000).map(|number| format!("{number:06}\n")).collect();
    let file = folder.write("large", &large).display().to_string();
    let [clear, tls, old] = ["127.0.4.96:7420", "127.0.4.96:7421", "127.0.4.96:7422"];
    let [in_clear, by_alpn] = ["127.0.4.96:7430", "127.0.4.96:7431"];
    let _servers =
        [nghttpd(&folder, in_clear, None), nghttpd(&folder, by_alpn, Some("servers.example.org.pem"))];
    let vip = |name: &str, listen: &str| {
        format!("[vip.{name}]\nlisten = '{listen}'\nprotocol = 'http'\npool = '{name}'\n")
    };
    let pool = |name: &str, server: &str, more: &str| {
        format!(
            "[pool.{name}]\nservers = {{ www1 = '{server}' }}\nprobe = {{ kind = 'http', path = '/large', interval = '300ms' }}\n{more}\n"
        )
    };
    let verified = format!("tls = {{ ca = '{ca}', server-name = 'servers.example.org' }}");
    let configuration = [
        "[gateway]\nlog = 'info'\n".to_owned(),
        vip("clear", clear),
        vip("tls", tls),
        vip("old", old),
        pool("clear", in_clear, "http = { version = '2' }"),
        pool("tls", by_alpn, &format!("http = {{ version = 'auto' }}\n{verified}")),
        // nghttpd speaks nothing else: HTTP/1.1 is not understood, and the probe says so.
        pool("old", by_alpn, &verified),
    ]
    .concat();
    let sekisho = Sekisho::start("nghttpd", &configuration, clear);
    for listen in [clear, tls] {
        let url = format!("http://{listen}/large");
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let output = run("curl", &["--silent", "--fail", version, &url]);
            assert!(output.stdout == large.as_bytes(), "{listen} {version}\n{}", sekisho.log());
            let data = format!("@{file}");
            let upload = ["--silent", "--fail", version, "--data-binary", &data, &url];
            let output = run("curl", &upload);
            assert!(output.stdout == large.as_bytes(), "{listen} {version}, upload\n{}", sekisho.log());
        }
        let head = run("curl", &["--silent", "--head", &url]);
        let head = String::from_utf8_lossy(&head.stdout).into_owned();
        assert!(head.contains(&format!("content-length: {}\r\n", large.len())), "{head}");
    }
    let status = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"];
    let output = run("curl", &[&status[..], &[&format!("http://{old}/large")]].concat());
    assert!(matches!(&output.stdout[..], b"502" | b"503"), "{output:?}");
}

#[test]
fn load_on_many_streams_is_answered_over_few_connections() {
    let (listen, server, folder) = ("127.0.4.97:7420", "127.0.4.97:7430", Folder::new("nghttpd-load"));
    folder.write("small", "small\n");
    let _server = nghttpd(&folder, server, None);
    let configuration = format!(
        "[gateway]\nlog = 'info'\nworkers = 1\n[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n\
         [pool.web]\nservers = {{ www1 = '{server}' }}\nhttp = {{ version = '2' }}\n"
    );
    let sekisho = Sekisho::start("nghttpd-load", &configuration, listen);
    let url = format!("http://{listen}/small");
    for clients in [&["-c", "20", "-m", "32"][..], &["--h1", "-c", "50"]] {
        let output = run("h2load", &[&["-n", "10000"][..], clients, &[&url]].concat());
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(report.contains("10000 succeeded, 0 failed, 0 errored"), "{report}\n{}", sekisho.log());
    }
    // 640 at once fit into seven connections of a hundred.
    let sockets = run("ss", &["-Htn", "state", "established", "dst", server]);
    let connections = String::from_utf8_lossy(&sockets.stdout).lines().count();
    assert!((1..=12).contains(&connections), "{connections} connections");
}
