//! What a server says that it can (RFC 9051, section 7.2.2).

use sekisho_mail::{Mechanism, MechanismSet};

/// The capabilities that decide how somebody is logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) imap4rev1: bool,
    /// Those that the gateway knows as well.
    pub(crate) mechanisms: MechanismSet,
    pub(crate) sasl_ir: bool,
    pub(crate) login_disabled: bool,
    pub(crate) id: bool,
    /// Literals without waiting, of up to 4,096 bytes at least (RFC 7888).
    pub(crate) literals: bool,
}

impl Capabilities {
    /// Reads names with spaces between them.
    pub(crate) fn read(text: &[u8]) -> Self {
        let mut found = Self::default();
        for name in text.split(|&byte| byte == b' ') {
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
            if let Some(mechanism) = mechanism(name) {
                found.mechanisms.insert(mechanism);
            } else if is("IMAP4REV1") || is("IMAP4REV2") {
                found.imap4rev1 = true;
            } else if is("SASL-IR") {
                found.sasl_ir = true;
            } else if is("LOGINDISABLED") {
                found.login_disabled = true;
            } else if is("ID") {
                found.id = true;
            } else if is("LITERAL+") || is("LITERAL-") {
                found.literals = true;
            }
        }
        found
    }

    /// Reads them where they stand in a response code: `* OK [CAPABILITY …] text`.
    pub(crate) fn in_code(line: &[u8]) -> Option<Self> {
        names_in_code(line).map(Self::read)
    }
}

/// The names in a response code, if it is the one that lists them.
pub(crate) fn names_in_code(line: &[u8]) -> Option<&[u8]> {
    const CODE: &[u8] = b"[CAPABILITY ";
    let begin = line.windows(CODE.len()).position(|window| window.eq_ignore_ascii_case(CODE))?;
    let names = line.get(begin + CODE.len()..)?;
    let end = names.iter().position(|&byte| byte == b']')?;
    names.get(..end)
}

/// `AUTH=NAME`.
fn mechanism(name: &[u8]) -> Option<Mechanism> {
    let (begin, name) = name.split_at_checked(5)?;
    if !begin.eq_ignore_ascii_case(b"AUTH=") {
        return None;
    }
    Mechanism::named_by_server(name)
}
