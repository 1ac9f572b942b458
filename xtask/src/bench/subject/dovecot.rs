//! Dovecot's login proxy, as busy sites set it up: one login process that serves all connections.

use std::process::Command;

use rustix::process::getuid;

use super::super::load::Work;
use super::super::places::{Front, SERVERS};
use super::super::{Outcome, scratch};
use super::{Site, Subject, ask, peer};

/// Dovecot, which knows from a user's name where the user is.
#[derive(Debug)]
pub(super) struct Dovecot;

impl Subject for Dovecot {
    fn name(&self) -> &'static str {
        "dovecot"
    }

    fn version(&self) -> Outcome<String> {
        let text = ask(&peer("dovecot")?, "--version")?;
        Ok(format!("Dovecot {}", text.split_whitespace().next().unwrap_or_default()))
    }

    fn takes(&self, work: Work) -> bool {
        work.front().is_mail()
    }

    fn command(&self, site: &Site<'_>) -> Outcome<Command> {
        let file = site.folder.join("dovecot.conf");
        scratch::write(&file, &configuration(site)?)?;
        let mut command = Command::new(peer("dovecot")?);
        command.arg("-F").arg("-c").arg(file);
        Ok(command)
    }
}

/// Where a user is follows from a hash of the name: what an administrator without a database would write. It logs each
/// login, which nothing turns off; the lines go nowhere.
fn configuration(site: &Site<'_>) -> Outcome<String> {
    let (address, pem, folder) = (site.address, site.pem.display(), site.folder.display());
    let [first, second] = SERVERS.map(|server| server.imap.ip());
    let port = SERVERS.first().map_or(0, |server| server.imap.port());
    Ok(format!(
        "base_dir = {folder}/run
state_dir = {folder}/state
log_path = /dev/stderr
info_log_path = /dev/null
protocols = imap
listen = {address}
ssl = yes
ssl_cert = <{pem}
ssl_key = <{pem}
disable_plaintext_auth = no
auth_mechanisms = plain
{own}passdb {{
  driver = static
  args = proxy=y nopassword=y port={port} host=%{{if;%1.2Nu;eq;0;{first};{second}}}
}}
service anvil {{
  {unchanged}
}}
service imap-login {{
  {unchanged}
  service_count = 0
  process_min_avail = 1
  process_limit = 1
  client_limit = {most}
  vsz_limit = 2 G
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
",
        own = unprivileged()?,
        // Only root can change a process's root.
        unchanged = if getuid().is_root() { "" } else { "chroot =" },
        most = 2 * site.connections,
        imap = Front::Imap.port(),
        imaps = Front::Imaps.port(),
    ))
}

/// Dovecot leaves root's rights to users of its own; run by somebody else, it is that user throughout.
fn unprivileged() -> Outcome<String> {
    if getuid().is_root() {
        return Ok(String::new());
    }
    let id = |option: &str| Ok::<_, String>(ask(&peer("id")?, option)?.trim().to_owned());
    let (name, group) = (id("-un")?, id("-gn")?);
    Ok(format!(
        "default_internal_user = {name}\ndefault_internal_group = {group}\ndefault_login_user = {name}\n"
    ))
}
