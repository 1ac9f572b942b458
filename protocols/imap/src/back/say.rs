//! How somebody is logged in to a server, in the server's own terms.

use zeroize::Zeroizing;

use super::Capabilities;
use sekisho_mail::{Credentials, Mechanism, Proof, encode};

/// What is written to the server, and what is still to be said when it asks.
pub(crate) struct Login {
    pub(crate) command: Zeroizing<Vec<u8>>,
    /// The response, as a line, for servers that take none with the command.
    pub(crate) response: Option<Zeroizing<Vec<u8>>>,
}

/// Why there is no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cannot {
    /// The server takes no password now.
    LoginDisabled,
    /// It does not know the mechanism, or what is said cannot be said in another one.
    NoMechanism,
}

/// The longest literal that LITERAL- lets go without waiting (RFC 7888, section 5).
const LITERAL_MAX: usize = 4096;

/// Logs in with the tag: by AUTHENTICATE PLAIN with the response in the command where the server has that, which is one
/// round trip and needs no quoting; else by what it has.
pub(crate) fn login(tag: &str, credentials: &Credentials, server: Capabilities) -> Result<Login, Cannot> {
    match &credentials.proof {
        Proof::Password(password) => {
            if server.plain
                && let Some(plain) = credentials.as_plain()
            {
                return Ok(authenticate(tag, Mechanism::Plain, &plain, server));
            }
            if server.login_disabled {
                return Err(Cannot::LoginDisabled);
            }
            if credentials.authzid.is_some() {
                return Err(Cannot::NoMechanism);
            }
            let mut command = Zeroizing::new(format!("{tag} LOGIN ").into_bytes());
            string(&mut command, &credentials.user, server)?;
            command.push(b' ');
            string(&mut command, password, server)?;
            command.extend(b"\r\n");
            Ok(Login { command, response: None })
        }
        Proof::Response(mechanism, response) => {
            let has = match mechanism {
                Mechanism::XOAuth2 => server.xoauth2,
                Mechanism::OAuthBearer => server.oauthbearer,
                _ => false,
            };
            if has { Ok(authenticate(tag, *mechanism, response, server)) } else { Err(Cannot::NoMechanism) }
        }
    }
}

fn authenticate(tag: &str, mechanism: Mechanism, response: &[u8], server: Capabilities) -> Login {
    let name = mechanism.name();
    let response = encode(response);
    if server.sasl_ir {
        let response = if response.is_empty() { "=" } else { &response };
        let command = format!("{tag} AUTHENTICATE {name} {response}\r\n").into_bytes();
        return Login { command: command.into(), response: None };
    }
    let response = [response.as_bytes(), b"\r\n"].concat();
    Login {
        command: format!("{tag} AUTHENTICATE {name}\r\n").into_bytes().into(),
        response: Some(response.into()),
    }
}

/// A string argument: quoted, or as a literal that goes without waiting where quotes cannot hold it.
fn string(command: &mut Vec<u8>, text: &[u8], server: Capabilities) -> Result<(), Cannot> {
    if !text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        command.push(b'"');
        for &byte in text {
            if matches!(byte, b'"' | b'\\') {
                command.push(b'\\');
            }
            command.push(byte);
        }
        command.push(b'"');
        return Ok(());
    }
    if !server.literals || text.len() > LITERAL_MAX || text.contains(&0) {
        return Err(Cannot::NoMechanism);
    }
    command.extend(format!("{{{}+}}\r\n", text.len()).into_bytes());
    command.extend(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::front::{Command, command};

    fn said(credentials: &Credentials, server: Capabilities) -> Result<(String, Option<String>), Cannot> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        login("S2", credentials, server).map(|l| (text(&l.command), l.response.map(|r| text(&r))))
    }

    const NONE: Capabilities = Capabilities {
        imap4rev1: true,
        plain: false,
        xoauth2: false,
        oauthbearer: false,
        sasl_ir: false,
        login_disabled: false,
        id: false,
        literals: false,
    };

    fn anna(password: &str) -> Credentials {
        Credentials::password(b"anna".into(), password.into())
    }

    #[test]
    fn password_goes_by_plain_in_one_round_trip_where_it_can() {
        let whole = Capabilities { plain: true, sasl_ir: true, login_disabled: true, ..NONE };
        let plain = "S2 AUTHENTICATE PLAIN AGFubmEAcHc=\r\n".to_owned();
        assert_eq!(said(&anna("pw"), whole), Ok((plain, None)));
        let slow = Capabilities { plain: true, ..NONE };
        let expected = ("S2 AUTHENTICATE PLAIN\r\n".to_owned(), Some("AGFubmEAcHc=\r\n".to_owned()));
        assert_eq!(said(&anna("pw"), slow), Ok(expected));
    }

    #[test]
    fn password_goes_by_login_otherwise_and_is_quoted() {
        let expected = "S2 LOGIN \"anna\" \"p\\\"\\\\w\"\r\n".to_owned();
        assert_eq!(said(&anna("p\"\\w"), NONE), Ok((expected, None)));
        let literals = Capabilities { literals: true, ..NONE };
        let expected = "S2 LOGIN \"anna\" {3+}\r\np\nw\r\n".to_owned();
        assert_eq!(said(&anna("p\nw"), literals), Ok((expected, None)));
        assert_eq!(said(&anna("p\nw"), NONE), Err(Cannot::NoMechanism));
        assert_eq!(
            said(&anna("pw"), Capabilities { login_disabled: true, ..NONE }),
            Err(Cannot::LoginDisabled)
        );
    }

    proptest! {
        #[test]
        fn login_that_is_said_is_read_back_as_it_was(user in "[^\\x00-\\x1f\\x7f]{1,40}", password in "[^\\x00]{0,40}") {
            let literals = Capabilities { literals: true, ..NONE };
            let login = login("S2", &Credentials::password(user.clone().into(), password.clone().into()), literals);
            let login = login.unwrap();
            let read = command(&login.command).map(|tagged| tagged.command);
            prop_assert_eq!(read, Some(Command::Login { user: user.into(), password: password.into() }));
        }
    }

    #[test]
    fn what_only_one_mechanism_can_say_is_said_in_it_or_not_at_all() {
        let acting = Credentials::read(Mechanism::Plain, b"ben\0anna\0pw".to_vec().into()).unwrap();
        assert_eq!(said(&acting, NONE), Err(Cannot::NoMechanism));
        let token = b"user=anna\x01auth=Bearer t\x01\x01".to_vec();
        let token = Credentials::read(Mechanism::XOAuth2, token.into()).unwrap();
        assert_eq!(said(&token, Capabilities { plain: true, ..NONE }), Err(Cannot::NoMechanism));
        assert!(said(&token, Capabilities { xoauth2: true, sasl_ir: true, ..NONE }).is_ok());
    }
}
