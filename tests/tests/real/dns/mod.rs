//! Knot, NSD and BIND behind the gateway; dig, kdig, nsupdate and dnsperf in front of it.

mod failure;
mod relay;
mod server;
mod spread;
mod sticky;
mod towards;

use std::net::SocketAddr;

use rustix::process::Signal;
use server::{Program, Server, ZONE};

use super::{Folder, Sekisho, run};

/// What carries a question, as dig and kdig are told.
const TRANSPORTS: [&str; 4] = ["+notcp", "+tcp", "+tls", "+https"];

/// A VIP for DNS before these servers.
fn resolvers(listen: &str, servers: &[Server], vip: &str, pool: &str) -> String {
    format!(
        "[gateway]\nlog = 'info'\nworkers = 2\n[vip.dns]\nlisten = '{listen}'\nprotocol = 'dns'\npool = 'resolvers'\n\
         {vip}\n{}",
        resolvers_pool(servers, pool)
    )
}

/// The pool, probed often.
fn resolvers_pool(servers: &[Server], pool: &str) -> String {
    let list: Vec<String> = servers.iter().map(|s| format!("{} = '{}'", s.name, s.address)).collect();
    format!(
        "[pool.resolvers]\nservers = {{ {} }}\nprobe = {{ kind = 'dns', name = '{ZONE}.', type = 'SOA', \
         interval = '500ms', fast-interval = '200ms', timeout = '500ms' }}\n{pool}\n",
        list.join(", ")
    )
}

/// Asks with dig or kdig for the TXT of these names, one after the other, each from a socket of its own: the names of
/// the servers that answered.
fn ask(tool: &str, at: SocketAddr, options: &[&str], names: &[String]) -> Vec<String> {
    let (host, port) = (format!("@{}", at.ip()), at.port().to_string());
    let mut arguments = vec![host.as_str(), "-p", &port];
    arguments.extend(options);
    // Behind `+short`, so that it holds for all questions.
    arguments.push("+short");
    for name in names {
        arguments.extend([name.as_str(), "TXT"]);
    }
    let output = run(tool, &arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{tool} {arguments:?}: {output:?}");
    let answers: Vec<String> = text.lines().map(|line| line.trim_matches('"').to_owned()).collect();
    assert_eq!(answers.len(), names.len(), "{tool} {arguments:?}: {text}");
    answers
}

/// So many different names that name the server which answers.
fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("n{number}.whoami.{ZONE}")).collect()
}

/// What dig or kdig prints of one question.
fn whole(tool: &str, at: SocketAddr, options: &[&str]) -> String {
    let (host, port) = (format!("@{}", at.ip()), at.port().to_string());
    let mut arguments = vec![host.as_str(), "-p", &port];
    arguments.extend(options);
    let output = run(tool, &arguments);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
