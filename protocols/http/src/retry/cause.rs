//! How a try fails, as far as another one may help.

use http::StatusCode;
use sekisho_api::Deadline;

use crate::codec::Broken;

/// How a try failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server could not be connected.
    ConnectFailure,
    /// The connection ended before a byte of an answer.
    EmptyAnswer,
    /// What came is no answer, or half of one's head.
    MalformedAnswer,
    /// No answer came in time.
    Timeout,
    /// The answer has a status that is worth another try.
    Status(StatusCode),
}

impl Cause {
    /// Their names in the configuration and the metrics, by their places.
    pub(super) const NAMES: [&'static str; 5] =
        ["connect-failure", "empty-answer", "malformed-answer", "timeout", "status"];

    /// Its place in [`Self::NAMES`].
    pub(super) const fn place(self) -> usize {
        match self {
            Self::ConnectFailure => 0,
            Self::EmptyAnswer => 1,
            Self::MalformedAnswer => 2,
            Self::Timeout => 3,
            Self::Status(_) => 4,
        }
    }

    /// What broke a request; none where no other server can do better.
    pub(crate) fn of(broken: &Broken) -> Option<Self> {
        match broken {
            Broken::Unsent | Broken::Silent => Some(Self::EmptyAnswer),
            Broken::Cut | Broken::Malformed => Some(Self::MalformedAnswer),
            Broken::Expired(Deadline::Response) => Some(Self::Timeout),
            _ => None,
        }
    }
}
