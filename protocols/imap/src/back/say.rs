//! How somebody is logged in to a server, in the server's own terms.

use std::io::Write;

use sekisho_mail::{Credentials, Mechanism, Proof, encode_to};

use super::Capabilities;

/// How somebody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By this mechanism; `early`: its response stands in the command.
    Authenticate { mechanism: Mechanism, early: bool },
    /// By LOGIN.
    Login,
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

/// The way to log somebody in: by AUTHENTICATE PLAIN with the response in the command where the server has that, which
/// is one round trip and needs no quoting; else by what it has.
pub(crate) fn way(credentials: &Credentials, server: Capabilities) -> Result<Way, Cannot> {
    let by = |mechanism| Way::Authenticate { mechanism, early: server.sasl_ir };
    let password = match &credentials.proof {
        Proof::Response(mechanism, _) if server.mechanisms.contains(*mechanism) => return Ok(by(*mechanism)),
        Proof::Response(..) => return Err(Cannot::NoMechanism),
        Proof::Password(password) => password,
    };
    if server.mechanisms.contains(Mechanism::Plain) {
        return Ok(by(Mechanism::Plain));
    }
    if server.login_disabled {
        return Err(Cannot::LoginDisabled);
    }
    let fit = fits_string(&credentials.user, server) && fits_string(password, server);
    if credentials.authzid.is_none() && fit { Ok(Way::Login) } else { Err(Cannot::NoMechanism) }
}

impl Way {
    /// About as many bytes as the command has.
    pub(crate) fn room(credentials: &Credentials) -> usize {
        let proof = match &credentials.proof {
            Proof::Password(password) => password.len(),
            Proof::Response(_, response) => response.len(),
        };
        64 + 2 * (credentials.user.len() + proof)
    }

    /// Appends the command with the tag.
    pub(crate) fn say(self, tag: &str, credentials: &Credentials, out: &mut Vec<u8>) {
        match (self, &credentials.proof) {
            (Self::Login, Proof::Password(password)) => {
                out.extend_from_slice(tag.as_bytes());
                out.extend_from_slice(b" LOGIN ");
                string(out, &credentials.user);
                out.push(b' ');
                string(out, password);
            }
            (Self::Login, Proof::Response(..)) => {}
            (Self::Authenticate { mechanism, early }, _) => {
                // Writing to a vector cannot fail.
                _ = write!(out, "{tag} AUTHENTICATE {}", mechanism.name());
                if early {
                    out.push(b' ');
                    let begin = out.len();
                    respond(credentials, out);
                    if out.len() == begin {
                        // An empty response (RFC 4959, section 3).
                        out.push(b'=');
                    }
                }
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// The line that answers when the server asks, if it was not in the command.
    pub(crate) fn answer(self, credentials: &Credentials) -> Option<Vec<u8>> {
        let Self::Authenticate { early: false, .. } = self else { return None };
        let mut line = Vec::with_capacity(Self::room(credentials));
        respond(credentials, &mut line);
        line.extend_from_slice(b"\r\n");
        Some(line)
    }
}

/// The response of the mechanism.
fn respond(credentials: &Credentials, out: &mut Vec<u8>) {
    match (&credentials.proof, credentials.as_plain()) {
        (Proof::Response(_, response), _) => encode_to(response, out),
        (Proof::Password(_), Some(plain)) => encode_to(&plain, out),
        (Proof::Password(_), None) => {}
    }
}

fn fits_quotes(text: &[u8]) -> bool {
    !text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// Whether it can be said: quoted, or as a literal that goes without waiting where quotes cannot hold it.
fn fits_string(text: &[u8], server: Capabilities) -> bool {
    fits_quotes(text) || server.literals && text.len() <= LITERAL_MAX && !text.contains(&0)
}

/// A string argument.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    if !fits_quotes(text) {
        _ = write!(out, "{{{}+}}\r\n", text.len());
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sekisho_mail::MechanismSet;

    use super::*;
    use crate::front::{Command, command};

    fn said(credentials: &Credentials, server: Capabilities) -> Result<(String, Option<String>), Cannot> {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let way = way(credentials, server)?;
        let mut command = Vec::new();
        way.say("S2", credentials, &mut command);
        Ok((text(command), way.answer(credentials).map(text)))
    }

    fn having(mechanism: Mechanism, server: Capabilities) -> Capabilities {
        Capabilities { mechanisms: [mechanism].into_iter().collect(), ..server }
    }

    const NONE: Capabilities = Capabilities {
        imap4rev1: true,
        mechanisms: MechanismSet::EMPTY,
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
        let whole = having(Mechanism::Plain, Capabilities { sasl_ir: true, login_disabled: true, ..NONE });
        let plain = "S2 AUTHENTICATE PLAIN AGFubmEAcHc=\r\n".to_owned();
        assert_eq!(said(&anna("pw"), whole), Ok((plain, None)));
        let slow = having(Mechanism::Plain, NONE);
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
            let credentials = Credentials::password(user.clone().into(), password.clone().into());
            let mut said = Vec::new();
            way(&credentials, literals).unwrap().say("S2", &credentials, &mut said);
            let read = command(&said).map(|tagged| tagged.command);
            prop_assert_eq!(read, Some(Command::Login { user: user.into(), password: password.into() }));
        }
    }

    #[test]
    fn what_only_one_mechanism_can_say_is_said_in_it_or_not_at_all() {
        let acting = Credentials::read(Mechanism::Plain, b"ben\0anna\0pw".to_vec().into()).unwrap();
        assert_eq!(said(&acting, NONE), Err(Cannot::NoMechanism));
        let token = b"user=anna\x01auth=Bearer t\x01\x01".to_vec();
        let token = Credentials::read(Mechanism::XOAuth2, token.into()).unwrap();
        assert_eq!(said(&token, having(Mechanism::Plain, NONE)), Err(Cannot::NoMechanism));
        assert!(said(&token, having(Mechanism::XOAuth2, NONE)).is_ok());
    }
    #[test]
    fn certificate_is_the_proof_and_may_act_for_somebody() {
        let server = having(Mechanism::External, Capabilities { sasl_ir: true, ..NONE });
        let external = |authzid: &[u8]| Credentials::external(authzid.to_vec().into(), b"anna").unwrap();
        let whole = |text: &str| Ok((text.to_owned(), None));
        assert_eq!(said(&external(b""), server), whole("S2 AUTHENTICATE EXTERNAL =\r\n"));
        assert_eq!(said(&external(b"ben"), server), whole("S2 AUTHENTICATE EXTERNAL YmVu\r\n"));
        assert_eq!(said(&external(b""), having(Mechanism::Plain, server)), Err(Cannot::NoMechanism));
    }
}
