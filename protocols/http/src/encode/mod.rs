//! Answers in a content coding that the client takes: gzip, brotli or zstd (RFC 9110, section 8.4).
//!
//! | module | idea |
//! |---|---|
//! | `options`, `media` | what stands in the configuration |
//! | `wish` | what the client takes (RFC 9110, section 12.5.3) |
//! | `decide` | whether an answer is coded, and what its head says then |
//! | `encoder` | the codings behind one face |
//! | `body` | a body on its way through one |
//! | `slots` | how many are under way |

mod body;
mod decide;
mod encoder;
mod media;
mod options;
mod slots;
#[cfg(test)]
mod tests;
mod wish;

pub(crate) use body::Encoded;
pub(crate) use decide::DIGESTS;
pub(crate) use encoder::Encoder;
pub(crate) use options::Compression;
pub(crate) use slots::Slots;
pub(crate) use wish::Wish;
