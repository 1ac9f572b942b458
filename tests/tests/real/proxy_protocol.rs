use std::process::{Command, Stdio};

use sekisho_tests::{Authority, program, until};

use super::{Folder, Nginx, Running, Sekisho, nginx, run};

/// An nginx that takes nothing but connections with a PROXY header, and answers with the client that they name.
fn named(folder: &Folder, listen: &str) -> Running {
    let here = folder.path().display();
    let http = format!(
        "log_format who '$proxy_protocol_addr $proxy_protocol_server_port $connection $request';\n\
         access_log {here}/access.log who;"
    );
    let answer = "location / { default_type text/plain; return 200 \"$proxy_protocol_addr\\n\"; }";
    nginx(folder, listen, &http, &format!("listen {listen} proxy_protocol; {answer}"))
}

#[test]
fn nginx_that_expects_a_proxy_header_learns_every_clients_address_and_takes_the_probes() {
    for (version, number) in [("v1", 0), ("v2", 10)] {
        let folder = Folder::new(&format!("proxy-protocol-{version}"));
        let (listen, origin) =
            (format!("127.0.4.41:{}", 7441 + number), format!("127.0.4.41:{}", 7442 + number));
        let _nginx = named(&folder, &origin);
        let configuration = format!(
            "[gateway]\nlog = 'info'\n[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n\
             [pool.web]\nservers = {{ www1 = '{origin}' }}\nproxy-protocol = '{version}'\n\
             probe = {{ kind = 'http', path = '/probe', interval = '500ms', fast-interval = '100ms' }}\n"
        );
        let _sekisho = Sekisho::start(&format!("proxy-protocol-{version}-gateway"), &configuration, &listen);
        let port = listen.rsplit(':').next().unwrap();
        for from in ["127.0.4.42", "127.0.4.43", "127.0.4.42"] {
            let output =
                run("curl", &["--silent", "--fail", "--interface", from, &format!("http://{listen}/")]);
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{from}\n"), "{version}: {output:?}");
        }
        let probed = || {
            let log = folder.read("access.log");
            let probes = log.lines().filter(|line| line.contains("GET /probe")).count();
            let told = log.lines().any(|line| line.starts_with(&format!("127.0.4.43 {port} ")));
            (probes > 1 && told).then_some(log)
        };
        let log = until("probes in the log of nginx", probed);
        let broken = folder.read("error.log");
        assert!(!broken.contains("broken header"), "{broken}\n{log}");
    }
}

/// A real HAProxy that says whom it speaks for: plainly at one port, to a VIP with TLS at another.
fn haproxy(folder: &Folder, how: &str, ways: [(&str, &str); 2]) -> Running {
    let mut text =
        "defaults\nmode tcp\ntimeout connect 5s\ntimeout client 9s\ntimeout server 9s\n".to_owned();
    for (number, (from, to)) in ways.iter().enumerate() {
        text += &format!("listen way{number}\nbind {from}\nserver gateway {to} {how}\n");
    }
    let file = folder.write("haproxy.cfg", &text);
    let mut command = Command::new(program("haproxy"));
    command.arg("-db").arg("-f").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
    Running::start(&mut command, ways[0].0.parse().unwrap())
}

#[test]
fn client_that_a_trusted_proxy_names_is_the_client_and_nobody_else_gets_in() {
    let [listen, secure, origin] = [7461, 7462, 7463].map(|port| format!("127.0.4.61:{port}"));
    let servers = [Nginx::start("www1", &origin)];
    let folder = Folder::new("proxy-accepted");
    Authority::new().issue(&["proxied.test"], folder.path());
    let log = folder.path().join("access.log");
    let configuration = format!(
        "[gateway]\nlog = 'info'\ntrusted-networks = ['127.0.0.1']\naccess-log = '{}'\n\
         [vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\naccept-proxy = true\n\
         limits = {{ max-connections-per-client = 4 }}\n\
         [vip.secure]\nlisten = '{secure}'\nprotocol = 'http'\npool = 'web'\naccept-proxy = true\n\
         tls = {{ certificates = ['proxied.test.pem'] }}\n\
         [pool.web]\nservers = {{ www1 = '{}' }}\n",
        log.display(),
        servers[0].address
    );
    let sekisho = Sekisho::start_in(folder, &configuration, &listen);
    let line = |part: &str| {
        until(&format!("`{part}` in the access log"), || {
            let log = sekisho.folder.read("access.log");
            log.lines().find(|line| line.contains(part)).map(str::to_owned)
        })
    };
    let ways = ["send-proxy", "send-proxy-v2 proxy-v2-options crc32c,unique-id"];
    for (number, how) in ways.into_iter().enumerate() {
        let proxy = Folder::new(&format!("proxy-accepted-{number}"));
        let [plain, tls] = [0, 1].map(|more| format!("127.0.4.62:{}", 7465 + 2 * number + more));
        let _haproxy = haproxy(&proxy, how, [(&plain, &listen), (&tls, &secure)]);
        let from = format!("127.0.4.{}", 70 + number);
        for url in [format!("http://{plain}/"), format!("https://{tls}/")] {
            let output = run("curl", &["--silent", "--insecure", "--fail", "--interface", &from, &url]);
            assert_eq!(output.stdout, b"www1\n", "{how} {url}: {output:?}\n{}", sekisho.log());
        }
        for at in [&plain, &tls] {
            let line = line(&format!(" local={at} "));
            assert!(
                line.contains(&format!(" client={from}:")) && line.contains(" peer=127.0.0.1:"),
                "{line}"
            );
        }
    }
    let direct = |from: &str, more: &[&str]| {
        let url = format!("http://{listen}/");
        let words = [&["--silent", "--interface", from, url.as_str()], more].concat();
        assert!(!run("curl", &words).status.success(), "{from}");
    };
    direct("127.0.4.69", &["--haproxy-protocol"]);
    assert!(line("end=untrusted-proxy").contains("client=127.0.4.69:"));
    direct("127.0.0.1", &[]);
    assert!(line("end=proxy-header").contains("client=127.0.0.1:"));
}
