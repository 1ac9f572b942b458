//! Mail submission, SMTP with a login (RFC 6409, RFC 4954): the same user always on the same server, the one of IMAP if
//! both share a persistence domain.
//!
//! What happens is that of all siblings of IMAP and stands in `sekisho-mail`; here is how SMTP says it.

mod dialect;
mod reply;
#[cfg(test)]
mod tests;

pub use dialect::Submission;
