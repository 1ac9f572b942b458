//! Numbers that a protocol counts by itself.

/// A number that a protocol has counted for one pool, to be read with the gateway's own metrics.
///
/// Prometheus sees it as `sekisho_PROTOCOL_NAME` with the label `pool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Lower-case letters, digits and `_`. What only grows ends in `_total`, and the unit, if there is one, stands last
    /// before that: `cache_hits_total`, `cache_bytes`. Other names are left out.
    pub name: &'static str,
    /// What it counts, in one sentence.
    pub help: &'static str,
    /// How many.
    pub value: u64,
}

/// A number that a protocol has counted for one VIP, to be read with the gateway's own metrics.
///
/// Prometheus sees it as `sekisho_PROTOCOL_NAME` with the labels `vip` and `name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VipMetric<'a> {
    /// As [`Metric::name`].
    pub metric: &'static str,
    /// What it counts, in one sentence.
    pub help: &'static str,
    /// Of what in the VIP, by the name that the configuration has for it.
    pub name: &'a str,
    /// How many.
    pub value: u64,
}
