use sekisho_tests::Authority;

use super::{Folder, Nginx, Sekisho, run, web};

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn curl_speaks_http2_by_alpn_and_by_prior_knowledge_and_http1_beside_it() {
    let (authority, folder) = (Authority::new(), Folder::new("http2"));
    authority.issue(&["www.example.org"], folder.path());
    let ca = authority.write(folder.path()).display().to_string();
    let listen = "127.0.4.51:7450";
    let servers = [Nginx::start("www1", "127.0.4.51:7452")];
    let vip = "tls = { certificates = ['www.example.org.pem'] }\npersist = ['cookie']";
    let clear = "[vip.clear]\nlisten = '127.0.4.51:7451'\nprotocol = 'http'\npool = 'web'\n";
    let configuration = format!("{}\n{clear}", web(listen, &servers, vip, ""));
    let _sekisho = Sekisho::start_in(folder, &configuration, listen);
    let resolve = "www.example.org:7450:127.0.4.51";
    let https = ["--cacert", &ca, "--resolve", resolve, "https://www.example.org:7450/"];
    let http = ["http://127.0.4.51:7451/"];
    for (way, target, version) in [
        ("--http2", &https[..], "2"),
        ("--http1.1", &https, "1.1"),
        ("--http2-prior-knowledge", &http, "2"),
        ("--http1.1", &http, "1.1"),
    ] {
        let arguments = [&["--silent", "--write-out", "%{http_version}", way], target].concat();
        let output = run("curl", &arguments);
        assert_eq!(text(&output), format!("www1\n{version}"), "{way}: {output:?}");
    }
}

#[test]
fn many_streams_on_many_connections_are_all_answered() {
    let listen = "127.0.4.52:7450";
    let servers = [Nginx::start("www1", "127.0.4.52:7451"), Nginx::start("www2", "127.0.4.52:7452")];
    let sekisho = Sekisho::start("streams", &web(listen, &servers, "", "method = 'round-robin'"), listen);
    let url = format!("http://{listen}/");
    let output = run("h2load", &["-n", "10000", "-c", "20", "-m", "32", &url]);
    let report = text(&output);
    assert!(report.contains("10000 succeeded, 0 failed, 0 errored"), "{report}\n{}", sekisho.log());
}
