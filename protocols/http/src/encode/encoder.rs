//! The codings behind one face: bytes in, and out what there is of them so far.

use std::fmt;
use std::io::{self, Write as _};

use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::buf::Writer;
use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder as ZstdEncoder;

use super::slots::Slot;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Algorithm {
    /// How many there are.
    pub(super) const COUNT: usize = 3;

    /// Its name in Content-Encoding.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The algorithm that a coding names.
    pub(super) fn of(coding: &[u8]) -> Option<Self> {
        match coding {
            _ if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => {
                Some(Self::Gzip)
            }
            _ if coding.eq_ignore_ascii_case(b"br") => Some(Self::Brotli),
            _ if coding.eq_ignore_ascii_case(b"zstd") => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A body that is being coded.
pub(crate) struct Encoder {
    coding: Coding,
    _slot: Slot,
}

enum Coding {
    Gzip(GzEncoder<Out>),
    Brotli(Box<CompressorWriter<Out>>),
    Zstd(ZstdEncoder<'static, Out>),
}

/// Where the coded bytes go.
type Out = Writer<BytesMut>;

impl Encoder {
    /// Begins a body; of this length, if it is known.
    ///
    /// # Errors
    /// No memory for it.
    pub(super) fn new(algorithm: Algorithm, level: u32, length: Option<u64>, slot: Slot) -> io::Result<Self> {
        let out = BytesMut::new().writer();
        let coding = match algorithm {
            Algorithm::Gzip => Coding::Gzip(GzEncoder::new(out, Level::new(level))),
            Algorithm::Brotli => {
                let parameters = BrotliEncoderParams {
                    quality: level as i32,
                    lgwin: WINDOW as i32,
                    size_hint: length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0),
                    ..BrotliEncoderParams::default()
                };
                Coding::Brotli(Box::new(CompressorWriter::with_params(out, BETWEEN, &parameters)))
            }
            Algorithm::Zstd => {
                let mut encoder = ZstdEncoder::new(out, level as i32)?;
                encoder.set_parameter(CParameter::WindowLog(WINDOW))?;
                encoder.set_pledged_src_size(length)?;
                Coding::Zstd(encoder)
            }
        };
        Ok(Self { coding, _slot: slot })
    }

    /// Codes bytes. What comes of them may stay inside for now.
    ///
    /// # Errors
    /// The coding cannot go on.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.coding {
            Coding::Gzip(encoder) => encoder.write_all(bytes),
            Coding::Brotli(encoder) => encoder.write_all(bytes),
            Coding::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Makes what was written readable, at the cost of a few bytes.
    ///
    /// # Errors
    /// The coding cannot go on.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.coding {
            Coding::Gzip(encoder) => encoder.flush(),
            Coding::Brotli(encoder) => encoder.flush(),
            Coding::Zstd(encoder) => encoder.flush(),
        }
    }

    /// How much can be taken.
    pub(super) fn ready(&mut self) -> usize {
        self.out().get_ref().len()
    }

    /// Takes what has been coded so far.
    pub(super) fn take(&mut self) -> Bytes {
        self.out().get_mut().split().freeze()
    }

    /// Ends the body. What was not taken.
    ///
    /// # Errors
    /// The coding cannot go on: what was taken is not the whole.
    pub(super) fn finish(self) -> io::Result<Bytes> {
        let out = match self.coding {
            Coding::Gzip(encoder) => encoder.finish()?,
            Coding::Brotli(encoder) => encoder.into_inner(),
            Coding::Zstd(encoder) => encoder.finish()?,
        };
        Ok(out.into_inner().freeze())
    }

    fn out(&mut self) -> &mut Out {
        match &mut self.coding {
            Coding::Gzip(encoder) => encoder.get_mut(),
            Coding::Brotli(encoder) => encoder.get_mut(),
            Coding::Zstd(encoder) => encoder.get_mut(),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.coding {
            Coding::Gzip(_) => "Gzip",
            Coding::Brotli(_) => "Brotli",
            Coding::Zstd(_) => "Zstd",
        };
        f.debug_tuple("Encoder").field(&name).finish()
    }
}

/// How far a body is looked back on, as a power of two: 256 KiB. More helps large files, which should lie compressed on
/// their servers, and costs memory for every answer.
const WINDOW: u32 = 18;
/// What brotli puts its bytes into before they are passed on.
const BETWEEN: usize = 4096;
