//! How somebody is logged in to a server by what the server has.

use crate::{Credentials, Dialect, Mechanism, Proof, Secret, ServerAbilities, encode};

/// What is said to a server, one after the other.
pub(crate) struct Login {
    pub(crate) command: Secret,
    /// What is said when the server asks, the last first.
    pub(crate) responses: Vec<Secret>,
    /// It asks by saying yes.
    pub(crate) by_yes: bool,
}

/// Logs in by PLAIN with the response in the command where the server has that, which is one round trip; else by what
/// it has. `None`: there is no way.
pub(crate) fn login<D: Dialect>(
    dialect: D,
    credentials: &Credentials,
    server: &ServerAbilities,
) -> Option<Login> {
    let has = |mechanism| server.mechanisms.contains(&mechanism);
    let password = match &credentials.proof {
        Proof::Response(mechanism, response) => {
            return has(*mechanism).then(|| by(dialect, *mechanism, response));
        }
        Proof::Password(password) => password,
    };
    if let Some(response) = credentials.as_plain().filter(|_| has(Mechanism::Plain)) {
        return Some(by(dialect, Mechanism::Plain, &response));
    }
    // What is left has no word for somebody who acts for somebody else.
    let (None, user) = (&credentials.authzid, &credentials.user) else { return None };
    if has(Mechanism::Login) {
        let said = |secret: &[u8]| dialect.answer(&encode(secret)).into_bytes().into();
        return Some(Login {
            command: dialect.auth(Mechanism::Login, None).into_bytes().into(),
            responses: vec![said(password), said(user)],
            by_yes: false,
        });
    }
    let line = |text: &[u8]| !text.iter().any(u8::is_ascii_control);
    (server.passwords && line(user) && line(password)).then(|| Login {
        command: [b"USER ", &user[..], b"\r\n"].concat().into(),
        responses: vec![[b"PASS ", &password[..], b"\r\n"].concat().into()],
        by_yes: true,
    })
}

fn by<D: Dialect>(dialect: D, mechanism: Mechanism, response: &[u8]) -> Login {
    let response = encode(response);
    let (initial, responses) = if response.len() <= D::INITIAL_MAX {
        (Some(response.as_str()), Vec::new())
    } else {
        (None, vec![dialect.answer(&response).into_bytes().into()])
    };
    Login { command: dialect.auth(mechanism, initial).into_bytes().into(), responses, by_yes: false }
}
