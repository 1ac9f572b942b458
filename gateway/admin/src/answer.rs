//! An answer as it goes out: HTTP/1.1.

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    /// Whether only its head is wanted.
    pub(crate) head_only: bool,
    /// What else its head says; [`GUARDS`] for everything but the page.
    pub(crate) fields: &'static str,
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    /// Whoever asks has it already.
    NotModified,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    /// The methods that are allowed.
    Method(&'static str),
    /// What belongs to the request did not come.
    Timeout,
    Conflict,
    LengthRequired,
    ContentTooLarge,
    UnsupportedMedia,
    Misdirected,
    /// What was sent is understood, and no configuration.
    Unprocessable,
    HeadTooLarge,
    Unavailable,
}

impl Status {
    /// The number.
    pub(crate) fn code(self) -> u16 {
        self.line().get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(500)
    }

    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::NotModified => "304 Not Modified",
            Self::BadRequest => "400 Bad Request",
            Self::Unauthorized => "401 Unauthorized",
            Self::Forbidden => "403 Forbidden",
            Self::NotFound => "404 Not Found",
            Self::Method(_) => "405 Method Not Allowed",
            Self::Timeout => "408 Request Timeout",
            Self::Conflict => "409 Conflict",
            Self::LengthRequired => "411 Length Required",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::UnsupportedMedia => "415 Unsupported Media Type",
            Self::Misdirected => "421 Misdirected Request",
            Self::Unprocessable => "422 Unprocessable Content",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

impl Answer {
    /// What goes out; `stays` says whether the connection does.
    pub(crate) fn text(&self, stays: bool) -> String {
        let more = match self.status {
            Status::Method(allowed) => format!("Allow: {allowed}\r\n"),
            Status::Unauthorized => "WWW-Authenticate: Bearer realm=\"sekisho\"\r\n".to_owned(),
            _ => String::new(),
        };
        let mut text = format!(
            "HTTP/1.1 {}\r\n{more}Content-Type: {}\r\nContent-Length: {}\r\n{}Connection: {}\r\n\r\n",
            self.status.line(),
            self.kind,
            self.body.len(),
            self.fields,
            if stays { "keep-alive" } else { "close" },
        );
        if !self.head_only {
            text.push_str(&self.body);
        }
        text
    }
}

/// What every answer says to browsers: nothing here is kept, guessed at, framed or shared with other origins.
pub(crate) const GUARDS: &str = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
                                 Cross-Origin-Resource-Policy: same-origin\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_as_long_as_it_says_and_head_has_no_text() {
        let answer = Answer {
            status: Status::Ok,
            kind: "text/plain",
            body: "line\n".to_owned(),
            head_only: false,
            fields: GUARDS,
        };
        let (head, body) =
            answer.text(false).split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 5\r\n"),
            "{head}"
        );
        assert_eq!(body, "line\n");
        let head_only = Answer { head_only: true, ..answer }.text(true);
        assert!(
            head_only.contains("Content-Length: 5\r\n") && head_only.ends_with("\r\n\r\n"),
            "{head_only}"
        );
    }

    #[test]
    fn refused_method_says_which_are_allowed() {
        let answer = Answer {
            status: Status::Method("GET"),
            kind: "a/b",
            body: String::new(),
            head_only: false,
            fields: GUARDS,
        };
        assert!(answer.text(false).starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"));
        assert_eq!(answer.status.code(), 405);
    }
}
