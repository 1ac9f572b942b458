//! An answer as it goes out: HTTP/1.1, whole, the last thing that is said.

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    /// Whether only its head is wanted.
    pub(crate) head_only: bool,
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    /// The methods that are allowed.
    Method(&'static str),
    Conflict,
    LengthRequired,
    ContentTooLarge,
    HeadTooLarge,
    Unavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::Method(_) => "405 Method Not Allowed",
            Self::Conflict => "409 Conflict",
            Self::LengthRequired => "411 Length Required",
            Self::ContentTooLarge => "413 Content Too Large",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

impl Answer {
    /// What goes out.
    pub(crate) fn text(&self) -> String {
        let allow = match self.status {
            Status::Method(allowed) => format!("Allow: {allowed}\r\n"),
            _ => String::new(),
        };
        let mut text = format!(
            "HTTP/1.1 {}\r\n{allow}Content-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            self.status.line(),
            self.kind,
            self.body.len()
        );
        if !self.head_only {
            text.push_str(&self.body);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_as_long_as_it_says_and_head_has_no_text() {
        let answer =
            Answer { status: Status::Ok, kind: "text/plain", body: "line\n".to_owned(), head_only: false };
        let (head, body) =
            answer.text().split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\nContent-Length: 5\r\n"),
            "{head}"
        );
        assert_eq!(body, "line\n");
        let head_only = Answer { head_only: true, ..answer }.text();
        assert!(
            head_only.contains("Content-Length: 5\r\n") && head_only.ends_with("\r\n\r\n"),
            "{head_only}"
        );
    }

    #[test]
    fn refused_method_says_which_are_allowed() {
        let answer =
            Answer { status: Status::Method("GET"), kind: "a/b", body: String::new(), head_only: false };
        assert!(answer.text().starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"));
    }
}
