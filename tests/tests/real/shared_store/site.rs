//! Three gateways before the same servers, and a store that they share.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sekisho_tests::{Authority, HttpServer, program, until};

use super::super::{Folder, Running, Sekisho};

/// A real Redis, which forgets everything when it stops.
pub(super) struct Redis {
    folder: Folder,
    address: SocketAddr,
    tls: bool,
    running: Option<Running>,
}

impl Redis {
    /// With a password, if one is given.
    pub(super) fn start(address: &str, password: &str) -> Self {
        let address: SocketAddr = address.parse().unwrap();
        let secret = if password.is_empty() { String::new() } else { format!("requirepass {password}\n") };
        Self::configured(Folder::new(&format!("redis-{address}")), address, &secret)
    }

    /// Behind TLS, as `store.example`, of an authority beside which there is another one.
    pub(super) fn start_with_tls(address: &str) -> Self {
        let folder = Folder::new(&format!("redis-{address}"));
        for name in ["ours", "theirs"] {
            let (authority, place) = (Authority::new(), folder.path().join(name));
            std::fs::create_dir(&place).unwrap();
            authority.write(&place);
            authority.issue(&["store.example"], &place);
        }
        let (ours, port) = (folder.path().join("ours"), address.rsplit(':').next().unwrap());
        let (certificate, authority) = (ours.join("store.example.pem"), ours.join("authority.pem"));
        let more = format!(
            "port 0\ntls-port {port}\ntls-cert-file {0}\ntls-key-file {0}\ntls-ca-cert-file {1}\n\
             tls-auth-clients no\n",
            certificate.display(),
            authority.display()
        );
        Self::configured(folder, address.parse().unwrap(), &more)
    }

    fn configured(folder: Folder, address: SocketAddr, more: &str) -> Self {
        let (here, ip, port) = (folder.path().display(), address.ip(), address.port());
        folder.write(
            "redis.conf",
            &format!(
                "bind {ip}\nport {port}\nsave ''\nappendonly no\ndir {here}\nlogfile {here}/log\n{more}"
            ),
        );
        let tls = more.contains("tls-port");
        let mut redis = Self { folder, address, tls, running: None };
        redis.restart();
        redis
    }

    /// A file of its folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As gateways are told where it is.
    pub(super) fn url(&self) -> String {
        format!("{}://{}", if self.tls { "rediss" } else { "redis" }, self.address)
    }

    pub(super) fn restart(&mut self) {
        let mut command = Command::new(program("redis-server"));
        command.arg(self.folder.path().join("redis.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        self.running = Some(Running::start(&mut command, self.address));
    }

    pub(super) fn kill(&mut self) {
        self.running = None;
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the store's own client is answered.
    pub(super) fn ask(&self, words: &[&str]) -> Vec<u8> {
        let (ip, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let mut command = Command::new(program("redis-cli"));
        command.args(["-h", &ip, "-p", &port]).args(words).stdin(Stdio::null());
        command.output().unwrap().stdout
    }

    /// The names of all that is in it.
    pub(super) fn names(&self) -> Vec<String> {
        String::from_utf8(self.ask(&["--scan"])).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Three servers that say their names.
pub(super) fn servers() -> [HttpServer; 3] {
    ["www1", "www2", "www3"].map(HttpServer::start)
}

/// A gateway that shares what it knows.
pub(super) struct Gateway {
    pub(super) sekisho: Sekisho,
    web: SocketAddr,
    metrics: SocketAddr,
}

/// What all nodes of a site have in common.
pub(super) struct Site<'a> {
    pub(super) name: &'a str,
    pub(super) servers: &'a [HttpServer; 3],
    /// Where the store is.
    pub(super) store: String,
    /// More keys of `[store]`.
    pub(super) keys: &'a str,
}

impl Site<'_> {
    /// The node of this address.
    pub(super) fn gateway(&self, ip: &str) -> Gateway {
        let folder = Folder::new(&format!("shared-{}-{ip}", self.name));
        let owner = |name: &str, text: &str| {
            let path = folder.write(name, text);
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        owner("secret", "0123456789abcdef0123456789abcdef\n");
        owner("password", "wrong\n");
        self.gateway_in(folder, ip)
    }

    /// The same in a folder that is there.
    pub(super) fn gateway_in(&self, folder: Folder, ip: &str) -> Gateway {
        let configuration = self.configuration(ip);
        let (web, metrics) = (format!("{ip}:7600"), format!("{ip}:7601"));
        Gateway {
            sekisho: Sekisho::start_in(folder, &configuration, &web),
            web: web.parse().unwrap(),
            metrics: metrics.parse().unwrap(),
        }
    }

    pub(super) fn configuration(&self, ip: &str) -> String {
        let list: Vec<String> =
            self.servers.iter().map(|server| format!("{} = '{}'", server.name(), server.address())).collect();
        format!(
            "[gateway]\nmetrics = '{ip}:7601'\nsecret-file = 'secret'\nworkers = 2\n\
             [vip.web]\nlisten = '{ip}:7600'\nprotocol = 'http'\npool = 'web'\n\
             persist = [{{ kind = 'header', name = 'x-user' }}]\n\
             [pool.web]\nmethod = 'round-robin'\nservers = {{ {} }}\n\
             [store]\nredis = '{}'\n{}\n",
            list.join(", "),
            self.store,
            self.keys
        )
    }
}

impl Gateway {
    /// The server that answers this user; none, if the request failed.
    pub(super) fn ask(&self, user: &str) -> Option<String> {
        let answer = get(self.web, "/", &format!("X-User: {user}\r\n"))?;
        answer.strip_prefix("HTTP/1.1 200").map(|_| answer.lines().last().unwrap_or_default().to_owned())
    }

    /// A number of the metrics; none, if it is not there.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let page = get(self.metrics, "/metrics", "")?;
        let line = page
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        line?.rsplit(' ').next()?.parse().ok()
    }

    /// Waits until a number of the metrics is as it should be.
    pub(super) fn wait(&self, name: &str, right: impl Fn(f64) -> bool) {
        until(&format!("{name} of {}; log:\n{}", self.web, self.sekisho.log()), || {
            self.metric(name).filter(|value| right(*value)).map(drop)
        });
    }

    pub(super) fn secret(&self, name: &str, text: &str) -> &Path {
        self.sekisho.folder.write(name, text);
        self.sekisho.folder.path()
    }
}

/// The servers of these users, as a gateway chooses them.
pub(super) fn homes(gateway: &Gateway, users: &[String]) -> HashMap<String, String> {
    users.iter().map(|user| (user.clone(), gateway.ask(user).unwrap())).collect()
}

fn get(address: SocketAddr, path: &str, fields: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: www.example.org\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
