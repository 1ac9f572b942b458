//! The gateways, each before a recorder of its own.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use sekisho_tests::program;

use super::super::{Folder, Running, Sekisho, nginx, run};
use super::recorder::Recorder;

/// A running gateway.
pub(super) struct Gateway {
    version: String,
    address: SocketAddr,
    recorder: Recorder,
    own: Option<Sekisho>,
    _peer: Option<(Running, Folder)>,
}

impl Gateway {
    pub(super) fn sekisho() -> Self {
        let (recorder, listen) = (Recorder::start(), "127.0.60.1:7480");
        // What the vectors make of its only server is no reason to do without it.
        let configuration = format!(
            "[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n\
             [pool.web]\nall-down = 'use-all'\nservers = {{ one = '{}' }}\n",
            recorder.address()
        );
        let own = Some(Sekisho::start("smuggling", &configuration, listen));
        Self { version: "Sekisho".into(), address: listen.parse().unwrap(), recorder, own, _peer: None }
    }

    pub(super) fn haproxy() -> Self {
        let (recorder, folder, listen) =
            (Recorder::start(), Folder::new("smuggling-haproxy"), "127.0.60.1:7481");
        let file = folder.write(
            "haproxy.cfg",
            &format!(
                "defaults\n mode http\n timeout client 2s\n timeout server 2s\n timeout connect 2s\n retries 0\n\
                 frontend web\n bind {listen}\n default_backend web\n\
                 backend web\n http-reuse safe\n server one {}\n",
                recorder.address()
            ),
        );
        let mut command = Command::new(program("haproxy"));
        command.arg("-db").arg("-f").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        let peer = Some((Running::start(&mut command, listen.parse().unwrap()), folder));
        let said = String::from_utf8(run("haproxy", &["-v"]).stdout).unwrap();
        let number = said.split(' ').nth(2).unwrap().split('-').next().unwrap();
        let version = format!("HAProxy {number}");
        Self { version, address: listen.parse().unwrap(), recorder, own: None, _peer: peer }
    }

    pub(super) fn nginx() -> Self {
        let (recorder, folder, listen) =
            (Recorder::start(), Folder::new("smuggling-nginx"), "127.0.60.1:7482");
        let http = format!(
            "access_log off; upstream web {{ server {} max_fails=0; keepalive 8; }}",
            recorder.address()
        );
        let server = format!(
            "listen {listen}; client_body_timeout 2s; client_header_timeout 2s; lingering_close off;\n\
             location / {{ proxy_pass http://web; proxy_http_version 1.1; proxy_set_header Connection '';\n\
             proxy_set_header Host $http_host; proxy_ignore_client_abort on; proxy_next_upstream off;\n\
             proxy_read_timeout 2s; }}"
        );
        let peer = Some((nginx(&folder, listen, &http, &server), folder));
        let said = String::from_utf8(run("nginx", &["-v"]).stderr).unwrap();
        let number = said.trim().rsplit('/').next().unwrap().to_owned();
        let version = format!("nginx {number}");
        Self { version, address: listen.parse().unwrap(), recorder, own: None, _peer: peer }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(super) fn version(&self) -> String {
        self.version.clone()
    }

    /// Whether it is not Sekisho.
    pub(super) fn is_peer(&self) -> bool {
        self.own.is_none()
    }

    /// What Sekisho has logged.
    pub(super) fn log(&self) -> String {
        self.own.as_ref().map(Sekisho::log).unwrap_or_default()
    }
}
