//! A request's own number.

use http::{HeaderMap, HeaderName, HeaderValue};
use sekisho_api::settings::Section;

use super::Ids;
use crate::reserved;

/// What a VIP does about the number that a request came with.
#[derive(Clone, Debug)]
pub(super) struct RequestId {
    mode: Mode,
    /// The field that it stands in.
    pub(super) header: HeaderName,
    /// Whether the answer tells it to the client.
    pub(super) echo: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// It is kept, whoever sent it, and made where there is none.
    Pass,
    /// It is kept if it comes from a trusted network, and made otherwise.
    Make,
    /// It is always made.
    Replace,
}

impl RequestId {
    /// Reads `request-id`, `request-id-header` and `request-id-echo`.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let words = [
            ("off", None),
            ("pass", Some(Mode::Pass)),
            ("make", Some(Mode::Make)),
            ("replace", Some(Mode::Replace)),
        ];
        let mode = section.word("request-id", &words).flatten();
        let header = header(section).unwrap_or(X_REQUEST_ID);
        let echo = section.flag("request-id-echo", false);
        Some(Self { mode: mode?, header, echo })
    }

    /// The number of a request.
    pub(super) fn of(&self, headers: &HeaderMap, trusted: bool, ids: &Ids) -> Option<HeaderValue> {
        let keep = match self.mode {
            Mode::Pass => true,
            Mode::Make => trusted,
            Mode::Replace => false,
        };
        let mut lines = headers.get_all(&self.header).iter();
        match (lines.next(), lines.next()) {
            (Some(value), None) if keep && valid(value.as_bytes()) => Some(value.clone()),
            _ => HeaderValue::from_bytes(&ids.uuid()).ok(),
        }
    }
}

/// Whether a number may be passed on and written into logs as it stands.
fn valid(value: &[u8]) -> bool {
    (1..=LONGEST).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}

fn header(section: &mut Section<'_>) -> Option<HeaderName> {
    let text = section.text("request-id-header")?;
    reserved::read(section, text, "a number")
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest number that is kept.
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a number is kept that came in these lines.
    fn kept(mode: Mode, lines: &[&str], trusted: bool) -> bool {
        let header = HeaderName::from_static("x-id");
        let headers: HeaderMap = lines
            .iter()
            .map(|line| (header.clone(), HeaderValue::from_bytes(line.as_bytes()).unwrap()))
            .collect();
        let id = RequestId { mode, header, echo: false }.of(&headers, trusted, &Ids::default()).unwrap();
        assert!(lines.contains(&id.to_str().unwrap()) || id.len() == 36, "{id:?}");
        lines.contains(&id.to_str().unwrap())
    }

    #[test]
    fn number_is_kept_from_those_whose_word_counts_and_made_for_all_others() {
        for (mode, trusted, expected) in [
            (Mode::Pass, false, true),
            (Mode::Pass, true, true),
            (Mode::Make, false, false),
            (Mode::Make, true, true),
            (Mode::Replace, false, false),
            (Mode::Replace, true, false),
        ] {
            assert_eq!(kept(mode, &["abc-1"], trusted), expected, "{mode:?}, trusted: {trusted}");
            assert!(!kept(mode, &[], trusted));
        }
    }

    #[test]
    fn number_that_could_confuse_a_log_is_replaced() {
        let long = "a".repeat(128);
        assert!(kept(Mode::Pass, &[&long], false));
        for bad in ["", "a b", "a\tb", "é", &format!("{long}a")] {
            assert!(!kept(Mode::Pass, &[bad], true), "{bad}");
        }
        assert!(!kept(Mode::Pass, &["a", "b"], true), "two numbers are none");
    }
}
