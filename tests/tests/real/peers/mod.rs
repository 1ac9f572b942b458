//! What clients are known goes from node to node.

mod haproxy;
mod nodes;

use super::{Folder, Nginx, Sekisho, run, until};

/// A node whose VIPs keep clients by cookie, by user and by address.
struct Node {
    host: String,
    configuration: String,
    sekisho: Option<Sekisho>,
}

/// The VIPs' ports.
const COOKIE: u16 = 7410;
const USER: u16 = 7411;
const SOURCE: u16 = 7412;
const METRICS: u16 = 7413;
const PEERS: u16 = 7414;

impl Node {
    /// A node of this name and host among these others; `more` is of `[peers]`.
    fn new(name: &str, host: &str, nodes: &str, secret: &str, servers: &[Nginx], more: &str) -> Self {
        let list: Vec<String> = servers.iter().map(|s| format!("{} = '{}'", s.name, s.address)).collect();
        let vip = |vip: &str, port: u16, persist: &str| {
            format!(
                "[vip.{vip}]\nlisten = '{host}:{port}'\nprotocol = 'http'\npool = 'web'\npersist = ['{persist}']\n\
                 http = {{ user-from = ['header:X-User'] }}\n"
            )
        };
        let configuration = format!(
            "[gateway]\nlog = 'info'\nsecret-file = '{secret}'\nmetrics = '{host}:{METRICS}'\n{}{}{}\
             [pool.web]\nservers = {{ {} }}\n\
             [peers]\nname = '{name}'\nlisten = '{host}:{PEERS}'\nnodes = {{ {nodes} }}\n{more}",
            vip("cookie", COOKIE, "cookie"),
            vip("user", USER, "user"),
            vip("source", SOURCE, "source-ip"),
            list.join(", "),
        );
        let mut node = Self { host: host.to_owned(), configuration, sekisho: None };
        node.start();
        node
    }

    fn start(&mut self) {
        let listens = format!("{}:{USER}", self.host);
        self.sekisho = Some(Sekisho::start(&format!("peers-{}", self.host), &self.configuration, &listens));
    }

    fn kill(&mut self) {
        self.sekisho = None;
    }

    fn log(&self) -> String {
        self.sekisho.as_ref().map(Sekisho::log).unwrap_or_default()
    }

    /// The number behind the beginning of a line of the metrics.
    fn metric(&self, line: &str) -> Option<f64> {
        let url = format!("http://{}:{METRICS}/metrics", self.host);
        let page = String::from_utf8(run("curl", &["--silent", &url]).stdout).unwrap();
        page.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok())
    }

    fn is_joined(&self, peer: &str) {
        let line = format!("sekisho_peer_up{{peer=\"{peer}\"}}");
        until(&format!("{line} at {}", self.host), || (self.metric(&line)? > 0.5).then_some(()));
    }

    /// The number of entries that it knows.
    fn knows(&self, entries: usize) {
        let line = "sekisho_peer_table_entries{domain=\"default\"}";
        until(&format!("{entries} entries at {}", self.host), || {
            (self.metric(line)? as usize == entries).then_some(())
        });
    }

    /// The server that answers a user.
    fn user(&self, name: &str) -> String {
        curl(&["--header", &format!("X-User: {name}"), &format!("http://{}:{USER}/", self.host)])
    }
}

fn curl(arguments: &[&str]) -> String {
    let mut words = vec!["--silent", "--show-error", "--fail", "--max-time", "10"];
    words.extend(arguments);
    let output = run("curl", &words);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn servers(host: &str) -> Vec<Nginx> {
    [("www1", 7401), ("www2", 7402), ("www3", 7403)]
        .map(|(name, port)| Nginx::start(name, &format!("{host}:{port}")))
        .into()
}

/// The secret of all nodes.
fn secret(folder: &Folder, text: &str) -> String {
    folder.write("secret", text).display().to_string()
}
