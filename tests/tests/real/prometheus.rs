//! Prometheus itself: it reads the page, and every expression of the dashboard and of the alerts has a result in it.

use std::path::Path;
use std::process::{Command, Stdio};

use sekisho_tests::{Authority, program, root, until};
use serde_json::Value;

use super::{Folder, Nginx, Running, Sekisho, run};

/// A Prometheus that reads a gateway each second, with the alerts that come with it.
struct Prometheus {
    address: &'static str,
    folder: Folder,
    _running: Running,
}

impl Prometheus {
    fn start(address: &'static str, gateway: &str) -> Self {
        let folder = Folder::new("prometheus");
        let rules = root().join("contrib/prometheus/sekisho-alerts.yml");
        let file = folder.write(
            "prometheus.yml",
            &format!(
                "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: ['{}']\n\
                 scrape_configs: [{{ job_name: sekisho, static_configs: [{{ targets: ['{gateway}'] }}] }}]\n",
                rules.display()
            ),
        );
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program("prometheus"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let running = Running::start(&mut command, address.parse().unwrap());
        // It listens before it answers queries.
        until("Prometheus is ready", || {
            let url = format!("http://{address}/-/ready");
            let arguments = ["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", &url];
            (run("curl", &arguments).stdout == b"200").then_some(())
        });
        Self { address, folder, _running: running }
    }

    fn get(&self, path: &str, parameters: &[&str]) -> Value {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let mut arguments = vec!["--silent", "--get", &url];
        for parameter in parameters {
            arguments.extend(["--data-urlencode", parameter]);
        }
        let answer: Value = serde_json::from_slice(&run("curl", &arguments).stdout).unwrap_or_default();
        let log = || self.folder.read("log");
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}\n{}", log());
        answer["data"].clone()
    }

    /// How many series the expression gives.
    fn ask(&self, expression: &str) -> usize {
        self.get("query", &[&format!("query={expression}")])["result"].as_array().map_or(0, Vec::len)
    }
}

/// The expressions of the dashboard, with its variables as they stand when somebody opens it.
fn dashboard() -> Vec<String> {
    let path = root().join("contrib/grafana/sekisho.json");
    let dashboard: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let open = |expression: String| {
        let variables = ["instance", "vip", "pool"].into_iter();
        let open = variables.fold(expression, |text, name| text.replace(&format!("${name}\""), ".*\""));
        open.replace("$__rate_interval", "1m")
    };
    expressions.map(open).collect()
}

#[test]
fn every_expression_of_the_dashboard_has_a_result_and_every_alert_is_evaluated() {
    let (listen, metrics) = ("127.0.4.66:7466", "127.0.4.66:7467");
    let www = [Nginx::start("www1", "127.0.4.66:7468"), Nginx::start("www2", "127.0.4.66:7469")];
    let folder = Folder::new("scraped");
    Authority::new().issue(&["www.example.org"], folder.path());
    let configuration = format!(
        "[gateway]\nmetrics = '{metrics}'\nmax-connections = 15000\naccess-log = '-'\n\
         [vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\npersist = ['source-ip']\n\
         [vip.secure]\nlisten = '127.0.4.66:7471'\nprotocol = 'http'\npool = 'web'\n\
         tls = {{ certificates = ['www.example.org.pem'] }}\n\
         [pool.web]\nservers = {{ www1 = '{}', www2 = '{}' }}\nprobe = {{ kind = 'http', path = '/', interval = '500ms' }}\n",
        www[0].address, www[1].address
    );
    let _sekisho = Sekisho::start_in(folder, &configuration, listen);
    let url = format!("http://{listen}/");
    let load = || assert!(run("curl", &["--silent", "--fail", &url, &url, &url]).status.success());
    load();
    let prometheus = Prometheus::start("127.0.4.66:7470", metrics);
    for expression in dashboard() {
        until(&format!("a result of {expression}"), || {
            load();
            (prometheus.ask(&expression) > 0).then_some(())
        });
    }
    until("every alert is evaluated", || {
        let groups = prometheus.get("rules", &[])["groups"].clone();
        let rules = groups.as_array()?.iter().flat_map(|group| group["rules"].as_array().unwrap());
        let states: Vec<_> = rules.map(|rule| (rule["health"].clone(), rule["state"].clone())).collect();
        let well = states.iter().all(|(health, state)| health == "ok" && state == "inactive");
        (well && states.len() > 10).then_some(())
    });
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let folder = root().join("contrib/prometheus");
    let promtool = |arguments: &[&str], stdin: Stdio| {
        let mut command = Command::new(program("promtool"));
        let output = command.args(arguments).current_dir(&folder).stdin(stdin).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&text));
    };
    promtool(&["check", "rules", "sekisho-alerts.yml"], Stdio::null());
    promtool(&["test", "rules", "sekisho-alerts-test.yml"], Stdio::null());
    // A page with one of everything.
    let page: &Path = &root().join("fixtures/metrics/prometheus.txt");
    promtool(&["check", "metrics"], std::fs::File::open(page).unwrap().into());
}
