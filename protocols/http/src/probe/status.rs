//! Which statuses are good news, and the status line they stand in.

use std::str::FromStr;

/// A status or a range of them: `200`, `200-399`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// Any success or redirect: the server is alive and its application answers.
    pub(crate) const WELL: Self = Self { first: 200, last: 399 };

    pub(crate) fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl FromStr for StatusRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| text.trim().parse().ok().filter(|n| (100..=599).contains(n));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err("write a status such as \"200\" or a range such as \"200-399\""),
        }
    }
}

/// `HTTP/1.x SP 3DIGIT [SP reason]` (RFC 9112, section 4): the status; `None` if it is no such line.
pub(crate) fn status_line(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    match rest {
        [b'0' | b'1', b' ', a, b, c] | [b'0' | b'1', b' ', a, b, c, b' ', ..]
            if [a, b, c].iter().all(|d| d.is_ascii_digit()) =>
        {
            Some([a, b, c].iter().fold(0, |n, d| n * 10 + u16::from(**d - b'0')))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_ranges_are_read_and_nonsense_is_not() {
        let range: StatusRange = "200-399".parse().unwrap();
        assert!(range.contains(200) && range.contains(399) && !range.contains(400));
        assert_eq!("204".parse(), Ok(StatusRange { first: 204, last: 204 }));
        for bad in ["", "2xx", "399-200", "99", "600", "-200", "200-"] {
            assert!(bad.parse::<StatusRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn status_line_needs_version_and_three_digits_only() {
        assert_eq!(status_line(b"HTTP/1.1 200 OK"), Some(200));
        assert_eq!(status_line(b"HTTP/1.0 503"), Some(503));
        assert_eq!(status_line(b"HTTP/1.1 200 "), Some(200));
        for bad in [&b"HTTP/2 200"[..], b"HTTP/1.1 20", b"HTTP/1.1 2000", b"SSH-2.0", b"", b"HTTP/1.1 abc"] {
            assert_eq!(status_line(bad), None);
        }
    }
}
