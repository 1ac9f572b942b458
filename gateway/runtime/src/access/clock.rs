//! Wall-clock time as text, cheaply: a log of a busy second writes the same nineteen characters thousands of times.

use std::time::{SystemTime, UNIX_EPOCH};

/// RFC 3339 in UTC, with the text of the current second kept.
#[derive(Debug)]
pub(crate) struct Clock {
    second: u64,
    /// `2026-01-02T03:04:05.`
    text: [u8; 20],
}

impl Default for Clock {
    fn default() -> Self {
        Self { second: 0, text: second(0) }
    }
}

impl Clock {
    /// Appends `now`, with milliseconds: 24 bytes.
    pub(crate) fn write(&mut self, now: SystemTime, out: &mut Vec<u8>) {
        // A clock before 1970 is not set at all.
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if since.as_secs() != self.second {
            self.second = since.as_secs();
            self.text = second(self.second);
        }
        let [hundreds, tens, ones] = digits(since.subsec_millis());
        out.extend_from_slice(&self.text);
        out.extend_from_slice(&[hundreds, tens, ones, b'Z']);
    }
}

fn second(unix: u64) -> [u8; 20] {
    let (days, rest) = (unix / 86_400, (unix % 86_400) as u32);
    let (year, month, day) = date(days);
    let [_, y1, y0] = digits(year % 100);
    let [_, c1, c0] = digits(year / 100 % 100);
    let [_, mo1, mo0] = digits(month);
    let [_, d1, d0] = digits(day);
    let [_, h1, h0] = digits(rest / 3600);
    let [_, mi1, mi0] = digits(rest / 60 % 60);
    let [_, s1, s0] = digits(rest % 60);
    [c1, c0, y1, y0, b'-', mo1, mo0, b'-', d1, d0, b'T', h1, h0, b':', mi1, mi0, b':', s1, s0, b'.']
}

/// The date of a day since 1970 in the Gregorian calendar.
///
/// Counts in years that begin in March, so that the leap day is the last, and in eras of 400 years, which are all
/// equally long.
fn date(days: u64) -> (u32, u32, u32) {
    // 719,468 days from 1 March of year 0 to 1 January 1970; 146,097 in an era.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March are 31, 30, 31, 30, 31 days long, over and over: 153 days in five.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

/// The last three decimal digits.
fn digits(n: u32) -> [u8; 3] {
    [n / 100 % 10, n / 10 % 10, n % 10].map(|digit| b'0' + digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        let mut clock = Clock::default();
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (999, "1970-01-01T00:00:00.999Z"),
            (951_782_399_001, "2000-02-28T23:59:59.001Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_078_012_800_000, "2004-02-29T00:00:00.000Z"),
            (1_609_459_199_999, "2020-12-31T23:59:59.999Z"),
            (1_767_323_045_042, "2026-01-02T03:04:05.042Z"),
            (1_767_323_045_043, "2026-01-02T03:04:05.043Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_000, "9999-12-31T23:59:59.000Z"),
        ] {
            let mut out = Vec::new();
            clock.write(UNIX_EPOCH + Duration::from_millis(millis), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let mut last = date(0);
        for day in 1..150_000 {
            let next = date(day);
            let follows = match (next.0 - last.0, next.1, next.2) {
                (0, month, 1) => month == last.1 + 1 && last.2 >= 28,
                (0, month, day) => month == last.1 && day == last.2 + 1,
                (1, 1, 1) => (last.1, last.2) == (12, 31),
                _ => false,
            };
            assert!(follows, "{last:?} {next:?}");
            last = next;
        }
    }
}
