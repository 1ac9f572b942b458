//! Moments as files have them: date-times of RFC 3339, with an offset.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toml::value::{Datetime, Offset};

/// A moment, to the second: `2027-01-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(SystemTime);

impl Moment {
    /// The moment, without fractions of a second. None: before 1970.
    pub fn of(at: SystemTime) -> Option<Self> {
        let since = at.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(UNIX_EPOCH + Duration::from_secs(since.as_secs())))
    }

    /// Reads a date-time with an offset; none if it is anything else, or before 1970. A date alone would not say whose
    /// midnight is meant.
    pub fn read(text: &str) -> Option<Self> {
        let Datetime { date, time, offset } = text.parse().ok()?;
        let (date, time) = (date?, time?);
        let east = match offset? {
            Offset::Z => 0,
            Offset::Custom { minutes } => i64::from(minutes),
        };
        let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day));
        let minutes = (days * 24 + i64::from(time.hour)) * 60 + i64::from(time.minute) - east;
        let seconds = u64::try_from(minutes * 60 + i64::from(time.second.unwrap_or(0))).ok()?;
        Some(Self(UNIX_EPOCH + Duration::from_secs(seconds)))
    }

    /// The same for a clock.
    pub fn time(self) -> SystemTime {
        self.0
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (year, month, day) = date((seconds / 86_400).cast_signed());
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Days since 1970 of a date. The calendar repeats every 400 years, and years here begin in March, so that the day that
/// is sometimes missing is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round: year, month and day.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written_as_the_calendar_has_them() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_323_045, "2026-01-02T03:04:05Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let moment = Moment(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!((Moment::read(written), moment.to_string()), (Some(moment), written.to_owned()));
        }
        assert_eq!(Moment::read("2026-01-02T05:04:05+02:00"), Moment::read("2026-01-02T03:04:05Z"));
        assert_eq!(Moment::read("2026-01-01T20:34:05.5-06:30"), Moment::read("2026-01-02T03:04:05Z"));
    }

    #[test]
    fn what_does_not_say_which_moment_is_none() {
        for text in [
            "",
            "soon",
            "2026-01-02",
            "2026-01-02T03:04:05",
            "03:04:05",
            "2026-02-30T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }
}
