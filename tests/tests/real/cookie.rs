use std::collections::HashSet;

use super::{Folder, Nginx, Sekisho, run, web};

/// One curl with a cookie jar, `requests` requests: the servers that answered, in order.
fn curl(jar: &str, url: &str, requests: usize) -> Vec<String> {
    let url = format!("{url}?n=[1-{requests}]");
    let output =
        run("curl", &["--silent", "--show-error", "--fail", "--cookie", jar, "--cookie-jar", jar, &url]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn curl_stays_on_its_server_over_100_requests_and_moves_once_when_it_dies() {
    for (n, method) in ["round-robin", "least-connections", "least-response-time"].iter().enumerate() {
        let host = format!("127.0.4.{}", n + 1);
        let listen = format!("{host}:7400");
        let mut servers: Vec<Nginx> = [("www1", 7401), ("www2", 7402), ("www3", 7403)]
            .map(|(name, port)| Nginx::start(name, &format!("{host}:{port}")))
            .into();
        let configuration = web(&listen, &servers, "persist = ['cookie']", &format!("method = '{method}'"));
        let sekisho = Sekisho::start(&format!("cookie-{method}"), &configuration, &listen);
        let (url, jars) = (format!("http://{listen}/"), Folder::new(&format!("jars-{method}")));
        let jar = |n: usize| jars.path().join(n.to_string()).display().to_string();
        let homes: Vec<String> = (0..6)
            .map(|n| {
                let answers = curl(&jar(n), &url, 100);
                assert_eq!(answers.len(), 100);
                let servers: HashSet<&String> = answers.iter().collect();
                assert_eq!(servers.len(), 1, "{method}: client {n} met {servers:?}");
                answers[0].clone()
            })
            .collect();
        let victim = servers.iter().position(|server| server.name == homes[0]).unwrap();
        servers[victim].kill();
        for (n, home) in homes.iter().enumerate() {
            let answers = curl(&jar(n), &url, 100);
            assert_eq!(answers.len(), 100, "{method}: {}", sekisho.log());
            let now: HashSet<&String> = answers.iter().collect();
            assert_eq!(now.len(), 1, "{method}: client {n} moved more than once: {now:?}");
            assert_eq!(now.contains(home), *home != homes[0], "{method}: {home} became {now:?}");
        }
    }
}
