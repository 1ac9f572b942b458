//! The one list of the protocols that the `sekisho` command is built with.

use sekisho_config::Registry;

/// The protocols of the `sekisho` command, one line each.
pub fn builtin() -> Registry {
    Registry::new()
        .with(sekisho_dns::Dns::new())
        .with(sekisho_http::Http::new())
        .with(sekisho_imap::Imap)
        .with(sekisho_rdp::Rdp)
        .with(sekisho_tcp::Tcp)
        .with(sekisho_udp::Udp)
        .with(sekisho_managesieve::ManageSieve)
        .with(sekisho_pop3::Pop3)
        .with(sekisho_sni::Sni)
        .with(sekisho_submission::Submission)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_protocol_of_the_command_is_registered_once() {
        let registry = super::builtin();
        let names: Vec<&str> = registry.protocols().iter().map(|p| p.descriptor().name).collect();
        let plugins = ["managesieve", "pop3", "sni", "submission"];
        assert_eq!(names, [&["dns", "http", "imap", "rdp", "tcp", "udp"], &plugins[..]].concat());
    }
}
