//! The page of metrics, read by Prometheus' own reader.

use std::process::{Command, Stdio};

use sekisho_tests::until;

use super::{Nginx, Sekisho, run};

/// Debian's: another one on the path would not see Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// Reads the page in the form of `argv[2]` and prints each number, by its name and labels.
const READER: &str = "
import sys, urllib.request
from prometheus_client import parser
from prometheus_client.openmetrics import parser as strict
url, form = sys.argv[1:]
read, accept = {
    'prometheus': (parser, 'text/plain'),
    'openmetrics': (strict, 'application/openmetrics-text; version=1.0.0'),
}[form]
answer = urllib.request.urlopen(urllib.request.Request(url, headers={'Accept': accept}))
assert answer.headers['Content-Type'].startswith(accept.split(';')[0]), answer.headers
for family in read.text_string_to_metric_families(answer.read().decode()):
    assert family.documentation, family
    for sample in family.samples:
        labels = ','.join(sorted(f'{name}={value}' for name, value in sample.labels.items()))
        assert (family.type == 'counter') == sample.name.endswith('_total'), family
        print(sample.name, labels, float(sample.value))
";

/// The numbers that the reader finds, a line each, sorted.
fn read(url: &str, form: &str) -> Vec<String> {
    let mut command = Command::new(PYTHON);
    let output = command.args(["-c", READER, url, form]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{form}: {}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> =
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn readers_of_prometheus_find_the_same_numbers_in_both_forms() {
    let listen = "127.0.4.61:7460";
    let www = Nginx::start("www1", "127.0.4.61:7461");
    let configuration = format!(
        "[gateway]\nmetrics = '127.0.4.61:7462'\nmax-connections = 15000\n\
         [vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\npersist = ['source-ip']\n\
         [vip.names]\nlisten = '127.0.4.61:7463'\nprotocol = 'dns'\npool = 'names'\n\
         [pool.web]\nservers = {{ www1 = '{}' }}\n\
         [pool.names]\nservers = {{ none = '127.0.4.61:7464' }}\ndns = {{ cache = '4 MiB' }}\n",
        www.address
    );
    let _sekisho = Sekisho::start("metrics", &configuration, listen);
    let url = format!("http://{listen}/");
    for _ in 0..5 {
        assert!(run("curl", &["--silent", "--fail", &url]).status.success());
    }
    let metrics = "http://127.0.4.61:7462/metrics";
    let served = "sekisho_vip_served_total vip=web 5.0";
    until(served, || read(metrics, "prometheus").iter().any(|line| line == served).then_some(()));
    let given = |form: &str| {
        // What the process uses changes from one reading to the next.
        let stays = |line: &String| !line.starts_with("process_") && !line.contains("_uptime_");
        read(metrics, form).into_iter().filter(stays).collect::<Vec<_>>()
    };
    let (plain, open) = (given("prometheus"), given("openmetrics"));
    assert_eq!(plain, open);
    assert!(plain.len() > 100, "{plain:?}");
    for line in [
        "sekisho_server_served_total pool=web,server=www1 5.0",
        "sekisho_persistence_entries domain=default 1.0",
        "sekisho_dns_cache_entries pool=names 0.0",
        "sekisho_vip_asked_total vip=names 0.0",
    ] {
        assert!(plain.iter().any(|found| found == line), "{line}: {plain:#?}");
    }
}
