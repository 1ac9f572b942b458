//! What is answered at the address of metrics: one page, which can be read and nothing else.

use super::{Form, Source, render};
use crate::answer::{Answer, GUARDS, Status};
use crate::request::{Head, Method, Unread};

/// The answer to a request, whose body nobody reads.
pub(crate) fn answer(source: &Source, head: &Head) -> Answer {
    page(head, |form| render(&source.take(), form))
}

fn page(head: &Head, metrics: impl FnOnce(Form) -> String) -> Answer {
    match (head.path.as_str(), head.method) {
        ("/metrics", method @ (Method::Get | Method::Head)) => Answer {
            status: Status::Ok,
            kind: head.form.content_type(),
            body: metrics(head.form),
            head_only: method == Method::Head,
            fields: GUARDS,
        },
        ("/metrics", _) => text(Status::Method("GET, HEAD"), "Metrics can be read and nothing else.\n"),
        _ => text(Status::NotFound, "There is only /metrics here.\n"),
    }
}

/// The answer to what was not understood.
pub(crate) fn refuse(why: Unread) -> Answer {
    match why {
        Unread::Malformed => text(Status::BadRequest, "This is no HTTP request.\n"),
        Unread::HeadTooLarge => text(Status::HeadTooLarge, "The head of the request is too large.\n"),
        // Never said: bodies are not read here.
        Unread::Length | Unread::BodyMissing => {
            text(Status::LengthRequired, "The length of the body is not known.\n")
        }
        Unread::BodyTooLarge => text(Status::ContentTooLarge, "The body of the request is too large.\n"),
    }
}

fn text(status: Status, says: &str) -> Answer {
    Answer {
        status,
        kind: "text/plain; charset=utf-8",
        body: says.to_owned(),
        head_only: false,
        fields: GUARDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: &str) -> Answer {
        let head = Head::read(request.as_bytes()).unwrap().unwrap_or_else(|why| panic!("{why:?}"));
        page(&head, |_| "line\n".to_owned())
    }

    #[test]
    fn page_is_read_with_get_and_its_length_with_head() {
        let page = answered("GET /metrics HTTP/1.1\r\n\r\n");
        assert_eq!((page.status, page.body.as_str(), page.head_only), (Status::Ok, "line\n", false));
        assert!(answered("HEAD /metrics HTTP/1.1\r\n\r\n").head_only);
    }

    #[test]
    fn what_is_not_there_or_not_allowed_is_refused() {
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", Status::NotFound),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", Status::NotFound),
            ("GET /v1/users HTTP/1.1\r\n\r\n", Status::NotFound),
            ("POST /metrics HTTP/1.1\r\n\r\n", Status::Method("GET, HEAD")),
        ] {
            assert_eq!(answered(request).status, status, "{request}");
        }
    }
}
