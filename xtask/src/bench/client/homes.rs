//! Where users were led to.

use std::collections::HashMap;

use super::super::Outcome;

/// The servers of the users that somebody has seen.
#[derive(Debug, Default)]
pub(crate) struct Homes(HashMap<usize, u8>);

impl Homes {
    /// A user meets a server: the same one each time, or it is an error.
    pub(crate) fn meets(&mut self, user: usize, server: u8) -> Outcome {
        match self.0.insert(user, server) {
            Some(before) if before != server => Err(format!("user {user} was led to another server")),
            _ => Ok(()),
        }
    }

    /// Whether anybody was led to this server.
    pub(crate) fn have(&self, server: u8) -> bool {
        self.0.values().any(|&home| home == server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_who_are_led_elsewhere_are_an_error() {
        let mut homes = Homes::default();
        assert_eq!([homes.meets(1, b'a'), homes.meets(2, b'b'), homes.meets(1, b'a')], [const { Ok(()) }; 3]);
        assert!(homes.meets(2, b'a').is_err());
        assert!(homes.have(b'a') && !homes.have(b'c'));
    }
}
