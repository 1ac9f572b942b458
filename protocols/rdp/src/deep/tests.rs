//! Whole conversations, by what real clients say.

use std::fmt::Write;

use sekisho_api::{Facts, Side};

use super::pdu::{self, ServerIds};
use crate::desk::Desk;
use crate::options::{Fallback, Mode, Options};

const FREERDP: &str = include_str!("../../tests/deep/freerdp-connect-initial.txt");
const FREERDP_LOGIN: &str = include_str!("../../tests/deep/freerdp-client-info.txt");
const RDESKTOP: &str = include_str!("../../tests/deep/rdesktop-connect-initial.txt");
const RDESKTOP_LOGIN: &str = include_str!("../../tests/deep/rdesktop-client-info.txt");
const XRDP: &str = include_str!("../../tests/deep/xrdp-connect-response.txt");

/// A first packet with `mstshash=desk`, a name that everybody shares.
const REQUEST: &str =
    "0300002a 25e00000000000 436f6f6b69653a206d737473686173683d6465736b0d0a 010008000b000000";
/// The same for a server that is to select TLS.
const TLS_REQUEST: &str =
    "0300002a 25e00000000000 436f6f6b69653a206d737473686173683d6465736b0d0a 0100080001000000";

fn hex(text: &str) -> Vec<u8> {
    sekisho_testkit::hex(text).unwrap()
}

fn options(mode: Mode) -> Options {
    Options { mode, ..Options::default() }
}

fn kit(options: Options) -> sekisho_testkit::Conversation {
    let facts = Facts::plain(([192, 0, 2, 1], 5000).into(), ([192, 0, 2, 80], 3389).into());
    // Each client comes to a desk of its own, or what servers say to one would be told to the next.
    sekisho_testkit::conversation(move || sekisho_api::Converse::open(&Desk::new(options.clone()), &facts))
}

/// A transcript in the making.
#[derive(Clone, Default)]
struct Script(String);

impl Script {
    fn line(mut self, line: &str) -> Self {
        writeln!(self.0, "{line}").unwrap();
        self
    }

    fn bytes(self, mark: &str, bytes: &[u8]) -> Self {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.line(&format!("{mark} {digits}"))
    }

    fn client(self, bytes: &[u8]) -> Self {
        self.bytes("C|", bytes)
    }

    fn server(self, bytes: &[u8]) -> Self {
        self.bytes("S|", bytes)
    }

    fn told(self, side: Side, bytes: &[u8]) -> Self {
        self.bytes(if side == Side::Client { ">| client" } else { ">| server" }, bytes)
    }

    /// The front half of a client with these packets, up to its login.
    fn front(self, asks: &str, login: &str) -> Self {
        let asks = hex(asks);
        let channels = pdu::ConnectInitial::read(&asks).unwrap().channels();
        let ids = ServerIds::ours(channels);
        let user = ids.our_user();
        let script = self
            .line("secret: s\\0e\\0c\\0r\\0e\\0t")
            .client(&hex(REQUEST))
            .told(Side::Client, &pdu::connection_confirm(1, 1))
            .line("= starttls client")
            .line("! secured client")
            .client(&asks)
            .told(Side::Client, &pdu::connect_response(0xb, channels))
            .client(&pdu::erect_domain())
            .client(&pdu::attach_user_request())
            .told(Side::Client, &pdu::attach_user_confirm(user));
        let joins = [user, ids.io].into_iter().chain(ids.channels);
        let joined = |script: Script, channel| {
            script
                .client(&pdu::channel_join_request(user, channel))
                .told(Side::Client, &pdu::channel_join_confirm(user, channel))
        };
        joins.fold(script, joined).client(&hex(login))
    }

    /// A server that grants these channels to this user, up to what it is told of the login.
    fn granted(self, response: &[u8], ids: &ServerIds, user: u16) -> Self {
        let script = self
            .told(Side::Server, &hex(TLS_REQUEST))
            .server(&pdu::connection_confirm(1, 1))
            .line("= starttls server")
            .line("! secured server")
            .told(Side::Server, &pdu::ConnectInitial::read(&hex(FREERDP)).unwrap().for_server())
            .server(response)
            .told(Side::Server, &[pdu::erect_domain(), pdu::attach_user_request()].concat())
            .server(&pdu::attach_user_confirm(user));
        let joins = [user, ids.io].into_iter().chain(ids.channels.iter().copied());
        joins.fold(script, |script, channel| {
            script
                .told(Side::Server, &pdu::channel_join_request(user, channel))
                .server(&pdu::channel_join_confirm(user, channel))
        })
    }
}

fn refused(code: u32) -> Vec<u8> {
    [pdu::license_valid_client(), pdu::set_error_info(code), pdu::disconnect_ultimatum()].concat()
}

const NO_ENDPOINT: u32 = 0x408;
const DENIED: u32 = 7;

#[test]
fn a_replayed_login_reaches_the_server_as_the_client_said_it() {
    let served = Script::default()
        .front(FREERDP, FREERDP_LOGIN)
        .line("= route user=alice")
        .line("! connected one starttls")
        .granted(&hex(XRDP), &ServerIds::ours(4), 1008)
        .line("= relay")
        .told(Side::Server, &hex(FREERDP_LOGIN))
        .server(b"licence")
        .told(Side::Client, b"licence");
    let failed = Script::default()
        .front(FREERDP, FREERDP_LOGIN)
        .line("= route user=alice")
        .line("! connected one starttls")
        .told(Side::Server, &hex(TLS_REQUEST))
        .line("! failed")
        .line("= retry")
        .line("! connected two starttls")
        .granted(&hex(XRDP), &ServerIds::ours(4), 1008)
        .line("= relay")
        .told(Side::Server, &hex(FREERDP_LOGIN));
    kit(options(Mode::Replay)).fixture("served", &served.0).fixture("failed", &failed.0).laws();
}

#[test]
fn identifiers_that_differ_are_put_for_each_other_in_both_directions() {
    let theirs = ServerIds { io: 1100, channels: [1200, 1201, 1202, 1203].into_iter().collect() };
    // The answer of xrdp with these numbers in it.
    let mut response = hex(XRDP);
    let net = response.windows(4).position(|bytes| bytes == [3, 0x0c, 0x10, 0]).unwrap() + 4;
    for (place, id) in [(0, 1100), (4, 1200), (6, 1201), (8, 1202), (10, 1203)] {
        response[net + place..net + place + 2].copy_from_slice(&u16::to_le_bytes(id));
    }
    assert_eq!(pdu::read_connect_response(&response).unwrap(), theirs);
    let mut login = hex(FREERDP_LOGIN);
    // User 1150, channel 1100, behind TPKT, X.224 and the kind.
    login[8..12].copy_from_slice(&[0, 149, 0x04, 0x4c]);
    let data = |kind: u8, user: u16, channel: u16, data: &[u8]| {
        let length = 15 + data.len() as u8;
        let ([a, b], [c, d]) = ((user - 1001).to_be_bytes(), channel.to_be_bytes());
        let head = [3, 0, 0, length, 2, 0xf0, 0x80, kind << 2, a, b, c, d, 0x70, 0x80, data.len() as u8];
        [&head, data].concat()
    };
    let fast = [&[0, 6][..], b"fast"].concat();
    let script = Script::default()
        .front(FREERDP, FREERDP_LOGIN)
        .line("= route user=alice")
        .line("! connected one starttls")
        .granted(&response, &theirs, 1150)
        .told(Side::Server, &login)
        .server(&[data(26, 1002, 1100, b"licence"), fast.clone(), data(26, 1002, 1203, b"drdynvc")].concat())
        // For a channel that the client has not.
        .server(&data(26, 1002, 1300, b"nobody's"))
        .told(
            Side::Client,
            &[data(26, 1002, 1003, b"licence"), fast.clone(), data(26, 1002, 1007, b"drdynvc")].concat(),
        )
        .client(&[data(25, 1008, 1003, b"active"), fast.clone(), data(25, 1008, 1004, b"rdpdr")].concat())
        .told(Side::Server, &[data(25, 1150, 1100, b"active"), fast, data(25, 1150, 1200, b"rdpdr")].concat())
        .line("! ended server")
        .line("= close server-left");
    kit(options(Mode::Replay)).fixture("translated", &script.0).laws();
}

#[test]
fn a_client_is_sent_back_with_a_token_or_told_that_there_is_no_server() {
    let front = || Script::default().front(FREERDP, FREERDP_LOGIN).line("= issue user=alice");
    let redirected = [pdu::license_valid_client(), pdu::redirection(b"Cookie: sekisho=AQEAAAAA")].concat();
    let sent = front().line("! issued AQEAAAAA").told(Side::Client, &redirected).line("= close done");
    let refusal = front()
        .line("! unavailable all-down")
        .told(Side::Client, &refused(NO_ENDPOINT))
        .line("= close all-down");
    kit(options(Mode::Redirect)).fixture("sent", &sent.0).fixture("refused", &refusal.0).laws();
}

#[test]
fn a_client_that_cannot_be_redirected_is_replayed_where_that_is_possible_and_else_refused() {
    let front = || Script::default().front(RDESKTOP, RDESKTOP_LOGIN).line("= route user=alice");
    let possible = front().line("! connected one starttls").told(Side::Server, &hex(TLS_REQUEST));
    let not = front()
        .line("! connected one")
        .told(Side::Client, &refused(DENIED))
        .line("= close client-cannot-be-redirected");
    kit(options(Mode::Redirect)).fixture("possible", &possible.0).fixture("not", &not.0).laws();
}

#[test]
fn servers_that_want_the_user_proved_first_are_named_in_the_log() {
    let wants_nla = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0, 0, 0, 3, 0, 8, 0, 5, 0, 0, 0];
    let script = Script::default()
        .front(FREERDP, FREERDP_LOGIN)
        .line("= route user=alice")
        .line("! connected one starttls")
        .server(&wants_nla)
        .line("= retry")
        .line("! unavailable connect-failed")
        .told(Side::Client, &refused(NO_ENDPOINT))
        .line("= close servers-want-nla");
    let configured = Script::default()
        .front(FREERDP, FREERDP_LOGIN)
        .line("= route user=alice")
        .line("! connected one")
        .told(Side::Client, &refused(DENIED))
        .line("= close pool-without-starttls");
    kit(options(Mode::Replay)).fixture("NLA", &script.0).fixture("pool", &configured.0).laws();
}

#[test]
fn whoever_was_sent_or_asks_for_what_tls_cannot_give_passes_through() {
    let request = |line: &str, negotiation: &[u8]| {
        let variable = [line.as_bytes(), negotiation].concat();
        let length = 11 + variable.len() as u8;
        [&[3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0], &variable[..]].concat()
    };
    const NLA: [u8; 8] = [1, 0, 8, 0, 3, 0, 0, 0];
    let passes = |mode, line: &str, negotiation: &[u8], route: &str| {
        let shown = if route.contains("Sealed") { "" } else { line };
        let script = Script::default()
            .client(&request(line, negotiation))
            .line(route)
            .line("! connected one")
            .told(Side::Server, &request(shown, negotiation))
            .server(&pdu::connection_confirm(3, 2))
            .line("= relay")
            .told(Side::Client, &pdu::connection_confirm(3, 2));
        kit(options(mode)).fixture(line, &script.0).laws();
    };
    for mode in [Mode::Replay, Mode::Redirect] {
        passes(mode, "Cookie: sekisho=AQEAAAAA\r\n", &NLA, "= route prefer=Prefer::Sealed(..)");
        passes(
            mode,
            "Cookie: msts=3640205228.15629.0000\r\n",
            &NLA,
            "= route prefer=Prefer::Address(172.31.249.216:3389)",
        );
        passes(mode, "Cookie: mstshash=alice\r\n", b"", "= route user=alice");
        // Restricted admin, remote guard, RDSTLS, Entra ID.
        for negotiation in [[1, 1, 8, 0, 3], [1, 2, 8, 0, 3], [1, 0, 8, 0, 4], [1, 0, 8, 0, 0x10]] {
            let negotiation = [&negotiation[..], &[0; 3]].concat();
            passes(mode, "Cookie: mstshash=alice\r\n", &negotiation, "= route user=alice");
        }
    }
    passes(Mode::Redirect, "tsv://Farm\r\n", &NLA, "= route");

    let refuse = |negotiation: &[u8], words: &[u8]| {
        let script = Script::default()
            .client(&request("Cookie: mstshash=alice\r\n", negotiation))
            .told(Side::Client, words)
            .line("= close done");
        let options = Options { fallback: Fallback::Refuse, ..options(Mode::Replay) };
        kit(options).fixture("refused", &script.0).laws();
    };
    refuse(b"", &pdu::negotiation_failure(1));
    refuse(&[1, 0, 8, 0, 4, 0, 0, 0], &pdu::negotiation_failure(1));
    refuse(&[1, 1, 8, 0, 3, 0, 0, 0], crate::passing::DISCONNECT_REQUEST);
}

#[test]
fn what_does_not_follow_the_sequence_ends_the_connection_before_any_server() {
    let secured =
        || Script::default().client(&hex(REQUEST)).line("= starttls client").line("! secured client");
    let mut long = hex(FREERDP);
    long[2..4].copy_from_slice(&[0x20, 0x01]);
    let strange = secured().client(b"GET / HTTP/1.1\r\n").line("= close rdp-framing");
    let long = secured().client(&long).line("= close rdp-length");
    let early = secured().client(&hex(FREERDP_LOGIN)).line("= close rdp-unexpected");
    let foreign = secured()
        .client(&hex(FREERDP))
        .client(&pdu::channel_join_request(1008, 1009))
        .line("= close rdp-channels");
    let chatty = secured()
        .client(&hex(FREERDP))
        .client(&pdu::erect_domain().repeat(60))
        .line("= close rdp-too-many-packets");
    kit(options(Mode::Replay))
        .fixture("strange", &strange.0)
        .fixture("long", &long.0)
        .fixture("early", &early.0)
        .fixture("foreign", &foreign.0)
        .fixture("chatty", &chatty.0)
        .laws();
}

#[test]
fn what_servers_say_that_they_can_do_is_what_the_next_client_is_told() {
    use sekisho_api::{Connected, Converse, Input, Step};
    let desk = Desk::new(options(Mode::Replay));
    let facts = Facts::plain(([192, 0, 2, 1], 5000).into(), ([192, 0, 2, 80], 3389).into());
    let told = || match desk.open(&facts).step(Input::Client(&hex(REQUEST))) {
        Ok(Step::Reply(_, words)) => words[12],
        other => panic!("{other:?}"),
    };
    assert_eq!(told(), 1);
    let mut passing = desk.open(&facts);
    let token = b"\x03\x00\x00\x21\x1c\xe0\0\0\0\0\0Cookie: sekisho=AQEA\r\n";
    assert!(matches!(passing.step(Input::Client(token)), Ok(Step::Route(..))));
    let connected = Connected { name: "one".into(), tls: None, start_tls: true, attempt: 1 };
    assert!(matches!(passing.step(Input::Connected(&connected)), Ok(Step::Reply(..))));
    assert!(matches!(passing.step(Input::Server(&pdu::connection_confirm(0x1b, 2))), Ok(Step::Relay)));
    assert_eq!(told(), 3);
}
