//! The smallest protocol that compiles: copy this folder, change the words, and keep the tests.
//!
//! The made-up protocol `template`: a client's first line is `HELLO <user>`, and whatever follows is between it and
//! the server. `docs/adding-a-protocol.md` says what to do next.

use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Facts, Fault, Handler, Head, HeadConversation, Heads, IdentityRules, KeyKind, Protocol,
    Route, Transport, Unavailable, VipContext,
};

/// The value that stands in the registration list: `sekisho::builtin().with(Template)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Template;

impl Protocol for Template {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            // What `protocol = "…"` in a VIP names, and what its table of options is called.
            name: "template",
            summary: "HELLO lines, kept on a server by user",
            transport: Transport::Tcp,
            // What `persist = [...]` may name besides `source-ip`.
            keys: &[KeyKind::USER],
        }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        // Every option that is read is known, checked and in range; every other key in the table is refused with a
        // suggestion. The range in the signature is the error message.
        let max_line = options.integer("max-line", 64, 8..=1024) as usize;
        Some(Handler::Conversation(Arc::new(Heads::new(Hello { identity: vip.identity.clone(), max_line }))))
    }
}

/// The protocol as one VIP has configured it. One value serves all its connections, so nothing here changes.
#[derive(Debug)]
struct Hello {
    /// How user names become identities: shared by all protocols of a persistence domain.
    identity: IdentityRules,
    /// The longest first line in bytes, LF included.
    max_line: usize,
}

impl HeadConversation for Hello {
    fn head(&self, bytes: &[u8], _: &Facts) -> Result<Head, Fault> {
        let Some(end) = bytes.iter().take(self.max_line).position(|&b| b == b'\n') else {
            // `Incomplete` only while more bytes can help: the core then waits, and runs the deadline.
            let helps = bytes.len() < self.max_line;
            return if helps {
                Ok(Head::Incomplete)
            } else {
                Err(Fault::client("line-too-long").telling("TOO LONG\n"))
            };
        };
        // A line that names nobody is no fault: the client is balanced without a key.
        let user = bytes.get(..end).and_then(|line| line.strip_prefix(b"HELLO "));
        Ok(Head::Route(Route::new().with_key(user.and_then(|user| self.identity.user(user)))))
    }

    fn refusal(&self, why: Unavailable) -> Bytes {
        // In the protocol's own words, so that a client shows a reason instead of "connection lost".
        format!("SORRY {why}\n").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both sides say, what happens, what is expected; the kit then cuts, damages and replays it.
    #[test]
    fn every_law_of_the_contract_holds() {
        sekisho_testkit::head(Hello { identity: IdentityRules::default(), max_line: 64 })
            .fixture(
                "a key: however users write themselves, each is one person",
                r#"
                C: HELLO CORP\\Alice\nand more
                = route user=alice
                ! connected one
                = relay
                > server "HELLO CORP\\Alice\nand more"
                S: hello, alice\n
                > client "hello, alice\n"
                "#,
            )
            .fixture(
                "certainly no key, and that is no error",
                r"
                C: GOOD DAY\n
                = route
                ! connected one
                = relay
                ",
            )
            .fixture(
                "cannot tell yet, until more bytes cannot help",
                r#"
                C: HELLO 0123456789012345678901234567890123456789012345678901234567890123456789
                > client "TOO LONG\n"
                = close line-too-long
                "#,
            )
            .fixture(
                "no server, in the protocol's own words",
                r#"
                C: HELLO alice\n
                = route user=alice
                ! unavailable full
                > client "SORRY every server has its maximum of connections\n"
                = close full
                "#,
            )
            .laws();
    }
}
