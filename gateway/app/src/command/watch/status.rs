//! `sekisho status`: one look, and a verdict for whoever monitors.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use sekisho_config::Registry;
use serde::Serialize;
use serde_json::{Value, json};

use super::look;
use super::seen::{Pool, Pools, Server, Status, Vip, Vips};
use crate::cli::StatusOptions;
use crate::command::operator::peers::apart;
use crate::command::operator::{Client, clean, now, number, rows, socket, span, word};
use crate::failure::Failure;
use crate::table::Table;

/// How bad it is; the exit code is the number, as Nagios and its like have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Ok,
    Warning,
    Critical,
}

/// Something that somebody should look at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Problem {
    severity: Severity,
    what: String,
}

/// Everything that is looked at.
#[derive(Debug)]
struct Look {
    status: Status,
    vips: Vec<Vip>,
    pools: Vec<Pool>,
    certificates: Value,
    vrrp: Value,
    peers: Value,
    store: Value,
}

/// Prints the look. A gateway that does not answer is the worst that can be said, and exits like that.
pub(crate) fn run(
    options: &StatusOptions,
    registry: &Registry,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let client = Client::new(socket(&options.at, registry)?);
    let look = match Look::take(&client) {
        Ok(look) => look,
        Err(failure) => {
            failure.report(&mut io::stderr().lock());
            return Ok(ExitCode::from(Severity::Critical as u8));
        }
    };
    let problems = look.problems(now(), options.days);
    let verdict = verdict(&problems);
    if options.at.json {
        writeln!(out, "{}", look.json(verdict, &problems))?;
    } else {
        write!(out, "{}", look.text(verdict, &problems))?;
    }
    Ok(ExitCode::from(verdict as u8))
}

fn verdict(problems: &[Problem]) -> Severity {
    problems.iter().map(|problem| problem.severity).max().unwrap_or(Severity::Ok)
}

impl Look {
    fn take(client: &Client) -> Result<Self, Failure> {
        let (Vips { vips }, Pools { pools }) = (look(client, "/v1/vips")?, look(client, "/v1/pools")?);
        Ok(Self {
            status: look(client, "/v1/status")?,
            vips,
            pools,
            certificates: look(client, "/v1/certificates")?,
            vrrp: look(client, "/v1/vrrp")?,
            peers: look(client, "/v1/peers")?,
            store: look(client, "/v1/store")?,
        })
    }

    /// What is wrong, the worst first. `now` is in seconds since 1970.
    fn problems(&self, now: u64, days: u32) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut add = |severity, what: String| found.push(Problem { severity, what });
        for pool in &self.pools {
            let name = clean(&pool.name);
            if !pool.servers.iter().any(Server::serves) {
                add(Severity::Critical, format!("pool {name} has no server for new clients"));
            }
            for server in &pool.servers {
                let at = format!("server {name}/{}", clean(&server.name));
                if server.failed() {
                    let why = server.complaint().map(|why| format!(": {}", clean(why))).unwrap_or_default();
                    add(Severity::Warning, format!("{at} is {}{why}", clean(&server.state)));
                }
                if let Some((severity, when)) =
                    server.certificate_expires.and_then(|at| expiry(at, now, days))
                {
                    // Clients are served as long as the gateway does not look at it: the probe says so if it does.
                    add(severity.min(Severity::Warning), format!("{at}: its certificate {when}"));
                }
            }
            if pool.queued > 0 {
                add(Severity::Warning, format!("pool {name} is full: {} wait", pool.queued));
            }
        }
        for row in rows(&self.certificates, "certificates") {
            let expires = row.get("expires").and_then(Value::as_f64).unwrap_or(0.0);
            if let Some((severity, when)) = expiry(expires as u64, now, days) {
                let (vip, name) = (word(row, "vip"), word(row, "name"));
                add(severity, format!("VIP {vip}: the certificate of {name} {when}"));
            }
        }
        for row in rows(&self.vrrp, "tables") {
            let name = word(row, "name");
            for lack in rows(row, "unfit").filter_map(Value::as_str) {
                add(Severity::Warning, format!("vrrp {name}: {}", clean(lack)));
            }
            if row.get("addresses_differ").and_then(Value::as_bool) == Some(true) {
                add(Severity::Warning, format!("vrrp {name}: the partner advertises other addresses"));
            }
        }
        for row in rows(&self.peers, "peers") {
            let name = word(row, "name");
            if row.get("up").and_then(Value::as_bool) == Some(false) {
                let why = row.get("error").and_then(Value::as_str).map(|why| format!(": {}", clean(why)));
                add(Severity::Warning, format!("peer {name} is gone{}", why.unwrap_or_default()));
            }
            for differing in rows(row, "differing").filter_map(Value::as_str) {
                add(Severity::Warning, format!("peer {name}: {} differs there", clean(differing)));
            }
            if let Some(apart) = apart(row) {
                add(Severity::Warning, format!("peer {name}: {apart}"));
            }
            for there in rows(row, "tables").filter(|there| there.get("alike") == Some(&Value::Bool(false))) {
                let domain = word(there, "domain");
                let here = rows(&self.peers, "tables").find(|here| word(here, "domain") == domain);
                let (there, here) =
                    (number(there, "entries"), here.map_or(0, |here| number(here, "entries")));
                if there.abs_diff(here) > FEW + there.max(here) / SHARE {
                    let what =
                        format!("peer {name}: table {domain} has {there} entries there and {here} here");
                    add(Severity::Warning, what);
                }
            }
        }
        if let Some(store) = self.store() {
            let (address, why) = (word(store, "address"), store.get("error").and_then(Value::as_str));
            let why = why.map(|why| format!(": {}", clean(why)));
            match store.get("up").and_then(Value::as_bool) {
                Some(false) => {
                    let what = format!("store {address} is not reached{}", why.unwrap_or_default());
                    add(Severity::Warning, what);
                }
                // It is there, and does not take everything.
                _ => why.into_iter().for_each(|why| add(Severity::Warning, format!("store {address}{why}"))),
            }
        }
        // Those that are alike keep their order.
        found.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
        found
    }

    fn json(&self, verdict: Severity, problems: &[Problem]) -> Value {
        json!({
            "verdict": verdict, "problems": problems, "status": self.status, "vips": self.vips,
            "pools": self.pools, "certificates": self.certificates.get("certificates"),
            "vrrp": self.vrrp.get("tables"), "peers": self.peers.get("peers"),
            "store": self.store.get("store"),
        })
    }

    /// The store in which gateways share what clients they know, if there is one.
    fn store(&self) -> Option<&Value> {
        self.store.get("store").filter(|store| store.is_object())
    }

    fn text(&self, verdict: Severity, problems: &[Problem]) -> String {
        let servers = || self.pools.iter().flat_map(|pool| &pool.servers);
        let (serving, all) = (servers().filter(|server| server.serves()).count(), servers().count());
        let word = match verdict {
            Severity::Ok => "OK",
            Severity::Warning => "WARNING",
            Severity::Critical => "CRITICAL",
        };
        let Status { version, pid, uptime_seconds, epoch, file, changes, connections, .. } = &self.status;
        let mut text = format!("sekisho {word}: {serving} of {all} servers take new clients");
        // Writing to a string cannot fail.
        if let Some(first) = problems.first() {
            _ = write!(text, "; {}", first.what);
        }
        let up = span(*uptime_seconds as u64);
        _ = write!(
            text,
            "\n\nversion {}, process {pid}, up {up}, {connections} connections\n",
            clean(version)
        );
        _ = write!(text, "configuration {epoch}, of {}", clean(file));
        _ = match changes {
            0 => writeln!(text),
            1 => writeln!(text, ", and 1 change beside it"),
            changes => writeln!(text, ", and {changes} changes beside it"),
        };
        _ = write!(text, "\n{}\n{}", self.vips(), self.pools());
        self.nodes(&mut text);
        if !problems.is_empty() {
            text.push('\n');
        }
        for Problem { severity, what } in problems {
            let word = if *severity == Severity::Critical { "critical" } else { "warning" };
            _ = writeln!(text, "{word}: {what}");
        }
        text
    }

    fn vips(&self) -> Table<6> {
        let mut table = Table::new(["VIP", "protocol", "listens at", "pools", "connections", "served"]);
        for vip in &self.vips {
            table.row([
                clean(&vip.name),
                clean(&vip.protocol),
                clean(&vip.listen.join(", ")),
                clean(&vip.pools.join(", ")),
                vip.connections.to_string(),
                vip.served.to_string(),
            ]);
        }
        table
    }

    fn pools(&self) -> Table<5> {
        let mut table = Table::new(["pool", "method", "servers", "connections", "others"]);
        for pool in &self.pools {
            let (serving, others): (Vec<_>, Vec<_>) = pool.servers.iter().partition(|server| server.serves());
            let other = |server: &&Server| format!("{} {}", clean(&server.name), clean(&server.state));
            let more = others.len().saturating_sub(NAMED);
            let mut named: Vec<String> = others.iter().take(NAMED).map(other).collect();
            if more > 0 {
                named.push(format!("{more} more"));
            }
            table.row([
                clean(&pool.name),
                clean(&pool.method),
                format!("{} of {}", serving.len(), pool.servers.len()),
                pool.servers.iter().map(|server| server.active).sum::<u64>().to_string(),
                named.join(", "),
            ]);
        }
        table
    }

    /// A line for each address that moves, for each peer, and for the store.
    fn nodes(&self, text: &mut String) {
        let mut lines = Vec::new();
        for row in rows(&self.vrrp, "tables") {
            let seconds = row.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
            lines.push(format!(
                "vrrp {}: {} for {}",
                word(row, "name"),
                word(row, "state"),
                span(seconds as u64)
            ));
        }
        for row in rows(&self.peers, "peers") {
            let up = row.get("up").and_then(Value::as_bool) == Some(true);
            let (name, state) = (word(row, "name"), if up { "up" } else { "gone" });
            let (sent, learned) = (number(row, "sent"), number(row, "learned"));
            let lag = lag(row);
            lines.push(format!("peer {name}: {state}{lag}, {sent} changes sent, {learned} learned"));
        }
        if let Some(row) = self.store() {
            let up = row.get("up").and_then(Value::as_bool) == Some(true);
            let (address, state) = (word(row, "address"), if up { "up" } else { "gone" });
            let (written, learned, lag) = (number(row, "written"), number(row, "learned"), lag(row));
            lines
                .push(format!("store {address}: {state}{lag}, {written} changes written, {learned} learned"));
        }
        if !lines.is_empty() {
            _ = write!(text, "\n{}\n", lines.join("\n"));
        }
    }
}

/// How late what is known here is known there, where that is worth a word.
fn lag(row: &Value) -> String {
    match row.get("lag_seconds").and_then(Value::as_f64) {
        Some(lag) if lag >= 1.0 => format!(", {} behind", span(lag as u64)),
        _ => String::new(),
    }
}

/// Servers of a pool that are named although they do not serve.
const NAMED: usize = 4;

/// Entries, and one part of a table in so many, that may be on their way to another node.
const FEW: u64 = 10;
const SHARE: u64 = 10;

/// How bad the end of a certificate is.
fn expiry(at: u64, now: u64, days: u32) -> Option<(Severity, String)> {
    match at.checked_sub(now) {
        None | Some(0) => Some((Severity::Critical, "has expired".to_owned())),
        Some(left) if left < u64::from(days) * 86_400 => {
            Some((Severity::Warning, format!("expires in {}", span(left))))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(states: &[&str]) -> Look {
        let server = |(index, state): (usize, &&str)| {
            let error = (*state == "down").then_some("re\u{1b}fused");
            json!({ "name": format!("m{}", index + 1), "address": "10.0.0.31:143", "state": state, "active": 4,
                    "last_probe": { "ok": error.is_none(), "seconds_ago": 1.0, "error": error } })
        };
        let servers: Vec<Value> = states.iter().enumerate().map(server).collect();
        let pools =
            json!({ "pools": [{ "name": "mail", "method": "least-connections", "servers": servers }] });
        let vips = json!({ "vips": [{ "name": "imap", "protocol": "imap", "listen": ["192.0.2.1:143"],
                                      "pools": ["mail"], "connections": 9, "served": 70 }] });
        let Vips { vips } = serde_json::from_value(vips).unwrap();
        let Pools { pools } = serde_json::from_value(pools).unwrap();
        let status = Status {
            version: "0.1.0".to_owned(),
            pid: 7,
            uptime_seconds: 7300.0,
            epoch: 3,
            file: "gateway.toml".to_owned(),
            changes: 1,
            connections: 9,
            ..Status::default()
        };
        Look {
            status,
            vips,
            pools,
            certificates: Value::Null,
            vrrp: json!({ "tables": [{ "name": "web", "state": "active", "seconds": 90.0, "unfit": [] }] }),
            peers: Value::Null,
            store: json!({ "store": null }),
        }
    }

    #[test]
    fn one_look_says_the_verdict_first_and_the_reasons_last() {
        let look = look(&["up", "down", "draining"]);
        let problems = look.problems(0, 14);
        let expected = "\
sekisho WARNING: 1 of 3 servers take new clients; server mail/m2 is down: re\u{fffd}fused

version 0.1.0, process 7, up 2 h, 9 connections
configuration 3, of gateway.toml, and 1 change beside it

  VIP   protocol  listens at     pools  connections  served
  ----  --------  -------------  -----  -----------  ------
  imap  imap      192.0.2.1:143  mail   9            70

  pool  method             servers  connections  others
  ----  -----------------  -------  -----------  --------------------
  mail  least-connections  1 of 3   12           m2 down, m3 draining

vrrp web: active for 1 m

warning: server mail/m2 is down: re\u{fffd}fused
";
        assert_eq!(look.text(verdict(&problems), &problems), expected);
    }

    #[test]
    fn what_an_operator_wants_is_no_problem_until_nobody_is_left() {
        assert_eq!(look(&["up", "maintenance", "draining"]).problems(0, 14), []);
        let problems = look(&["maintenance", "draining"]).problems(0, 14);
        assert_eq!(verdict(&problems), Severity::Critical);
        assert!(problems[0].what.contains("no server for new clients"), "{problems:?}");
    }

    #[test]
    fn certificates_warn_before_they_expire_and_are_critical_afterwards() {
        let mut look = look(&["up"]);
        look.certificates =
            json!({ "certificates": [{ "vip": "web", "name": "www.example.org", "expires": 1_000_000.5 }] });
        let at = |now, days| verdict(&look.problems(now, days));
        let day = 86_400;
        assert_eq!(at(1_000_000 - 5 * day, 4), Severity::Ok);
        assert_eq!(at(1_000_000 - 5 * day, 6), Severity::Warning);
        assert_eq!(at(1_000_000, 6), Severity::Critical);
    }

    #[test]
    fn store_has_a_line_and_is_a_warning_while_it_is_not_reached_or_takes_not_everything() {
        let mut look = look(&["up"]);
        let with = |up: bool, error: Value| {
            json!({ "store": { "address": "store:6379", "up": up, "lag_seconds": 75.2, "written": 5,
                               "learned": 6, "error": error } })
        };
        look.store = with(true, Value::Null);
        assert_eq!(look.problems(0, 14), []);
        let text = look.text(Severity::Ok, &[]);
        assert!(
            text.contains("\nstore store:6379: up, 1 m behind, 5 changes written, 6 learned\n"),
            "{text}"
        );
        let mut said = |up, error| {
            look.store = with(up, error);
            let mut problems = look.problems(0, 14);
            assert_eq!((problems.len(), verdict(&problems)), (1, Severity::Warning));
            problems.remove(0).what
        };
        assert_eq!(said(false, json!("refused")), "store store:6379 is not reached: refused");
        assert_eq!(said(true, json!("no memory")), "store store:6379: no memory");
    }

    #[test]
    fn peer_that_is_gone_and_an_unfit_node_are_warnings() {
        let mut look = look(&["up"]);
        look.peers = json!({ "peers": [{ "name": "gw2", "up": false, "error": "it does not answer",
                                         "differing": ["secret"], "clock_ahead_seconds": 7_200.0,
                                         "tables": [{ "domain": "default", "entries": 20, "alike": false },
                                                    { "domain": "mail", "entries": 5, "alike": false },
                                                    { "domain": "web", "entries": 900, "alike": true }] }],
                              "tables": [{ "domain": "default", "entries": 400 }, { "domain": "mail", "entries": 0 }] });
        look.vrrp = json!({ "tables": [{ "name": "web", "unfit": ["pool `web` has no usable server"] }] });
        let problems = look.problems(0, 14);
        let said: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert_eq!(
            said,
            [
                "vrrp web: pool `web` has no usable server",
                "peer gw2 is gone: it does not answer",
                "peer gw2: secret differs there",
                "peer gw2: its clock is 2 h ahead",
                "peer gw2: table default has 20 entries there and 400 here",
            ]
        );
        assert_eq!(verdict(&problems), Severity::Warning);
    }
}
