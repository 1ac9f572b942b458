//! HAProxy.

use std::fmt::Write as _;
use std::process::Command;

use super::super::load::Work;
use super::super::places::{Front, SERVERS, Server};
use super::super::{Outcome, scratch};
use super::{Site, Subject, ask, peer};

/// HAProxy as its defaults are, or with `splice` forced for what is relayed.
#[derive(Debug)]
pub(super) struct Haproxy {
    /// Force splice(2): by default it hardly ever engages.
    pub(super) splice: bool,
}

impl Subject for Haproxy {
    fn name(&self) -> &'static str {
        if self.splice { "haproxy-splice" } else { "haproxy" }
    }

    fn version(&self) -> Outcome<String> {
        let text = ask(&peer("haproxy")?, "-vv")?;
        let words = |line: &str, from, count| -> String {
            line.split_whitespace().skip(from).take(count).collect::<Vec<_>>().join(" ")
        };
        let version = text.lines().next().map(|line| words(line, 2, 1)).unwrap_or_default();
        let version = version.split('-').next().unwrap_or_default();
        let library = text.lines().find_map(|line| line.strip_prefix("Running on OpenSSL version : "));
        Ok(format!("HAProxy {version} ({})", library.map(|line| words(line, 0, 2)).unwrap_or_default()))
    }

    fn takes(&self, work: Work) -> bool {
        let front = work.front();
        let bulk = matches!(work, Work::Messages { answer } | Work::RdpMessages { answer } if answer > 64);
        bulk || !self.splice && !front.is_dns() && !front.is_mail()
    }

    fn command(&self, site: &Site<'_>) -> Outcome<Command> {
        let file = site.folder.join("haproxy.cfg");
        scratch::write(&file, &self.configuration(site))?;
        let mut command = Command::new(peer("haproxy")?);
        command.arg("-db").arg("-f").arg(file);
        Ok(command)
    }
}

impl Haproxy {
    /// Above a share of all descriptors, HAProxy closes server connections instead of keeping them: the ratios let it
    /// keep those of a thousand clients without changing anything else.
    fn configuration(&self, site: &Site<'_>) -> String {
        let (address, pem) = (site.address, site.pem.display());
        let servers = |address: fn(&Server) -> String| {
            SERVERS.iter().fold(String::new(), |mut text, server| {
                let _ = writeln!(text, "    server {} {}", server.name, address(server));
                text
            })
        };
        let web = servers(|server| format!("{} cookie {}", server.http, server.name));
        let relayed = servers(|server| server.messages.to_string());
        let desktops = servers(|server| server.rdp.to_string());
        let splice = if self.splice { "    option splice-request\n    option splice-response\n" } else { "" };
        format!(
            "global
    nbthread 1
    maxconn {most}
    tune.pool-high-fd-ratio 100
    tune.pool-low-fd-ratio 100

defaults
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive 60s

frontend web
    mode http
    bind {address}:{http}
    bind {address}:{https} ssl crt {pem} alpn h2,http/1.1
    option forwardfor
    default_backend web

backend web
    mode http
    balance roundrobin
    http-reuse safe
    cookie SRV insert indirect nocache httponly
{web}
listen relay
    mode tcp
    bind {address}:{relay}
    balance roundrobin
{splice}{relayed}
listen desktops
    mode tcp
    bind {address}:{rdp}
    tcp-request inspect-delay 5s
    tcp-request content accept if RDP_COOKIE
    persist rdp-cookie
    balance leastconn
    stick-table type string size 10k expire 8h
    stick on rdp_cookie(mstshash)
{splice}{desktops}",
            // Splicing takes pipes, and HAProxy wants descriptors for one to every fourth connection: with as many as are held
            // idle, which are never spliced, it would not start.
            most = if self.splice { site.connections.min(4_000) } else { site.connections },
            http = Front::Http.port(),
            https = Front::Https.port(),
            relay = Front::Relay.port(),
            rdp = Front::Rdp.port(),
        )
    }
}
