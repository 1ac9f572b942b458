//! Text built on the stack.

use std::fmt;

use http::HeaderValue;
use smallvec::SmallVec;

/// Text that is built on the stack and becomes a header's value.
#[derive(Debug, Default)]
pub(crate) struct Text(SmallVec<[u8; 128]>);

impl Text {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes several slashes at the beginning, of either kind, one.
    pub(crate) fn lead_with_one_slash(&mut self) {
        let slashes = self.0.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
        if slashes > 0 {
            self.0.drain(1..slashes);
            self.0.iter_mut().take(1).for_each(|first| *first = b'/');
        }
    }

    /// The value; `None` where a byte stands in it that no header may carry.
    pub(crate) fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok()
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}
