//! VIPs whose packets the kernel forwards.

/// Who serves a VIP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VipMode {
    /// The gateway: it accepts, and connects to a server.
    #[default]
    Proxy,
    /// The kernel, by rules that the gateway keeps in step with its pool.
    L4(OnStop),
}

impl VipMode {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::L4(_) => "l4",
        }
    }

    /// Whether the kernel serves it.
    pub const fn is_l4(self) -> bool {
        matches!(self, Self::L4(_))
    }
}

/// What becomes of the rules of a VIP when the gateway is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// They are taken out: nobody is served any more.
    #[default]
    Remove,
    /// They stay as they are, and serve on.
    Keep,
}
