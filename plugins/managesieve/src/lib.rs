//! ManageSieve (RFC 5804): the same user always on the same server, the one of IMAP if both share a persistence domain.
//!
//! What happens is that of all siblings of IMAP and stands in `sekisho-mail`; here is how ManageSieve says it.

mod dialect;
mod message;
mod reply;
#[cfg(test)]
mod tests;

pub use dialect::ManageSieve;
