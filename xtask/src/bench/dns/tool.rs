//! dnsperf and h2load: they ask as fast as they are answered.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::super::client::Target;
use super::super::places::Front;
use super::super::subject::peer;
use super::super::{Outcome, failed};
use super::{Answers, Ground, Over};

impl Ground {
    /// Asks for this long, with `clients` sockets or connections.
    pub(crate) async fn ask(
        &self,
        over: Over,
        target: &Target,
        clients: usize,
        window: Duration,
    ) -> Outcome<Answers> {
        let mut command = match over {
            Over::Https => self.h2load(target, clients, window)?,
            _ => self.dnsperf(over, target, clients, window)?,
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (cpus, name) = (self.cpus, command.get_program().display().to_string());
        let run = move || cpus.everywhere(|| command.spawn())?.wait_with_output();
        let output = tokio::task::spawn_blocking(run).await.map_err(failed("a thread"))?;
        let output = output.map_err(failed(format!("cannot run {name}")))?;
        let report = String::from_utf8_lossy(&output.stdout);
        let answers = match over {
            Over::Https => Answers::of_h2load(&report),
            _ => Answers::of_dnsperf(&report),
        };
        answers.filter(|answers| answers.answered > 0).ok_or_else(|| {
            format!("{name} was not answered:\n{report}{}", String::from_utf8_lossy(&output.stderr))
        })
    }

    fn dnsperf(&self, over: Over, target: &Target, clients: usize, window: Duration) -> Outcome<Command> {
        let (mode, front) = match over {
            Over::Tcp => ("tcp", Front::Dns),
            Over::Tls => ("dot", Front::Dot),
            Over::UdpCached => ("udp", Front::DnsCached),
            Over::Udp | Over::Https => ("udp", Front::Dns),
        };
        let mut command = Command::new(peer("dnsperf")?);
        command.args(["-m", mode, "-t", "1", "-q", OUTSTANDING, "-c", &clients.to_string()]);
        command.args(["-s", &target.address.to_string(), "-p", &front.port().to_string()]);
        command.args(["-l", &format!("{:.3}", window.as_secs_f64())]).arg("-d").arg(&self.questions);
        Ok(command)
    }

    fn h2load(&self, target: &Target, clients: usize, window: Duration) -> Outcome<Command> {
        let mut command = Command::new(peer("h2load")?);
        command.args(["-D", &format!("{}ms", window.as_millis()), "-c", &clients.to_string(), "-m", "10"]);
        command.args(["-H", "content-type: application/dns-message"]).arg("-d").arg(&self.body);
        command.arg(format!("https://{}/dns-query", target.at(Front::Doh)));
        Ok(command)
    }
}

/// Questions that dnsperf has under way, over all its sockets.
const OUTSTANDING: &str = "100";
