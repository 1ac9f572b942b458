//! Which of the fields that the gateway looks for a message has.

use http::HeaderMap;

/// A set of fields. One walk over a message's names costs what looking for two of them does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Present(u16);

impl Present {
    pub(crate) const CONNECTION: Self = Self(1);
    pub(crate) const KEEP_ALIVE: Self = Self(1 << 1);
    pub(crate) const PROXY_CONNECTION: Self = Self(1 << 2);
    pub(crate) const UPGRADE: Self = Self(1 << 3);
    pub(crate) const TRANSFER_ENCODING: Self = Self(1 << 4);
    pub(crate) const TE: Self = Self(1 << 5);
    pub(crate) const HTTP2_SETTINGS: Self = Self(1 << 6);
    /// Fields of one connection (RFC 9110, section 7.6.1).
    pub(crate) const HOP_BY_HOP: Self = Self(0x7f);
    pub(crate) const CONTENT_LENGTH: Self = Self(1 << 7);
    pub(crate) const COOKIE: Self = Self(1 << 8);
    pub(crate) const EXPECT: Self = Self(1 << 9);
    /// Forwarded, or anything that is one of the `X-Forwarded-` fields or may be taken for one.
    pub(crate) const FORWARDING: Self = Self(1 << 10);

    /// Those of a message.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers
            .keys()
            .fold(Self::default(), |found, name| Self(found.0 | Self::named(name.as_str().as_bytes()).0))
    }

    /// Whether any of these is there.
    pub(crate) fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    fn named(name: &[u8]) -> Self {
        match name {
            b"te" => Self::TE,
            b"cookie" => Self::COOKIE,
            b"expect" => Self::EXPECT,
            b"upgrade" => Self::UPGRADE,
            b"forwarded" => Self::FORWARDING,
            b"connection" => Self::CONNECTION,
            b"keep-alive" => Self::KEEP_ALIVE,
            b"content-length" => Self::CONTENT_LENGTH,
            b"http2-settings" => Self::HTTP2_SETTINGS,
            b"proxy-connection" => Self::PROXY_CONNECTION,
            b"transfer-encoding" => Self::TRANSFER_ENCODING,
            // Many servers read `_` as `-`.
            [b'x', b'-' | b'_', ..] if (15..=17).contains(&name.len()) => Self::FORWARDING,
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(names: &[&'static str]) -> Present {
        Present::of(
            &names
                .iter()
                .map(|&name| (HeaderName::from_static(name), HeaderValue::from_static("1")))
                .collect(),
        )
    }

    #[test]
    fn each_field_is_found_by_its_own_name_alone() {
        for (name, field) in [
            ("connection", Present::CONNECTION),
            ("keep-alive", Present::KEEP_ALIVE),
            ("proxy-connection", Present::PROXY_CONNECTION),
            ("upgrade", Present::UPGRADE),
            ("transfer-encoding", Present::TRANSFER_ENCODING),
            ("te", Present::TE),
            ("http2-settings", Present::HTTP2_SETTINGS),
            ("content-length", Present::CONTENT_LENGTH),
            ("cookie", Present::COOKIE),
            ("expect", Present::EXPECT),
            ("forwarded", Present::FORWARDING),
            ("x-forwarded-for", Present::FORWARDING),
            ("x-forwarded-host", Present::FORWARDING),
            ("x-forwarded-port", Present::FORWARDING),
            ("x-forwarded-proto", Present::FORWARDING),
            ("x_forwarded_for", Present::FORWARDING),
            ("x-forwarded_proto", Present::FORWARDING),
        ] {
            assert_eq!(of(&["accept", name, "host"]), field, "{name}");
        }
        assert_eq!(of(&["accept", "host", "user-agent", "x-request-id"]), Present::default());
    }

    #[test]
    fn connection_fields_are_all_of_one_set() {
        assert!(of(&["te"]).has(Present::HOP_BY_HOP) && of(&["http2-settings"]).has(Present::HOP_BY_HOP));
        assert!(!of(&["content-length", "cookie", "expect", "forwarded"]).has(Present::HOP_BY_HOP));
    }
}
