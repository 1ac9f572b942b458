//! Remote Desktop as far as the login, inside TLS: a server that learns who the user is, and a client that says it.
//!
//! The test below shows both.

mod client;
mod server;
mod wire;

pub use client::DesktopClient;
pub use server::{DesktopSeen, DesktopStage, DesktopTalk, LoginDesktop};
pub use wire::DesktopLogin;

#[cfg(test)]
mod tests {
    use super::super::Authority;
    use super::*;

    const HERE: [u8; 4] = [127, 0, 0, 1];

    #[test]
    fn who_logs_in_is_learned_and_what_is_said_on_a_channel_comes_back_on_it() {
        let authority = Authority::new();
        let usual = DesktopTalk::of("one", authority.server(&["one.example"]));
        let talk = DesktopTalk { io: 1500, first_channel: 1003, user: 1004, ..usual };
        let server = LoginDesktop::start(talk);
        let login = DesktopLogin { channels: 3, ..DesktopLogin::of("LAB", "bob") };
        let mut client =
            DesktopClient::login(&authority.client(), "one.example", HERE, server.address(), &login).unwrap();
        assert_eq!(client.greeting().unwrap(), "one LAB\\bob");
        assert_eq!((client.own_channels(), client.channels()), ([1500, 1004], &[1003, 1005, 1006][..]));
        assert_eq!(client.echo(1005, b"hello").unwrap(), b"hello");
        let fast_path = [4, 5, 1, 2, 3];
        assert_eq!(client.raw(&fast_path).unwrap(), fast_path);
        let seen = server.logins().remove(0);
        assert_eq!((seen.domain.as_str(), seen.user.as_str()), ("LAB", "bob"));
        assert_eq!(seen.password, "secret");
        assert_eq!(seen.joined, [1004, 1500, 1003, 1005, 1006]);
        assert_eq!(seen.blocks, [0xc001, 0xc004, 0xc002, 0xc003, 0xc006, 0xc00a]);
    }

    #[test]
    fn server_refuses_or_leaves_where_it_is_told_to() {
        let authority = Authority::new();
        let usual = DesktopTalk::of("one", authority.server(&["one.example"]));
        let login = |talk| {
            let server = LoginDesktop::start(talk);
            let (tls, login) = (authority.client(), DesktopLogin::of("", "bob"));
            let client = DesktopClient::login(&tls, "one.example", HERE, server.address(), &login);
            (client.and_then(|mut client| client.greeting()).is_err(), server.logins().len())
        };
        for (stage, logins) in [
            (DesktopStage::Request, 0),
            (DesktopStage::Initial, 0),
            (DesktopStage::Join, 0),
            (DesktopStage::Login, 1),
        ] {
            let talk = DesktopTalk { leaves: Some(stage), ..usual.clone() };
            assert_eq!(login(talk), (true, logins), "{stage:?}");
        }
        assert_eq!(login(DesktopTalk { answer: Err(5), ..usual }), (true, 0));
    }
}
