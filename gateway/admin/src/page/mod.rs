//! The page for whoever would rather look than ask: HTML, style and scripts, served as they stand in this folder.
//!
//! There is nothing in them that strangers may not see: what they show is asked of the API, with the token that whoever
//! looks has given.
//!
//! ```text
//! page.html    what is there before anything is known; style.css: how it looks
//! main.js      brings the others together
//! api.js       asks, changes, follows
//! model.js     what is known: rates and history from numbers
//! view.js      the summary, the VIPs, what happens; table.js: the servers
//! detail.js    one server or VIP: server.js: what it has been through; decisions.js: why clients go where they do
//! steer.js     changes, confirmed
//! chart.js     lines; badge.js: states; words.js: numbers as they are read; dom.js: elements
//! ```

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};

use crate::answer::{Answer, Status};
use crate::request::{Head, Method};

/// A part of the page.
#[derive(Debug)]
struct Part {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

const fn script(path: &'static str, text: &'static str) -> Part {
    Part { path, kind: SCRIPT, text }
}

static PARTS: &[Part] = &[
    Part { path: "/", kind: "text/html; charset=utf-8", text: include_str!("page.html") },
    Part { path: "/style.css", kind: "text/css; charset=utf-8", text: include_str!("style.css") },
    Part { path: "/icon.svg", kind: "image/svg+xml", text: include_str!("icon.svg") },
    script("/main.js", include_str!("main.js")),
    script("/api.js", include_str!("api.js")),
    script("/model.js", include_str!("model.js")),
    script("/view.js", include_str!("view.js")),
    script("/table.js", include_str!("table.js")),
    script("/detail.js", include_str!("detail.js")),
    script("/server.js", include_str!("server.js")),
    script("/decisions.js", include_str!("decisions.js")),
    script("/badge.js", include_str!("badge.js")),
    script("/steer.js", include_str!("steer.js")),
    script("/chart.js", include_str!("chart.js")),
    script("/words.js", include_str!("words.js")),
    script("/dom.js", include_str!("dom.js")),
];

/// The version of all parts together, so that none of one version meets one of another.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: String = PARTS.iter().map(|part| part.text).collect();
    let digest = digest(&SHA256, all.as_bytes());
    let digits: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
});

/// What the head of each part says: nothing is loaded from elsewhere, nothing that is shown can become code, and no
/// other page shows this one.
static FIELDS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "Cache-Control: no-cache\r\nETag: {}\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; \
         style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n\
         Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n",
        *VERSION
    )
});

/// The part of the page that is asked for; none if something else is.
pub(crate) fn part(head: &Head) -> Option<Answer> {
    let looks = matches!(head.method, Method::Get | Method::Head) && head.length == Some(0);
    let part = PARTS.iter().find(|part| looks && part.path == head.path)?;
    let has = |tag: &str| ["*", VERSION.as_str()].contains(&tag.trim().trim_start_matches("W/"));
    let has = head.has.as_deref().is_some_and(|tags| tags.split(',').any(has));
    Some(Answer {
        status: if has { Status::NotModified } else { Status::Ok },
        kind: part.kind,
        body: part.text.to_owned(),
        head_only: has || head.method == Method::Head,
        fields: FIELDS.as_str(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: &str) -> Option<Answer> {
        part(&Head::read(request.as_bytes()).unwrap().unwrap_or_else(|why| panic!("{why:?}")))
    }

    #[test]
    fn page_is_sent_once_and_then_only_when_it_is_another() {
        let first = asked("GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(
            (first.status, first.kind, first.head_only),
            (Status::Ok, "text/html; charset=utf-8", false)
        );
        let tag = VERSION.as_str();
        for has in [tag.to_owned(), format!("\"old\", W/{tag}"), "*".to_owned()] {
            let again = asked(&format!("GET /main.js HTTP/1.1\r\nIf-None-Match: {has}\r\n\r\n")).unwrap();
            assert_eq!((again.status, again.head_only), (Status::NotModified, true), "{has}");
        }
        let other = asked("GET / HTTP/1.1\r\nIf-None-Match: \"old\"\r\n\r\n").unwrap();
        assert_eq!(other.status, Status::Ok);
    }

    #[test]
    fn what_is_no_part_or_no_look_is_for_the_api() {
        for request in [
            "GET /v1/status HTTP/1.1\r\n\r\n",
            "GET /page.html HTTP/1.1\r\n\r\n",
            "GET /../main.js HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\n",
        ] {
            assert!(asked(request).is_none(), "{request}");
        }
    }

    #[test]
    fn page_names_its_own_parts_and_nothing_elsewhere() {
        let marks = ["src=\"", "href=\"", "from \"./"];
        for part in PARTS {
            let named = marks.into_iter().flat_map(|mark| part.text.split(mark).skip(1));
            for name in named.map(|rest| rest.split('"').next().unwrap_or_default()) {
                let own = |part: &Part| part.path.trim_start_matches('/') == name;
                assert!(name.starts_with('#') || PARTS.iter().any(own), "{}: {name}", part.path);
            }
        }
        for part in PARTS {
            let inline =
                ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "style=\"", "onclick="];
            for way in inline {
                assert!(!part.text.contains(way), "{}: {way}", part.path);
            }
            assert!(!part.text.replace("http://www.w3.org/", "").contains("://"), "{}", part.path);
        }
    }
}
