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

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
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
