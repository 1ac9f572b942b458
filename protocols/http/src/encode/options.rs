//! The table `compression` of `[vip.NAME.http]`.

use sekisho_api::settings::{Problem, Section};

use super::encoder::Algorithm;
use super::media::Media;

/// How the answers of one VIP are coded.
#[derive(Clone, Debug)]
pub(crate) struct Compression {
    /// What is offered, the most liked first.
    pub(super) algorithms: Box<[Algorithm]>,
    /// Shorter bodies stay as they are.
    pub(super) min_size: u64,
    pub(super) types: Box<[Media]>,
    /// The gateway alone codes: servers are not asked to.
    pub(super) offload: bool,
    /// The most answers that a worker codes at a time.
    pub(super) most: usize,
    gzip_level: u32,
    brotli_level: u32,
    zstd_level: u32,
}

impl Compression {
    /// Reads it; `None` where there is no such table.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Box<Self>> {
        let mut table = section.table("compression")?;
        let algorithms = algorithms(&mut table);
        let types = types(&mut table);
        let read = Self {
            algorithms: algorithms.unwrap_or_else(|| ALGORITHMS.map(|(_, algorithm)| algorithm).into()),
            min_size: table.size("min-size", MIN_SIZE, 0..=LARGEST_MIN_SIZE),
            types,
            offload: table.flag("offload", false),
            most: usize::try_from(table.integer("max-answers", MOST, 1..=65_536)).unwrap_or(usize::MAX),
            gzip_level: table.integer("gzip-level", GZIP_LEVEL, 1..=9) as u32,
            brotli_level: table.integer("brotli-level", BROTLI_LEVEL, 0..=9) as u32,
            zstd_level: table.integer("zstd-level", ZSTD_LEVEL, 1..=12) as u32,
        };
        table.finish();
        Some(Box::new(read))
    }

    /// How much work goes into a coding.
    pub(super) fn level(&self, algorithm: Algorithm) -> u32 {
        match algorithm {
            Algorithm::Gzip => self.gzip_level,
            Algorithm::Brotli => self.brotli_level,
            Algorithm::Zstd => self.zstd_level,
        }
    }
}

fn algorithms(table: &mut Section<'_>) -> Option<Box<[Algorithm]>> {
    let place = table.place("algorithms");
    let mut algorithms: Vec<Algorithm> = Vec::new();
    for written in table.texts("algorithms")? {
        match ALGORITHMS.iter().find(|(name, _)| *name == written.value) {
            Some((_, algorithm)) if algorithms.contains(algorithm) => {
                let message = format!("`{}` stands twice in `algorithms`", written.value);
                table.problem(Problem::new(written.span, message, "named before"));
            }
            Some((_, algorithm)) => algorithms.push(*algorithm),
            None => {
                let message = format!("unknown value `{}` in `algorithms`", written.value);
                let problem = Problem::new(written.span, message, "not known here");
                table.problem(problem.help("one of: zstd, br, gzip"));
                algorithms.push(Algorithm::Gzip);
            }
        }
    }
    if algorithms.is_empty() {
        let problem = Problem::new(place, "`algorithms` is empty", "nothing to compress with");
        table.problem(problem.help("name one of: zstd, br, gzip; or leave `compression` out"));
    }
    Some(algorithms.into())
}

fn types(table: &mut Section<'_>) -> Box<[Media]> {
    let Some(written) = table.texts("types") else {
        return TYPES.iter().filter_map(|media| media.parse().ok()).collect();
    };
    let read = |written: &sekisho_api::settings::Found<&str>| match written.value.parse() {
        Ok(media) => Some(media),
        Err(error) => {
            let message = format!("`{}` is not a media type", written.value);
            table.problem(Problem::new(written.span.clone(), message, format!("{error}")));
            None
        }
    };
    written.iter().filter_map(read).collect()
}

/// By what a client that takes all of them is best served: the least work, the fewest bytes, the oldest.
const ALGORITHMS: [(&str, Algorithm); 3] =
    [("zstd", Algorithm::Zstd), ("br", Algorithm::Brotli), ("gzip", Algorithm::Gzip)];
/// What fits into one packet is not sent faster for being shorter.
const MIN_SIZE: u64 = 1024;
const LARGEST_MIN_SIZE: u64 = 1 << 30;
/// Text. What is compressed already would only cost time.
const TYPES: [&str; 9] = [
    "text/*",
    "application/javascript",
    "application/json",
    "application/*+json",
    "application/wasm",
    "application/xml",
    "application/*+xml",
    "image/svg+xml",
    "font/ttf",
];
/// Each needs about a megabyte while it is under way.
const MOST: u64 = 128;
/// Higher levels cost twice the time for a few hundredths of the size.
const GZIP_LEVEL: u64 = 5;
const BROTLI_LEVEL: u64 = 4;
const ZSTD_LEVEL: u64 = 3;
