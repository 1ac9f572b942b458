//! DNS messages as they travel (RFC 1035, section 4).
