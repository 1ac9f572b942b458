//! What a conversation did, in a form that does not depend on how bytes were cut.

use std::fmt;

use sekisho_api::{Route, Side};

/// Everything that the world outside saw.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// All that the client was told.
    pub(crate) to_client: Vec<u8>,
    /// What each server in turn was told.
    pub(crate) to_servers: Vec<Vec<u8>>,
    /// What the driver was asked for.
    pub(crate) controls: Vec<Control>,
}

/// One thing asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    /// As a transcript writes it.
    pub(crate) text: String,
    /// How much the client had been told before. Not counted for a relay: where passing ends and relaying begins
    /// is nothing that a peer can see.
    pub(crate) after: Option<usize>,
}

impl Effects {
    pub(crate) fn wrote(&mut self, side: Side, bytes: &[u8]) {
        match (side, self.to_servers.last_mut()) {
            (Side::Client, _) => self.to_client.extend_from_slice(bytes),
            (Side::Server, Some(server)) => server.extend_from_slice(bytes),
            (Side::Server, None) => unreachable!("the engine writes to a server only if there is one"),
        }
    }

    pub(crate) fn asked(&mut self, text: impl Into<String>) {
        let text = text.into();
        let after = (text != "relay").then_some(self.to_client.len());
        self.controls.push(Control { text, after });
    }

    pub(crate) fn told(&self, side: Side) -> &[u8] {
        match side {
            Side::Client => &self.to_client,
            Side::Server => self.to_servers.last().map_or(&[], Vec::as_slice),
        }
    }
}

/// A route as a transcript writes it. Printing keys is what a test kit is for; the values are the fixture's own.
pub(crate) fn route(route: &Route) -> String {
    let mut text = "route".to_owned();
    for key in &route.keys {
        let value = key.expose();
        text += &match std::str::from_utf8(value) {
            Ok(value) if !value.contains(char::is_control) => format!(" {}={value}", key.kind()),
            _ => {
                let digits: String = value.iter().map(|b| format!("{b:02x}")).collect();
                format!(" {}=0x{digits}", key.kind())
            }
        };
    }
    if route.pool != 0 {
        text += &format!(" pool={}", route.pool);
    }
    if let Some(prefer) = &route.prefer {
        text += &format!(" prefer={prefer:?}");
    }
    text
}

impl fmt::Debug for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for control in &self.controls {
            writeln!(f, "  = {} (client told {:?} bytes)", control.text, control.after)?;
        }
        writeln!(f, "  > client \"{}\"", self.to_client.escape_ascii())?;
        for server in &self.to_servers {
            writeln!(f, "  > server \"{}\"", server.escape_ascii())?;
        }
        Ok(())
    }
}
