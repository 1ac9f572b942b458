//! What a server says that it can (RFC 9051, section 7.2.2).

/// The capabilities that decide how somebody is logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) imap4rev1: bool,
    pub(crate) plain: bool,
    pub(crate) xoauth2: bool,
    pub(crate) oauthbearer: bool,
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
            let field = match name.to_ascii_uppercase().as_slice() {
                b"IMAP4REV1" | b"IMAP4REV2" => &mut found.imap4rev1,
                b"AUTH=PLAIN" => &mut found.plain,
                b"AUTH=XOAUTH2" => &mut found.xoauth2,
                b"AUTH=OAUTHBEARER" => &mut found.oauthbearer,
                b"SASL-IR" => &mut found.sasl_ir,
                b"LOGINDISABLED" => &mut found.login_disabled,
                b"ID" => &mut found.id,
                b"LITERAL+" | b"LITERAL-" => &mut found.literals,
                _ => continue,
            };
            *field = true;
        }
        found
    }

    /// Reads them where they stand in a response code: `* OK [CAPABILITY …] text`.
    pub(crate) fn in_code(line: &[u8]) -> Option<Self> {
        const CODE: &[u8] = b"[CAPABILITY ";
        let begin = line.windows(CODE.len()).position(|window| window.eq_ignore_ascii_case(CODE))?;
        let names = line.get(begin + CODE.len()..)?;
        let end = names.iter().position(|&byte| byte == b']')?;
        names.get(..end).map(Self::read)
    }
}
