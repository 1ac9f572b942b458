//! What a server says that it can.

use std::net::SocketAddr;

use crate::Mechanism;

/// What a server says that it can, as far as it decides how somebody is logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerAbilities {
    /// Mechanisms that the gateway knows as well.
    pub mechanisms: Vec<Mechanism>,
    /// A user and a password are taken as commands.
    pub passwords: bool,
    /// What it takes from this gateway about a client.
    pub xclient: Option<XClient>,
}

impl ServerAbilities {
    /// Adds mechanisms: names with spaces between them.
    pub fn add_mechanisms(&mut self, names: &[u8]) {
        for mechanism in names.split(|&byte| byte == b' ').filter_map(Mechanism::named_by_server) {
            if !self.mechanisms.contains(&mechanism) {
                self.mechanisms.push(mechanism);
            }
        }
    }
}

/// What a server takes from a proxy about a client: the attributes of XCLIENT, first seen in Postfix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XClient {
    name: bool,
    port: bool,
    session: bool,
    ttl: bool,
}

impl XClient {
    /// What Dovecot takes where it does not list it.
    pub const DOVECOT: Self = Self { name: false, port: true, session: true, ttl: true };

    /// Reads names with spaces between them; `None` without the one that matters, the address.
    pub fn read(names: &[u8]) -> Option<Self> {
        let has = |name: &str| {
            names.split(|&byte| byte == b' ').any(|word| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        has("ADDR").then(|| Self {
            name: has("NAME"),
            port: has("PORT"),
            session: has("SESSION"),
            ttl: has("TTL"),
        })
    }

    /// The command that tells a client's address; `ipv6` stands before one of IPv6.
    pub(crate) fn command(self, client: SocketAddr, id: u64, ipv6: &str) -> String {
        let address = client.ip().to_canonical();
        let ipv6 = if address.is_ipv6() { ipv6 } else { "" };
        let mut command = format!("XCLIENT ADDR={ipv6}{address}");
        if self.port {
            command += &format!(" PORT={}", client.port());
        }
        if self.name {
            // Else the server goes on believing that the client has the gateway's name.
            command += " NAME=[UNAVAILABLE]";
        }
        if self.session {
            command += &format!(" SESSION={id:016x}");
        }
        if self.ttl {
            command += " TTL=5";
        }
        command + "\r\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_told_as_the_server_wants_it() {
        let v4 = ([192, 0, 2, 1], 5000).into();
        let postfix = XClient::read(b"NAME addr PROTO HELO").unwrap();
        assert_eq!(postfix.command(v4, 7, "IPV6:"), "XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]\r\n");
        let v6 = "[2001:db8::1]:5000".parse().unwrap();
        let told = "XCLIENT ADDR=2001:db8::1 PORT=5000 SESSION=00000000000000ff TTL=5\r\n";
        assert_eq!(XClient::DOVECOT.command(v6, 255, ""), told);
        assert!(postfix.command(v6, 7, "IPV6:").starts_with("XCLIENT ADDR=IPV6:2001:db8::1 "));
        let mapped = "[::ffff:192.0.2.1]:5000".parse().unwrap();
        assert_eq!(postfix.command(mapped, 7, "IPV6:"), postfix.command(v4, 7, ""));
        assert_eq!(XClient::read(b"NAME HELO"), None);
    }

    #[test]
    fn mechanisms_that_nobody_here_knows_are_left_out() {
        let mut abilities = ServerAbilities::default();
        abilities.add_mechanisms(b"GSSAPI plain  LOGIN PLAIN external");
        assert_eq!(abilities.mechanisms, [Mechanism::Plain, Mechanism::Login, Mechanism::External]);
    }
}
