use std::path::PathBuf;
use std::process::{Command, Stdio};

use sekisho_tests::{program, until};

use super::{Folder, Running, Sekisho, run};

/// An nginx that takes nothing but connections with a PROXY header, and answers with the client that they name.
fn nginx(folder: &Folder, listen: &str) -> Running {
    let here = folder.path().display();
    let file: PathBuf = folder.write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ log_format who '$proxy_protocol_addr $proxy_protocol_server_port $connection $request';\n\
             access_log {here}/access.log who; client_body_temp_path {here}/b; proxy_temp_path {here}/p;\n\
             fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;\n\
             server {{ listen {listen} proxy_protocol;\n\
             location / {{ default_type text/plain; return 200 \"$proxy_protocol_addr\\n\"; }} }} }}\n"
        ),
    );
    let mut command = Command::new(program("nginx"));
    command.arg("-c").arg(file).arg("-p").arg(folder.path()).stderr(Stdio::null());
    Running::start(&mut command, listen.parse().unwrap())
}

#[test]
fn nginx_that_expects_a_proxy_header_learns_every_clients_address_and_takes_the_probes() {
    for (version, number) in [("v1", 0), ("v2", 10)] {
        let folder = Folder::new(&format!("proxy-protocol-{version}"));
        let (listen, origin) =
            (format!("127.0.4.41:{}", 7441 + number), format!("127.0.4.41:{}", 7442 + number));
        let _nginx = nginx(&folder, &origin);
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
