//! From a path to what it means.

/// What a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path<'p> {
    Vips,
    Pools,
    Vrrp,
    Users,
    Connections,
    Server { pool: &'p str, server: &'p str },
    KickServer { pool: &'p str, server: &'p str },
    MoveUser,
    KickUser,
    ForgetUser,
    MoveAll,
    Upgrade,
}

impl<'p> Path<'p> {
    /// Reads a path. Names of pools and servers have no character that would be escaped.
    pub(super) fn read(path: &'p str) -> Option<Self> {
        let mut parts = path.strip_prefix("/v1/")?.split('/');
        let found = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            ("vips", None, ..) => Self::Vips,
            ("pools", None, ..) => Self::Pools,
            ("vrrp", None, ..) => Self::Vrrp,
            ("users", None, ..) => Self::Users,
            ("connections", None, ..) => Self::Connections,
            ("servers", Some(pool), Some(server), None) => Self::Server { pool, server },
            ("servers", Some(pool), Some(server), Some("kick")) => Self::KickServer { pool, server },
            ("users", Some("move"), None, _) => Self::MoveUser,
            ("users", Some("kick"), None, _) => Self::KickUser,
            ("users", Some("forget"), None, _) => Self::ForgetUser,
            ("users", Some("move-all"), None, _) => Self::MoveAll,
            ("upgrade", None, ..) => Self::Upgrade,
            _ => return None,
        };
        parts.next().is_none().then_some(found)
    }

    /// Whether something is changed there: with POST, and by nothing else.
    pub(super) fn changes(self) -> bool {
        !matches!(self, Self::Vips | Self::Pools | Self::Vrrp | Self::Users | Self::Connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_means_one_thing_or_nothing() {
        let (pool, server) = ("mail", "m-1.x");
        for (path, meant) in [
            ("/v1/vips", Some(Path::Vips)),
            ("/v1/vrrp", Some(Path::Vrrp)),
            ("/v1/users", Some(Path::Users)),
            ("/v1/users/move", Some(Path::MoveUser)),
            ("/v1/users/move-all", Some(Path::MoveAll)),
            ("/v1/servers/mail/m-1.x", Some(Path::Server { pool, server })),
            ("/v1/servers/mail/m-1.x/kick", Some(Path::KickServer { pool, server })),
            ("/v1/servers/mail/m-1.x/kick/more", None),
            ("/v1/servers/mail/m-1.x/", None),
            ("/v1/servers/mail", None),
            ("/v1/upgrade", Some(Path::Upgrade)),
            ("/v1/users/", None),
            ("/v1/users/move/", None),
            ("/v1/", None),
            ("/v2/users", None),
            ("/metrics", None),
            ("", None),
        ] {
            assert_eq!(Path::read(path), meant, "{path}");
        }
    }
}
