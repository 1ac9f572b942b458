//! What RFC 9113 and RFC 7541 demand of a server, one line each: by the sections of h2spec, and what a request may not
//! hold.

use super::support::frames::*;
use super::support::{Origin, Rig, Setup, test};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;

/// What a connection has to come to.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// This stream is answered, and the connection goes on.
    Served(u32),
    /// Nothing is wrong.
    Lives,
    /// This stream is reset with one of the codes, and others go on; or the connection ends with one of them.
    Reset(u32, &'static [u32]),
    /// The connection ends, and the client is told one of the codes.
    Cut(&'static [u32]),
}
use Expect::{Cut, Lives, Reset, Served};

/// What a client says on a connection that has begun well, and what has to come of it. Between two parts it waits for the
/// end of the answer on stream 1.
type Case = (&'static str, Vec<Vec<u8>>, Expect);

fn case(name: &'static str, said: Vec<u8>, expect: Expect) -> Case {
    (name, vec![said], expect)
}

fn get(stream: u32) -> Vec<u8> {
    headers(stream, END, GET)
}

fn post(stream: u32) -> Vec<u8> {
    headers(stream, 0, POST)
}

fn with(request: &[(&'static [u8], &'static [u8])], more: &[(&'static [u8], &'static [u8])]) -> Vec<u8> {
    headers(1, END, &[request, more].concat())
}

/// GET without the pseudo field at this place, and with these.
fn without(place: usize, more: &[(&'static [u8], &'static [u8])]) -> Vec<u8> {
    let mut fields = GET.to_vec();
    fields.remove(place);
    headers(1, END, &[more, &fields].concat())
}

/// Whether a frame has one of the codes. The general one may stand for all others (RFC 9113, section 7), and h2 uses it
/// where it could be more precise.
fn says(frame: &Frame, codes: &[u32]) -> bool {
    codes.contains(&frame.code()) || frame.code() == PROTOCOL_ERROR
}

/// Runs a case, and says what went wrong.
async fn run(rig: &Rig, said: &[Vec<u8>], expect: Expect) -> Result<(), String> {
    let mut client = Frames::open(rig).await;
    for (n, part) in said.iter().enumerate() {
        if n > 0 {
            client.until(|frame| frame.stream == 1 && frame.flags & END != 0 && frame.kind < PRIORITY).await;
        }
        client.send(part).await;
    }
    let on = |stream: u32| {
        move |frame: &Frame| frame.stream == stream && [HEADERS, RST_STREAM].contains(&frame.kind)
    };
    let (mut frames, _) = match expect {
        Served(stream) | Reset(stream, _) => client.until(|f| on(stream)(f) || f.kind == GOAWAY).await,
        Lives | Cut(_) => (Vec::new(), true),
    };
    let (more, lives) = client.alive().await;
    frames.extend(more);
    let bad: Vec<&Frame> = frames.iter().filter(|f| [RST_STREAM, GOAWAY].contains(&f.kind)).collect();
    let ok = match expect {
        Served(stream) => {
            lives
                && bad.is_empty()
                && frames.iter().any(|f| f.kind == HEADERS && f.stream == stream && f.status() == 200)
        }
        Lives => lives && bad.is_empty(),
        Reset(stream, codes) => {
            let refused = |f: &Frame| f.kind == HEADERS && f.stream == stream && f.status() == 400;
            let reset = |f: &&Frame| f.kind == GOAWAY || f.stream == stream && lives;
            frames.iter().any(refused) && lives || bad.iter().any(|f| reset(f) && says(f, codes))
        }
        Cut(codes) => !lives && bad.iter().any(|f| f.kind == GOAWAY && says(f, codes)),
    };
    if ok { Ok(()) } else { Err(format!("{expect:?}, but it lives: {lives}, and came: {frames:?}")) }
}

/// Runs a table; `asked`: whether a server may see anything of it.
fn table(cases: Vec<Case>, asked: bool, misses: &[&str]) {
    let count = cases.len();
    test(async move {
        let origin = Origin::named("a").await;
        let rig = Rig::new("allow-methods = ['CONNECT']", &[&origin]).await;
        let mut wrong = Vec::new();
        for (name, said, expect) in cases {
            let before = origin.seen().len();
            let mut result = run(&rig, &said, expect).await;
            if result.is_ok() && !asked && origin.seen().len() > before {
                result = Err("a server has seen it".to_owned());
            }
            match (result, misses.contains(&name)) {
                (Err(error), false) => wrong.push(format!("{name}: {error}")),
                (Ok(()), true) => wrong.push(format!("{name}: is no miss any more")),
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!(rig.leases(), 0);
    });
}

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

#[test]
fn connection_is_served_as_h2spec_has_it() {
    let (first, rest) = {
        let all = block(GET);
        let (a, b) = all.split_at(10);
        (a.to_vec(), b.to_vec())
    };
    let split = |flags: u8| frame(HEADERS, flags, 1, &first);
    let indexed = |bytes: &[u8]| frame(HEADERS, END | WHOLE, 1, bytes);
    // GET, http, / and an authority, as an encoder has them that remembers.
    let remembered = b"\x82\x86\x84\x41\x0fwww.example.com";
    let window = |stream, size: u32| frame(WINDOW_UPDATE, 0, stream, &size.to_be_bytes());
    let settings = |name, value| frame(SETTINGS, 0, 0, &setting(name, value));
    let answered = |second: Vec<u8>| vec![get(1), second];
    let reset = |stream: u32| frame(RST_STREAM, 0, stream, &8u32.to_be_bytes());
    let mut cases: Vec<Case> = vec![
        // Generic.
        case("generic/1: preface", vec![], Lives),
        case(
            "generic/2: PRIORITY on an idle stream",
            [frame(PRIORITY, 0, 1, b"\0\0\0\0\x0f"), get(1)].concat(),
            Served(1),
        ),
        case(
            "generic/2: WINDOW_UPDATE on a half-closed stream",
            [get(1), window(1, 100)].concat(),
            Served(1),
        ),
        case(
            "generic/2: PRIORITY on a half-closed stream",
            [get(1), frame(PRIORITY, 0, 1, b"\0\0\0\0\xff")].concat(),
            Served(1),
        ),
        case("generic/2: RST_STREAM on a half-closed stream", [get(1), reset(1)].concat(), Lives),
        ("generic/2: PRIORITY on a closed stream", answered(frame(PRIORITY, 0, 1, b"\0\0\0\0\xff")), Lives),
        ("generic/2: WINDOW_UPDATE on a closed stream", answered(window(1, 100)), Lives),
        ("generic/2: RST_STREAM on a closed stream", answered(reset(1)), Lives),
        case("generic/3.1: DATA", [post(1), frame(DATA, END, 1, b"test")].concat(), Served(1)),
        case(
            "generic/3.1: several DATA",
            [post(1), frame(DATA, 0, 1, b"te"), frame(DATA, END, 1, b"st")].concat(),
            Served(1),
        ),
        case(
            "generic/3.1: DATA with padding",
            [post(1), frame(DATA, END | PADDED, 1, b"\x06test\0\0\0\0\0\0")].concat(),
            Served(1),
        ),
        case("generic/3.2: HEADERS", get(1), Served(1)),
        case(
            "generic/3.2: HEADERS with padding",
            frame(HEADERS, END | WHOLE | PADDED, 1, &[&[3], &block(GET)[..], &[0; 3]].concat()),
            Served(1),
        ),
        case(
            "generic/3.2: HEADERS with a weight",
            frame(HEADERS, END | WHOLE | WEIGHED, 1, &[b"\0\0\0\0\xff", &block(GET)[..]].concat()),
            Served(1),
        ),
        case(
            "generic/3.3: PRIORITY of 1",
            [frame(PRIORITY, 0, 1, b"\0\0\0\0\0"), get(1)].concat(),
            Served(1),
        ),
        case(
            "generic/3.3: PRIORITY of 256",
            [frame(PRIORITY, 0, 1, b"\0\0\0\0\xff"), get(1)].concat(),
            Served(1),
        ),
        case(
            "generic/3.3: PRIORITY that depends",
            [frame(PRIORITY, 0, 1, b"\0\0\0\x03\xff"), get(1)].concat(),
            Served(1),
        ),
        case(
            "generic/3.3: PRIORITY that excludes",
            [frame(PRIORITY, 0, 1, b"\x80\0\0\x03\xff"), get(1)].concat(),
            Served(1),
        ),
        case(
            "generic/3.3: PRIORITY of a higher idle stream",
            [frame(PRIORITY, 0, 5, b"\0\0\0\0\xff"), get(1)].concat(),
            Served(1),
        ),
        case("generic/3.4: RST_STREAM", [get(1), reset(1), get(3)].concat(), Served(3)),
        case("generic/3.5: SETTINGS", settings(3, 100), Lives),
        case("generic/3.7: PING", frame(PING, 0, 0, b"01234567"), Lives),
        case("generic/3.8: GOAWAY", [get(1), frame(GOAWAY, 0, 0, &[0; 8])].concat(), Lives),
        case("generic/3.9: WINDOW_UPDATE on the connection", [window(0, 1), get(1)].concat(), Served(1)),
        case(
            "generic/3.9: WINDOW_UPDATE on a stream",
            [post(1), window(1, 1), frame(DATA, END, 1, b"")].concat(),
            Served(1),
        ),
        case(
            "generic/3.10: CONTINUATION",
            [split(END), frame(CONTINUATION, WHOLE, 1, &rest)].concat(),
            Served(1),
        ),
        case(
            "generic/3.10: several CONTINUATION",
            [split(END), frame(CONTINUATION, 0, 1, &rest[..5]), frame(CONTINUATION, WHOLE, 1, &rest[5..])]
                .concat(),
            Served(1),
        ),
        case("generic/4: HEAD", headers(1, END, &[(b":method", b"HEAD"), GET[1], GET[2], GET[3]]), Served(1)),
        case(
            "generic/4: POST with trailers",
            [post(1), frame(DATA, 0, 1, b"test"), headers(1, END, &[(b"x-sum", b"1")])].concat(),
            Served(1),
        ),
        case("generic/5: indexed", indexed(remembered), Served(1)),
        case(
            "generic/5: with indexing, indexed name",
            indexed(&[&remembered[..], b"\x50\x03abc"].concat()),
            Served(1),
        ),
        case(
            "generic/5: with indexing, new name",
            indexed(&[&remembered[..], b"\x40\x03x-a\x01b"].concat()),
            Served(1),
        ),
        case(
            "generic/5: without indexing, indexed name",
            indexed(&[&remembered[..], b"\x0f\x01\x03abc"].concat()),
            Served(1),
        ),
        case(
            "generic/5: without indexing, new name",
            indexed(&[&remembered[..], b"\x00\x03x-a\x01b"].concat()),
            Served(1),
        ),
        case(
            "generic/5: never indexed, indexed name",
            indexed(&[&remembered[..], b"\x1f\x01\x03abc"].concat()),
            Served(1),
        ),
        case(
            "generic/5: never indexed, new name",
            indexed(&[&remembered[..], b"\x10\x03x-a\x01b"].concat()),
            Served(1),
        ),
        case(
            "generic/5: Huffman code",
            indexed(&[&remembered[..], b"\x40\x83\xf2\xb1\xff\x81\x8f"].concat()),
            Served(1),
        ),
        case(
            "generic/5: remembered field",
            [indexed(remembered), frame(HEADERS, END | WHOLE, 3, b"\x82\x86\x84\xbe")].concat(),
            Served(3),
        ),
        case("generic/5: size update", indexed(&[b"\x3f\x61", &remembered[..]].concat()), Served(1)),
        case(
            "generic/5: several size updates",
            indexed(&[b"\x20\x3f\x61", &remembered[..]].concat()),
            Served(1),
        ),
        // RFC 9113.
        case("4.1: unknown frame", frame(0xff, 0, 0, b"12345678"), Lives),
        case("4.1: unknown flags", frame(PING, 0xfe, 0, b"12345678"), Lives),
        case("4.1: reserved bit", frame(PING, 0, 1 << 31, b"12345678"), Lives),
        case("4.2: DATA of 16 KiB", [post(1), frame(DATA, END, 1, &[b'x'; 16384])].concat(), Served(1)),
        case(
            "4.2: DATA that is too large",
            [post(1), frame(DATA, END, 1, &[b'x'; 16385])].concat(),
            Reset(1, &[FRAME_SIZE_ERROR]),
        ),
        case(
            "4.2: HEADERS that are too large",
            frame(HEADERS, END | WHOLE, 1, &[block(GET), block(&[(b"x-a", &[b'x'; 16384])])].concat()),
            Cut(&[FRAME_SIZE_ERROR]),
        ),
        case("4.3: block that is none", indexed(b"\x82\x86\x84\x40"), Cut(&[COMPRESSION_ERROR])),
        case(
            "4.3: PRIORITY within a block",
            [split(END), frame(PRIORITY, 0, 1, b"\0\0\0\0\xff"), frame(CONTINUATION, WHOLE, 1, &rest)]
                .concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "4.3: HEADERS of another stream within a block",
            [split(END), get(3)].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case("5.1: idle, DATA", frame(DATA, END, 1, b"test"), Cut(&[PROTOCOL_ERROR, STREAM_CLOSED])),
        case("5.1: idle, RST_STREAM", reset(1), Cut(&[PROTOCOL_ERROR])),
        case("5.1: idle, WINDOW_UPDATE", window(1, 100), Cut(&[PROTOCOL_ERROR])),
        case("5.1: idle, CONTINUATION", frame(CONTINUATION, WHOLE, 1, &block(GET)), Cut(&[PROTOCOL_ERROR])),
        case(
            "5.1: half-closed, DATA",
            [get(1), frame(DATA, END, 1, b"test")].concat(),
            Reset(1, &[STREAM_CLOSED]),
        ),
        case("5.1: half-closed, HEADERS", [get(1), get(1)].concat(), Reset(1, &[STREAM_CLOSED])),
        case(
            "5.1: half-closed, CONTINUATION",
            [get(1), frame(CONTINUATION, WHOLE, 1, &block(GET))].concat(),
            Cut(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        case(
            "5.1: closed by a reset, CONTINUATION",
            [post(1), reset(1), frame(CONTINUATION, WHOLE, 1, &block(GET))].concat(),
            Cut(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        (
            "5.1: closed, CONTINUATION",
            answered(frame(CONTINUATION, WHOLE, 1, &block(GET))),
            Cut(&[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        ("5.1: closed, DATA", answered(frame(DATA, END, 1, b"test")), Reset(1, &[STREAM_CLOSED])),
        ("5.1: closed, HEADERS", answered(get(1)), Reset(1, &[STREAM_CLOSED, PROTOCOL_ERROR])),
        case(
            "5.1: closed by a reset, DATA",
            [post(1), reset(1), frame(DATA, END, 1, b"test")].concat(),
            Reset(1, &[STREAM_CLOSED]),
        ),
        case(
            "5.1: closed by a reset, HEADERS",
            [post(1), reset(1), get(1)].concat(),
            Reset(1, &[STREAM_CLOSED, PROTOCOL_ERROR]),
        ),
        case("5.1.1: stream with an even number", get(2), Cut(&[PROTOCOL_ERROR])),
        case(
            "5.1.1: stream with a lower number",
            [get(5), get(3)].concat(),
            Cut(&[PROTOCOL_ERROR, STREAM_CLOSED]),
        ),
        case(
            "5.1.2: streams beyond what is allowed",
            (0..101).flat_map(|n| headers(1 + 2 * n, 0, POST)).collect(),
            Reset(201, &[REFUSED_STREAM, PROTOCOL_ERROR]),
        ),
        case(
            "5.3.1: HEADERS that depend on themselves",
            frame(HEADERS, END | WHOLE | WEIGHED, 1, &[b"\0\0\0\x01\xff", &block(GET)[..]].concat()),
            Reset(1, &[PROTOCOL_ERROR]),
        ),
        case(
            "5.3.1: PRIORITY that depends on itself",
            [post(1), frame(PRIORITY, 0, 1, b"\0\0\0\x01\xff")].concat(),
            Reset(1, &[PROTOCOL_ERROR]),
        ),
        case(
            "5.5: unknown frame on a stream",
            [post(1), frame(0x16, 0, 1, b"ext"), frame(DATA, END, 1, b"")].concat(),
            Served(1),
        ),
        case(
            "5.5: unknown frame within a block",
            [split(END), frame(0x16, 0, 1, b"ext"), frame(CONTINUATION, WHOLE, 1, &rest)].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case("6.1: DATA on the connection", frame(DATA, 0, 0, b"test"), Cut(&[PROTOCOL_ERROR])),
        case(
            "6.1: DATA with padding beyond its end",
            [post(1), frame(DATA, END | PADDED, 1, b"\x06test")].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case("6.2: HEADERS on the connection", get(0), Cut(&[PROTOCOL_ERROR])),
        case(
            "6.2: HEADERS with padding beyond their end",
            frame(HEADERS, END | WHOLE | PADDED, 1, b"\xff\x82\x86\x84"),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.2: HEADERS that are too short for their padding",
            frame(HEADERS, END | WHOLE | PADDED, 1, b""),
            Cut(&[PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
        ),
        case(
            "6.3: PRIORITY on the connection",
            frame(PRIORITY, 0, 0, b"\0\0\0\0\xff"),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.3: PRIORITY of another length",
            [post(1), frame(PRIORITY, 0, 1, b"\x80\0\0\x01")].concat(),
            Reset(1, &[FRAME_SIZE_ERROR]),
        ),
        case(
            "6.4: RST_STREAM on the connection",
            frame(RST_STREAM, 0, 0, &[0, 0, 0, 8]),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.4: RST_STREAM of another length",
            [post(1), frame(RST_STREAM, 0, 1, &[0, 0, 8])].concat(),
            Cut(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "6.5: SETTINGS that agree to something",
            frame(SETTINGS, END, 0, &setting(3, 1)),
            Cut(&[FRAME_SIZE_ERROR]),
        ),
        case("6.5: SETTINGS of a stream", frame(SETTINGS, 0, 1, &setting(3, 1)), Cut(&[PROTOCOL_ERROR])),
        case("6.5: SETTINGS of another length", frame(SETTINGS, 0, 0, &[0, 3, 0]), Cut(&[FRAME_SIZE_ERROR])),
        case("6.5.2: push of 2", settings(2, 2), Cut(&[PROTOCOL_ERROR])),
        case("6.5.2: window that is too large", settings(4, 1 << 31), Cut(&[FLOW_CONTROL_ERROR])),
        case("6.5.2: frames that are too small", settings(5, 16383), Cut(&[PROTOCOL_ERROR])),
        case("6.5.2: frames that are too large", settings(5, 1 << 24), Cut(&[PROTOCOL_ERROR])),
        case("6.5.2: extended CONNECT of 2", settings(8, 2), Cut(&[PROTOCOL_ERROR])),
        case("6.5.2: unknown setting", settings(0xff, 1), Lives),
        case("6.7: PING that agrees to nothing", frame(PING, END, 0, b"invalid\0"), Lives),
        case("6.7: PING of a stream", frame(PING, 0, 1, b"12345678"), Cut(&[PROTOCOL_ERROR])),
        case("6.7: PING of another length", frame(PING, 0, 0, b"1234567"), Cut(&[FRAME_SIZE_ERROR])),
        case("6.8: GOAWAY of a stream", frame(GOAWAY, 0, 1, &[0; 8]), Cut(&[PROTOCOL_ERROR])),
        case("6.9: window of 0 more on the connection", window(0, 0), Cut(&[PROTOCOL_ERROR])),
        case(
            "6.9: window of 0 more on a stream",
            [post(1), window(1, 0)].concat(),
            Reset(1, &[PROTOCOL_ERROR]),
        ),
        case(
            "6.9: WINDOW_UPDATE of another length",
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1]),
            Cut(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "6.9.1: window that overflows",
            [window(0, 0x7fff_ffff), window(0, 0x7fff_ffff)].concat(),
            Cut(&[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.9.1: window of a stream that overflows",
            [post(1), window(1, 0x7fff_ffff), window(1, 0x7fff_ffff)].concat(),
            Reset(1, &[FLOW_CONTROL_ERROR]),
        ),
        case(
            "6.10: CONTINUATION, and then DATA within a block",
            [split(0), frame(CONTINUATION, 0, 1, &rest), frame(DATA, END, 1, b"test")].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10: CONTINUATION on the connection",
            [split(END), frame(CONTINUATION, WHOLE, 0, &rest)].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10: CONTINUATION behind the end of a block",
            [post(1), frame(CONTINUATION, WHOLE, 1, &rest)].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10: CONTINUATION behind CONTINUATION that ends a block",
            [split(0), frame(CONTINUATION, WHOLE, 1, &rest), frame(CONTINUATION, WHOLE, 1, &rest)].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case(
            "6.10: CONTINUATION behind DATA",
            [post(1), frame(DATA, 0, 1, b"test"), frame(CONTINUATION, WHOLE, 1, &rest)].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        case("7: GOAWAY with an unknown code", frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff]), Lives),
        case(
            "7: RST_STREAM with an unknown code",
            [get(1), frame(RST_STREAM, 0, 1, &[0, 0, 0, 0xff])].concat(),
            Lives,
        ),
        case(
            "8.1: HEADERS again that do not end the stream",
            [post(1), post(1)].concat(),
            Reset(1, &[PROTOCOL_ERROR]),
        ),
        case(
            "8.4: PUSH_PROMISE of a client",
            [post(1), frame(PUSH_PROMISE, WHOLE, 1, &[&[0, 0, 0, 2], &block(GET)[..]].concat())].concat(),
            Cut(&[PROTOCOL_ERROR]),
        ),
        // RFC 7541.
        case(
            "hpack/2.3.3: index beyond the table",
            indexed(&[&remembered[..], b"\xc6"].concat()),
            Cut(&[COMPRESSION_ERROR]),
        ),
        case(
            "hpack/2.3.3: name beyond the table",
            indexed(&[&remembered[..], b"\x7f\x12\x05value"].concat()),
            Cut(&[COMPRESSION_ERROR]),
        ),
        case(
            "hpack/4.2: size update behind a field",
            indexed(&[&remembered[..], b"\x3f\x61"].concat()),
            Cut(&[COMPRESSION_ERROR]),
        ),
        case(
            "hpack/5.2: Huffman code with more than seven bits of padding",
            indexed(&[&remembered[..], b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff"].concat()),
            Cut(&[COMPRESSION_ERROR]),
        ),
        case(
            "hpack/5.2: Huffman code with zeros for padding",
            indexed(&[&remembered[..], b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90"].concat()),
            Cut(&[COMPRESSION_ERROR]),
        ),
        case(
            "hpack/5.2: Huffman code that says its end",
            indexed(
                &[&remembered[..], b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x3f\xff\xff\xff\xff\xff\xff"].concat(),
            ),
            Cut(&[COMPRESSION_ERROR]),
        ),
        case("hpack/6.1: index 0", indexed(&[&remembered[..], b"\x80"].concat()), Cut(&[COMPRESSION_ERROR])),
        case(
            "hpack/6.3: size update beyond the setting",
            indexed(&[b"\x3f\xe2\x1f", &remembered[..]].concat()),
            Cut(&[COMPRESSION_ERROR]),
        ),
    ];
    // Windows: the answer comes as the client's windows have it.
    for (name, first, more) in [
        ("6.5.3: the last of two values counts", [setting(4, 100), setting(4, 1)].concat(), vec![]),
        ("6.9.1: window of 1", setting(4, 1), vec![]),
        ("6.9.2: window that becomes negative", setting(4, 3), [settings(4, 2), settings(4, 1)].concat()),
    ] {
        cases.push((name, vec![[frame(SETTINGS, 0, 0, &first), get(1), more].concat()], Served(1)));
    }
    table(cases, true, &[]);
}

#[test]
fn client_that_does_not_begin_with_the_preface_is_told_so() {
    test(async {
        let origin = Origin::named("a").await;
        let servers = vec![origin.address];
        let rig = Rig::with(Setup { tls: true, alpn: "h2", servers, ..Setup::default() }).await;
        for said in
            ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", "\0\0\0\x04\0\0\0\0\0"]
        {
            let mut client = Frames::silent(&rig).await;
            client.send(said).await;
            let (frames, _) = client.until(|frame| frame.kind == GOAWAY).await;
            assert_eq!(frames.last().map(Frame::code), Some(PROTOCOL_ERROR), "{said}");
            assert!(client.next().await.is_none());
        }
        let records = rig.booked(3).await;
        assert!(records.iter().all(|record| record.contains("http2-preface")), "{records:?}");
        assert!(origin.seen().is_empty());
    });
}

#[test]
fn answer_comes_as_the_clients_windows_have_it() {
    test(async {
        let origin = Origin::named("answer").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = Frames::open(&rig).await;
        client.send([frame(SETTINGS, 0, 0, &setting(4, 0)), get(1)].concat()).await;
        client.until(|frame| frame.kind == HEADERS).await;
        let mut said = Vec::new();
        for more in [1, 2, 3] {
            client.send(frame(WINDOW_UPDATE, 0, 1, &u32::to_be_bytes(more))).await;
            let (frames, _) = client.until(|frame| frame.kind == DATA).await;
            let data = &frames.last().unwrap().payload;
            assert_eq!(data.len(), more as usize);
            said.extend_from_slice(data);
        }
        assert_eq!(said, b"answer");
    });
}

#[test]
fn settings_and_pings_are_answered() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = Frames::open(&rig).await;
        let (frames, _) = client.until(|frame| frame.kind == SETTINGS && frame.flags == END).await;
        let offered = &frames[0];
        assert_eq!((offered.kind, offered.flags), (SETTINGS, 0));
        let settings: Vec<&[u8]> = offered.payload.chunks(6).collect();
        assert!(settings.contains(&&setting(8, 1)[..]), "extended CONNECT is offered: {settings:?}");
        assert!(settings.contains(&&setting(3, 100)[..]), "{settings:?}");
        let (_, alive) = client.alive().await;
        assert!(alive);
    });
}

#[test]
fn draining_says_goodbye_twice_so_that_no_request_on_its_way_is_lost() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        let mut client = Frames::open(&rig).await;
        client.send(post(1)).await;
        while origin.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        rig.core.draining.set(true);
        rig.core.drained.notify_waiters();
        let (frames, _) = client.until(|frame| frame.kind == PING).await;
        let goodbye = frames.iter().find(|frame| frame.kind == GOAWAY).unwrap();
        assert_eq!(goodbye.payload, [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], "all streams are still welcome");
        // A request that crossed the first goodbye.
        let sign = frames.last().unwrap().payload.clone();
        client.send([get(3), frame(PING, END, 0, &sign)].concat()).await;
        let (frames, _) = client.until(|frame| frame.kind == GOAWAY).await;
        assert_eq!(frames.last().unwrap().payload, [0, 0, 0, 3, 0, 0, 0, 0], "those that came are the last");
        client.send(frame(DATA, END, 1, b"body")).await;
        let (rest, _) = client.until(|_| false).await;
        let ended = |stream: u32| {
            let all = frames.iter().chain(&rest);
            all.filter(|frame| frame.stream == stream).any(|frame| frame.kind == DATA && frame.flags == END)
        };
        assert!(ended(1) && ended(3), "{frames:?} {rest:?}");
        rig.quiet().await;
        assert_eq!(rig.records().len(), 2, "{:?}", rig.records());
    });
}
