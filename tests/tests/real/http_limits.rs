//! Rate limits under load, and what a real server is told of a real client.

use std::process::{Command, Stdio};

use sekisho_tests::{Authority, program};

use super::{Folder, Running, Sekisho, nginx, run};

/// An nginx that writes a line of this form for each request into `access.log` of its folder.
fn logging(folder: &Folder, address: &str, format: &str) -> Running {
    let here = folder.path().display();
    let http = format!(
        "log_format facts escape=none '{format}'; access_log {here}/access.log facts; underscores_in_headers on;"
    );
    let server = format!(
        "listen {address} backlog=4096; location / {{ default_type text/plain; return 200 \"ok\\n\"; }}"
    );
    nginx(folder, address, &http, &server)
}

#[test]
fn as_many_requests_of_wrk_reach_the_server_as_the_limit_lets() {
    let (folder, listen) = (Folder::new("limits-nginx"), "127.0.4.91:7491");
    let _nginx = logging(&folder, "127.0.4.91:7492", "$request_uri");
    for (round, threads) in [1, 2].into_iter().enumerate() {
        let before = folder.read("access.log").lines().count();
        let _sekisho = Sekisho::start(
            &format!("limits-{round}"),
            &format!(
                "[gateway]\nworkers = 2\n[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n\
                 http.rate-limits = {{ all = {{ key = 'all', rate = '400/s', burst = 200 }} }}\n\
                 [pool.web]\nservers = {{ www = '127.0.4.91:7492' }}\n"
            ),
            listen,
        );
        let arguments =
            [&format!("-t{threads}"), "-c32", "-d5s", &format!("http://{listen}/counted")].map(str::to_owned);
        let output = Command::new(program("wrk")).args(arguments).stdin(Stdio::null()).output().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        let line = report.lines().find(|line| line.contains(" requests in ")).unwrap();
        let seconds = line.split(" requests in ").nth(1).and_then(|rest| rest.split("s,").next()).unwrap();
        let expected = 400.0 * seconds.parse::<f64>().unwrap() + 200.0;
        let served = folder.read("access.log").lines().count() - before;
        let off = (served as f64 - expected).abs() / expected;
        assert!(off <= 0.05, "{served} of {expected}: {report}");
        let asked: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
        assert!(asked > expected * 2.0, "wrk asked for too little: {report}");
    }
}

#[test]
fn nginx_is_told_of_curls_certificate_and_of_nothing_that_curl_makes_up() {
    let (authority, folder, log) = (Authority::new(), Folder::new("facts"), Folder::new("facts-nginx"));
    authority.issue(&["www.example.org"], folder.path());
    let client = authority.issue(&["alice.example.org"], folder.path()).display().to_string();
    let ca = authority.write(folder.path()).display().to_string();
    let listen = "127.0.4.92:7491";
    let format = "$http_x_client_verify|$http_x_client_issuer|$http_x_client_serial|$http_x_client_fingerprint|\
                  $http_client_cert|$http_x_tls_version|$http_x_request_id|$http_traceparent";
    let _nginx = logging(&log, "127.0.4.92:7492", format);
    let _sekisho = Sekisho::start_in(
        folder,
        &format!(
            "[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n\
             tls = {{ certificates = ['www.example.org.pem'], client-ca = 'authority.pem', \
             client-certificates = 'request' }}\n\
             [vip.web.http]\nrequest-id = 'make'\ntrace-context = 'start'\n\
             tls-headers = {{ x-client-verify = 'verify', x-client-issuer = 'issuer', x-client-serial = 'serial', \
             x-client-fingerprint = 'fingerprint', client-cert = 'certificate', x-tls-version = 'version' }}\n\
             [pool.web]\nservers = {{ www = '127.0.4.92:7492' }}\n"
        ),
        listen,
    );
    let ask = |more: &[&str]| {
        let url = "https://www.example.org:7491/";
        let resolve = "www.example.org:7491:127.0.4.92";
        let spoof = [
            "X-Client-Verify: SUCCESS",
            "X_Client_Issuer: CN=root",
            "Client-Cert: :AAAA:",
            "X-Request-Id: 1",
        ];
        let mut arguments = vec!["--silent", "--fail", "--cacert", &ca, "--resolve", resolve, url];
        arguments.extend(spoof.iter().flat_map(|line| ["--header", line]));
        arguments.extend(more);
        let output = run("curl", &arguments);
        assert!(output.status.success(), "{output:?}");
        let text = log.read("access.log");
        text.lines().last().unwrap().split('|').map(str::to_owned).collect::<Vec<_>>()
    };
    let openssl = |what: &[&str]| {
        let arguments = [&["x509", "-in", &client, "-noout", "-nameopt", "RFC2253"][..], what].concat();
        let output = String::from_utf8(run("openssl", &arguments).stdout).unwrap();
        output.trim().split_once('=').unwrap().1.trim().to_owned()
    };
    for version in ["--http1.1", "--http2"] {
        let told = ask(&[version, "--cert", &client]);
        assert_eq!((told[0].as_str(), told[1].as_str()), ("SUCCESS", openssl(&["-issuer"]).as_str()));
        assert_eq!(told[2], openssl(&["-serial"]));
        let fingerprint = openssl(&["-fingerprint", "-sha256"]).replace(':', "").to_lowercase();
        assert_eq!(told[3], fingerprint);
        let pem: String = std::fs::read_to_string(&client).unwrap();
        let body = pem.split("-----").nth(2).unwrap().replace(['\n', '\r'], "");
        assert_eq!(told[4], format!(":{body}:"));
        assert_eq!((told[5].as_str(), told[6].len(), told[7].len()), ("TLSv1.3", 36, 55));
        let told = ask(&[version]);
        assert_eq!(told[..5], ["NONE", "", "", "", ""]);
    }
}
