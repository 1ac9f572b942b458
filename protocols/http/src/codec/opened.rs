//! The mark of an answer behind which a tunnel begins, where its status does not say so.

/// Among the extensions of a 2xx answer to CONNECT (RFC 9110, section 9.3.6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened;
