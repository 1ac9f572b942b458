//! What the connections of one worker share while they read and write: each needs it for an instant only.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use httpdate::HttpDate;

/// Buffers and the date.
pub(crate) struct Desk {
    /// Where the next head is read to.
    pub(super) worktop: RefCell<Box<[u8]>>,
    /// Where the next answer is put together.
    sheet: Cell<Vec<u8>>,
    date: Cell<Option<(Instant, [u8; DATE])>>,
    /// The same as a field's value, of whose bytes all answers have a share.
    date_value: RefCell<Option<([u8; DATE], HeaderValue)>>,
}

impl Desk {
    /// An empty buffer with room.
    pub(super) fn sheet(&self) -> Vec<u8> {
        let mut sheet = self.sheet.take();
        sheet.clear();
        sheet
    }

    /// Gives a buffer back. One that grew out of proportion is not kept.
    pub(super) fn put_back(&self, sheet: Vec<u8>) {
        if sheet.capacity() <= LARGEST_SHEET {
            self.sheet.set(sheet);
        }
    }

    /// The value of Date (RFC 9110, section 6.6.1), made once a second.
    pub(crate) fn date(&self, now: Instant) -> [u8; DATE] {
        if let Some((until, date)) = self.date.get()
            && now < until
        {
            return date;
        }
        let wall = SystemTime::now();
        let mut date = [b' '; DATE];
        let mut room = &mut date[..];
        let _ = std::io::Write::write_fmt(&mut room, format_args!("{}", HttpDate::from(wall)));
        let part = wall.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
        let left = Duration::from_secs(1).saturating_sub(Duration::from_nanos(part.into()));
        self.date.set(Some((now + left, date)));
        date
    }

    /// As [`Desk::date`], for where fields are no bytes yet.
    pub(crate) fn date_value(&self, now: Instant) -> HeaderValue {
        let date = self.date(now);
        let mut known = self.date_value.borrow_mut();
        match &*known {
            Some((of, value)) if *of == date => value.clone(),
            _ => {
                // Digits, letters and spaces are always a value.
                let value = HeaderValue::from_bytes(&date).unwrap_or_else(|_| HeaderValue::from_static(""));
                *known = Some((date, value.clone()));
                value
            }
        }
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            worktop: RefCell::new(vec![0; WORKTOP].into()),
            sheet: Cell::default(),
            date: Cell::default(),
            date_value: RefCell::default(),
        }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
const DATE: usize = 29;
const WORKTOP: usize = 16 * 1024;
const LARGEST_SHEET: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_has_the_form_of_the_rfc_and_is_kept_for_a_second_at_most() {
        let desk = Desk::default();
        let now = Instant::now();
        let first = desk.date(now);
        assert!(httpdate::parse_http_date(std::str::from_utf8(&first).unwrap()).is_ok());
        let until = desk.date.get().unwrap().0;
        assert!(until > now && until <= now + Duration::from_secs(1));
        assert_eq!(desk.date_value(now).as_bytes(), desk.date(now));
        let later = until + Duration::from_secs(1);
        assert_eq!(desk.date_value(later).as_bytes(), desk.date(later));
    }
}
