//! What scenes put on the stage before the gateway starts: servers, and the configuration in front of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::DemoError;
use super::sample::{Kind, Sample};
use super::stage::SECRET;

/// The sample servers so far, and the configuration that balances onto them.
#[derive(Debug, Default)]
pub(super) struct Setup {
    samples: BTreeMap<String, Sample>,
    vips: String,
    pools: String,
}

impl Setup {
    /// A VIP: the lines of its table. It listens on a free port.
    pub(super) fn vip(&mut self, name: &str, lines: &str) {
        // Writing to a string cannot fail.
        _ = writeln!(self.vips, "[vip.{name}]\nlisten   = [\"127.0.0.1:0\"]\n{}\n", lines.trim());
    }

    /// A pool with a sample server for each of these names, probed several times a second so that nobody waits.
    pub(super) fn pool(
        &mut self,
        name: &str,
        method: &str,
        kind: Kind,
        servers: &[&str],
    ) -> Result<(), DemoError> {
        let mut entries = Vec::with_capacity(servers.len());
        for &server in servers {
            let sample = Sample::start(server, kind)?;
            entries.push(format!("{server} = \"{}\"", sample.address()));
            self.samples.insert(server.to_owned(), sample);
        }
        let probe = match kind {
            Kind::Website => "kind = \"http\", path = \"/healthz\"",
            Kind::Lines => "kind = \"tcp\"",
            Kind::Desktops => "kind = \"rdp\"",
            Kind::Mailboxes => "kind = \"imap\"",
            Kind::Names => "kind = \"dns\"",
        };
        let servers = entries.join(", ");
        _ = writeln!(
            self.pools,
            "[pool.{name}]\nmethod  = \"{method}\"\nservers = {{ {servers} }}\nprobe   = {{ {probe}, \
             interval = \"250ms\", fast-interval = \"100ms\", timeout = \"1s\", fall = 1, rise = 1 }}\n"
        );
        Ok(())
    }

    /// The configuration, and the servers that it names.
    pub(super) fn finish(self) -> (String, BTreeMap<String, Sample>) {
        let text = format!("[gateway]\nsecret-file = \"{SECRET}\"\n\n{}{}", self.vips, self.pools);
        (text.trim_end().to_owned() + "\n", self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_names_every_server_that_was_started() {
        let mut setup = Setup::default();
        setup.vip("web", "protocol = \"http\"\npool     = \"web\"");
        setup.pool("web", "round-robin", Kind::Website, &["www1", "www2"]).unwrap();
        let (text, samples) = setup.finish();
        assert!(
            text.contains("\n\n[vip.web]\nlisten   = [\"127.0.0.1:0\"]\nprotocol = \"http\"\n"),
            "{text}"
        );
        for (name, sample) in samples {
            assert!(text.contains(&format!("{name} = \"{}\"", sample.address())), "{text}");
        }
    }
}
