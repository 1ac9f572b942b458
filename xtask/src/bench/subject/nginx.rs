//! nginx, as near to the job as the free edition comes: the cookie is inserted with `add_header` and honoured with a
//! `map` to one upstream per server. Where mail users are it asks a service.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::super::load::Work;
use super::super::places::{AUTH, Front, SERVERS};
use super::super::{Outcome, scratch};
use super::{KEPT_TO_A_SERVER, Site, Subject, ask, peer};

/// nginx with its modules for streams and mail.
#[derive(Debug)]
pub(super) struct Nginx;

impl Subject for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn version(&self) -> Outcome<String> {
        let text = ask(&peer("nginx")?, "-V")?;
        let after = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
            line.split_whitespace().next().unwrap_or_default().to_owned()
        };
        Ok(format!("nginx {} (OpenSSL {})", after("nginx version: nginx/"), after("built with OpenSSL ")))
    }

    fn takes(&self, work: Work) -> bool {
        let front = work.front();
        !front.is_dns() && front != Front::Rdp
    }

    fn command(&self, site: &Site<'_>) -> Outcome<Command> {
        let file = site.folder.join("nginx.conf");
        scratch::write(&file, &if site.front.is_mail() { mail(site) } else { configuration(site) })?;
        let mut command = Command::new(peer("nginx")?);
        command.arg("-c").arg(file).arg("-p").arg(site.folder).args(["-e", "stderr"]);
        Ok(command)
    }
}

fn configuration(site: &Site<'_>) -> String {
    let (address, pem, folder) = (site.address, site.pem.display(), site.folder.display());
    let keep =
        format!("keepalive {KEPT_TO_A_SERVER}; keepalive_requests {UNLIMITED}; keepalive_timeout 60s;");
    let mut upstreams = String::new();
    let mut by_cookie = String::new();
    let mut by_address = String::new();
    let (mut web, mut relayed) = (String::new(), String::new());
    for server in SERVERS {
        let (name, http, messages) = (server.name, server.http, server.messages);
        let _ = writeln!(upstreams, "    upstream web_{name} {{ server {http}; {keep} }}");
        let _ = write!(by_cookie, " {name} web_{name};");
        let _ = write!(by_address, " {http} {name};");
        let _ = write!(web, " server {http};");
        let _ = write!(relayed, " server {messages};");
    }
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    let general = general(site, "stream");
    format!(
        "{general}http {{
    access_log off;
{paths}    keepalive_timeout 60s;
    keepalive_requests {UNLIMITED};
    client_header_timeout 10s;
    send_timeout 60s;
    upstream web {{{web} {keep} }}
{upstreams}    map $cookie_srv $upstream {{ default web;{by_cookie} }}
    map $upstream_addr $server_letter {{ default -;{by_address} }}
    map $cookie_srv $new_cookie {{ default \"\"; \"\" \"SRV=$server_letter; path=/; HttpOnly\"; }}
    server {{
        listen {address}:{http};
        listen {address}:{https} ssl http2;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            proxy_pass http://$upstream;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_connect_timeout 5s;
            proxy_read_timeout 60s;
            proxy_send_timeout 60s;
            proxy_max_temp_file_size 0;
            add_header Set-Cookie $new_cookie;
        }}
    }}
}}
stream {{
    upstream relayed {{{relayed} }}
    server {{
        listen {address}:{relay};
        proxy_pass relayed;
        proxy_connect_timeout 5s;
        proxy_timeout 60s;
        tcp_nodelay on;
    }}
}}
",
        http = Front::Http.port(),
        https = Front::Https.port(),
        relay = Front::Relay.port(),
    )
}

/// What every configuration begins with.
fn general(site: &Site<'_>, module: &str) -> String {
    // A distribution may build the module in, or leave it to be loaded.
    let module = format!("/usr/lib/nginx/modules/ngx_{module}_module.so");
    let load = if Path::new(&module).exists() { format!("load_module {module};\n") } else { String::new() };
    format!(
        "{load}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {most}; }}
",
        folder = site.folder.display(),
        most = 2 * site.connections,
    )
}

fn mail(site: &Site<'_>) -> String {
    let (address, pem, general) = (site.address, site.pem.display(), general(site, "mail"));
    format!(
        "{general}mail {{
    auth_http {AUTH}/;
    imap_auth plain login;
    imap_capabilities IMAP4rev1 SASL-IR ID IDLE LITERAL+;
    server {{
        listen {address}:{imap};
        protocol imap;
    }}
    server {{
        listen {address}:{imaps} ssl;
        protocol imap;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        ssl_protocols TLSv1.2 TLSv1.3;
    }}
}}
",
        imap = Front::Imap.port(),
        imaps = Front::Imaps.port(),
    )
}

/// nginx would close every connection after a thousand requests.
const UNLIMITED: u32 = 1_000_000_000;
