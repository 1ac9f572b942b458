//! Durations and sizes as people write them.

use std::time::Duration;

/// A duration: a number and `ms`, `s`, `m`, `h` or `d`, e.g. `"500ms"`, `"1.5s"`, `"8h"`.
///
/// # Errors
/// A phrase that says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = number_and_unit(text)?;
    let seconds = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        "" => return Err("the unit is missing"),
        _ => return Err("the unit is none of ms, s, m, h, d"),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| "the duration is out of range")
}

/// A size in bytes: a number and `B`, `KiB`, `MiB`, `GiB` (powers of 1024) or `kB`, `MB`, `GB` (powers of 1000).
///
/// # Errors
/// A phrase that says what is wrong.
pub fn parse_size(text: &str) -> Result<u64, &'static str> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "" => return Err("the unit is missing"),
        _ => return Err("the unit is none of B, KiB, MiB, GiB, kB, MB, GB"),
    };
    let bytes = number * factor;
    // 2^53: the largest whole numbers that a float holds exactly.
    if bytes > 9_007_199_254_740_992.0 {
        return Err("the size is out of range");
    }
    Ok(bytes as u64)
}

/// A duration in the largest unit that says it in whole numbers: what [`parse_duration`] reads.
pub fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if ms >= factor && ms.is_multiple_of(factor) {
            return format!("{}{unit}", ms / factor);
        }
    }
    if ms == 0 { "0s".to_owned() } else { format!("{ms}ms") }
}

/// A size in the largest unit that says it in whole numbers: what [`parse_size`] reads.
pub fn show_size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes >= 1 << shift && bytes.trailing_zeros() >= shift {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} B")
}

fn number_and_unit(text: &str) -> Result<(f64, &str), &'static str> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| "it does not begin with a number")?;
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_usual_units_and_nothing_else() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5 s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("8h"), Ok(Duration::from_secs(28_800)));
        for bad in ["5", "s", "", "-1s", "5 parsecs", "1e9d", "99999999999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_take_binary_and_decimal_units() {
        assert_eq!(parse_size("64 KiB"), Ok(65_536));
        assert_eq!(parse_size("1.5kB"), Ok(1500));
        for bad in ["64", "KiB", "1 Kib", "99999999999 GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for text in ["0s", "250ms", "90s", "5m", "8h", "3d"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        for text in ["0 B", "1000 B", "64 KiB", "3 MiB", "4 GiB"] {
            assert_eq!(show_size(parse_size(text).unwrap()), text);
        }
    }
}
