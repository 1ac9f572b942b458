//! The sections of h2spec.

use super::*;

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
