//! Requests that are none, and some that look unusual.

use super::*;

#[test]
fn request_that_is_not_one_is_refused_and_no_server_sees_it() {
    let refused = Reset(1, &[PROTOCOL_ERROR]);
    let names: [(&str, &[u8]); 9] = [
        ("upper case", b"X-Big"),
        ("space", b"x y"),
        ("colon", b"x:y"),
        ("NUL", b"x\0y"),
        ("LF", b"x\ny"),
        ("CR", b"x\ry"),
        ("DEL", b"x\x7f"),
        ("beyond ASCII", b"x\xe9"),
        ("empty", b""),
    ];
    let mut cases: Vec<Case> =
        names.into_iter().map(|(name, bytes)| case(name, with(GET, &[(bytes, b"1")]), refused)).collect();
    let lines: [(&str, &[u8], &[u8]); 14] = [
        ("connection", b"connection", b"close"),
        ("connection that nominates", b"connection", b"x-forwarded-for"),
        ("keep-alive", b"keep-alive", b"timeout=5"),
        ("proxy-connection", b"proxy-connection", b"keep-alive"),
        ("transfer-encoding", b"transfer-encoding", b"chunked"),
        ("upgrade", b"upgrade", b"h2c"),
        ("te", b"te", b"gzip"),
        ("te with trailers", b"te", b"trailers, gzip"),
        ("value with NUL", b"x-a", b"a\0b"),
        ("value with LF", b"x-a", b"a\nx-b: 1"),
        ("value with CR", b"x-a", b"a\rb"),
        ("value with CR LF", b"x-a", b"a\r\nx-b: 1"),
        ("length that is none", b"content-length", b"+0"),
        ("length without a body", b"content-length", b"5"),
    ];
    cases.extend(lines.into_iter().map(|(name, key, value)| case(name, with(GET, &[(key, value)]), refused)));
    let pseudo: [(&str, usize, &[u8], &[u8]); 27] = [
        ("method with a space", 0, b":method", b"GET /x HTTP/1.1"),
        ("method with CR LF", 0, b":method", b"GET\r\nx: 1"),
        ("method empty", 0, b":method", b""),
        ("scheme with LF", 1, b":scheme", b"http\n"),
        ("scheme with a slash", 1, b":scheme", b"http://x/"),
        ("scheme empty", 1, b":scheme", b""),
        ("scheme of something else", 1, b":scheme", b"ftp"),
        ("authority with userinfo", 2, b":authority", b"me@www.example.org"),
        ("authority with a path", 2, b":authority", b"www.example.org/x"),
        ("authority with a query", 2, b":authority", b"www.example.org?x"),
        ("authority with a fragment", 2, b":authority", b"www.example.org#x"),
        ("authority with a backslash", 2, b":authority", b"www.example.org\\x"),
        ("authority with a space", 2, b":authority", b"www.example.org x"),
        ("authority with CR LF", 2, b":authority", b"www.example.org\r\nx: 1"),
        ("authority with NUL", 2, b":authority", b"www\0"),
        ("authority with a port that is none", 2, b":authority", b"www.example.org:http"),
        ("authority with a comma", 2, b":authority", b"a.example,b.example"),
        ("authority empty", 2, b":authority", b""),
        ("path without a slash", 3, b":path", b"x"),
        ("path empty", 3, b":path", b""),
        ("path with a space", 3, b":path", b"/a b"),
        ("path with CR LF", 3, b":path", b"/a HTTP/1.1\r\nx: 1"),
        ("path with NUL", 3, b":path", b"/a\0"),
        ("path with a tab", 3, b":path", b"/a\tb"),
        ("path with DEL", 3, b":path", b"/a\x7f"),
        ("path of a whole address", 3, b":path", b"http://a.example/"),
        ("path of the server as a whole", 3, b":path", b"*"),
    ];
    cases.extend(
        pseudo.into_iter().map(|(name, at, key, value)| case(name, without(at, &[(key, value)]), refused)),
    );
    let twice = |place: usize| headers(1, END, &[&GET[place..=place], GET].concat());
    let late = |place: usize| {
        let mut fields = GET.to_vec();
        let field = fields.remove(place);
        headers(1, END, &[&fields[..], &[(&b"x-a"[..], &b"1"[..]), field]].concat())
    };
    for (place, [one, two, three]) in [
        ["method missing", "method twice", "method late"],
        ["scheme missing", "scheme twice", "scheme late"],
        ["authority missing, and no host", "authority twice", "authority late"],
        ["path missing", "path twice", "path late"],
    ]
    .into_iter()
    .enumerate()
    {
        cases.extend([case(one, without(place, &[]), refused), case(two, twice(place), refused)]);
        cases.push(case(three, late(place), refused));
    }
    let trailer = |fields| headers(1, END, fields);
    cases.extend([
        case(
            "path missing, and the authority",
            headers(1, END, &[&GET[..2], &[(b"host", b"a")]].concat()),
            refused,
        ),
        case("pseudo field that is unknown", with(&[(b":x", b"1")], GET), refused),
        case("pseudo field of an answer", with(&[(b":status", b"200")], GET), refused),
        case("protocol without CONNECT", with(&[(b":protocol", b"websocket")], GET), refused),
        case("host that disagrees", with(GET, &[(b"host", b"other.example")]), refused),
        case(
            "two hosts",
            headers(1, END, &[&GET[..2], &GET[3..], &[(b"host", b"a"), (b"host", b"b")]].concat()),
            refused,
        ),
        case(
            "lengths that disagree",
            with(POST, &[(b"content-length", b"0"), (b"content-length", b"1")]),
            refused,
        ),
        case(
            "body shorter than its length",
            [headers(1, 0, &[POST, &[(b"content-length", b"5")]].concat()), frame(DATA, END, 1, b"abc")]
                .concat(),
            refused,
        ),
        case(
            "body longer than its length",
            [headers(1, 0, &[POST, &[(b"content-length", b"2")]].concat()), frame(DATA, END, 1, b"abc")]
                .concat(),
            refused,
        ),
        case(
            "pseudo field in trailers",
            [post(1), frame(DATA, 0, 1, b"abc"), trailer(&[(b":method", b"GET")])].concat(),
            refused,
        ),
        case(
            "connection in trailers",
            [post(1), frame(DATA, 0, 1, b"abc"), trailer(&[(b"connection", b"close")])].concat(),
            refused,
        ),
        case(
            "LF in trailers",
            [post(1), frame(DATA, 0, 1, b"abc"), trailer(&[(b"x-a", b"a\nb")])].concat(),
            refused,
        ),
        case("CONNECT with a path", without(0, &[(b":method", b"CONNECT")]), refused),
        case(
            "CONNECT without a port",
            headers(1, 0, &[(b":method", b"CONNECT"), (b":authority", b"a.example")]),
            refused,
        ),
        case("CONNECT without an authority", headers(1, 0, &[(b":method", b"CONNECT")]), refused),
        case(
            "WebSocket without a path",
            headers(
                1,
                0,
                &[
                    (b":method", b"CONNECT"),
                    (b":protocol", b"websocket"),
                    (b":scheme", b"http"),
                    (b":authority", b"a"),
                ],
            ),
            refused,
        ),
        case(
            "WebSocket without a scheme",
            headers(
                1,
                0,
                &[
                    (b":method", b"CONNECT"),
                    (b":protocol", b"websocket"),
                    (b":path", b"/"),
                    (b":authority", b"a"),
                ],
            ),
            refused,
        ),
    ]);
    // h2 drops them: they change nothing, and no server sees them, but the request before them.
    table(cases, false, &["pseudo field in trailers"]);
}

#[test]
fn requests_that_look_unusual_are_served() {
    let served = Served(1);
    let none: &[(&[u8], &[u8])] = &[];
    table(
        vec![
            case(
                "host and no authority",
                headers(1, END, &[&GET[..2], &GET[3..], &[(b"host", b"a")]].concat()),
                served,
            ),
            case("host that agrees", with(GET, &[(b"host", b"WWW.example.org")]), served),
            case("te: trailers", with(GET, &[(b"te", b"trailers")]), served),
            case("value beyond ASCII", with(GET, &[(b"x-a", b"\xc3\xa9\t1")]), served),
            case("cookie crumbs", with(GET, &[(b"cookie", b"a=1"), (b"cookie", b"b=2")]), served),
            case(
                "OPTIONS of the server",
                headers(1, END, &[(b":method", b"OPTIONS"), GET[1], GET[2], (b":path", b"*")]),
                served,
            ),
            case(
                "method of one's own",
                headers(1, END, &[(b":method", b"BREW"), GET[1], GET[2], GET[3]]),
                served,
            ),
            // A fragment is for the client alone: no server sees it.
            case("path with a fragment", without(3, &[(b":path", b"/a#b")]), served),
            case("empty trailers", [post(1), headers(1, END, none)].concat(), served),
            case(
                "length twice that agrees",
                with(GET, &[(b"content-length", b"0"), (b"content-length", b"0")]),
                served,
            ),
        ],
        true,
        &[],
    );
}
