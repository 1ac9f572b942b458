//! A rate as people write it.

use std::str::FromStr;
use std::time::Duration;

/// So many requests in a time, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rate {
    /// Requests in a period, 1 to [`Rate::MOST`] a second.
    pub(super) count: u64,
    /// A second, a minute or an hour.
    pub(super) period: Duration,
    /// Requests at once, 1 to [`Rate::MOST_AT_ONCE`].
    pub(super) burst: u64,
}

impl Rate {
    /// The most requests a second.
    pub(super) const MOST: u64 = 1_000_000;
    /// The most requests at once.
    pub(super) const MOST_AT_ONCE: u64 = 1_000_000;
}

/// Why a text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRate {
    /// It is not a number, a slash and a unit.
    #[error("a number, `/` and `s`, `m` or `h` are expected")]
    Form,
    /// Nothing would pass.
    #[error("the number must be 1 or more")]
    Nothing,
    /// More than can be told apart.
    #[error("allowed are 1000000 a second at the most")]
    TooMany,
}

impl FromStr for Rate {
    type Err = NoRate;

    /// Reads `100/s`, `30/m`, `1000/h`. What passes at once is what passes in the period.
    fn from_str(text: &str) -> Result<Self, NoRate> {
        let (count, unit) = text.split_once('/').ok_or(NoRate::Form)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            _ => return Err(NoRate::Form),
        };
        let count = count.trim();
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoRate::Form);
        }
        match count.parse::<u64>() {
            Ok(0) => Err(NoRate::Nothing),
            Ok(count) if count <= Self::MOST.saturating_mul(seconds) => {
                let burst = count.min(Self::MOST_AT_ONCE);
                Ok(Self { count, period: Duration::from_secs(seconds), burst })
            }
            _ => Err(NoRate::TooMany),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_a_number_a_slash_and_a_unit() {
        let rate = |count, seconds| Rate { count, period: Duration::from_secs(seconds), burst: count };
        assert_eq!("100/s".parse(), Ok(rate(100, 1)));
        assert_eq!("30 / m".parse(), Ok(rate(30, 60)));
        assert_eq!("1/min".parse(), Ok(rate(1, 60)));
        assert_eq!("1000/h".parse(), Ok(rate(1000, 3600)));
        assert_eq!("1000000/s".parse(), Ok(rate(1_000_000, 1)));
        for (text, why) in [
            ("", NoRate::Form),
            ("100", NoRate::Form),
            ("/s", NoRate::Form),
            ("+1/s", NoRate::Form),
            ("1.5/s", NoRate::Form),
            ("10/day", NoRate::Form),
            ("0/s", NoRate::Nothing),
            ("1000001/s", NoRate::TooMany),
            ("99999999999999999999/s", NoRate::TooMany),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(why), "{text}");
        }
    }
}
