//! Remote Desktop clients whose TLS ends at the gateway, which learns from their logins who they are.

use std::collections::HashSet;

use sekisho_tests::{
    Authority, DesktopClient, DesktopLogin, DesktopStage, DesktopTalk, LoginDesktop, Rig, folder, numbered,
};

/// Set Error Info: there are no available endpoints in the pool; the server denied the connection.
const NO_ENDPOINT: [u8; 4] = [8, 4, 0, 0];
const DENIED: [u8; 4] = [7, 0, 0, 0];

struct Farm {
    authority: Authority,
    servers: Vec<LoginDesktop>,
    rig: Rig,
}

impl Farm {
    /// A VIP of this deep mode before servers that talk as `talk` has it; `tls` is the pool's.
    fn new(name: &str, deep: &str, tls: &str, talks: impl Fn(&Authority) -> Vec<DesktopTalk>) -> Self {
        let authority = Authority::new();
        let folder = folder(&format!("rdp-deep-{name}"));
        authority.issue(&["desk.example"], &folder);
        let servers: Vec<_> = talks(&authority).into_iter().map(LoginDesktop::start).collect();
        let configuration = format!(
            "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'rdp'\npool = 'p'\n\
             persist = ['rdp-token', 'user', 'source-ip']\n\
             tls = {{ mode = 'starttls', certificates = ['desk.example.pem'] }}\nrdp = {{ {deep} }}\n\
             [pool.p]\n{tls}\nservers = {{ {} }}\n",
            numbered(servers.iter().map(LoginDesktop::address))
        );
        Self { authority, servers, rig: Rig::start_in(&configuration, folder) }
    }

    /// Servers that make TLS, behind a gateway that says logins again.
    fn replaying(name: &str, talks: impl Fn(&Authority) -> Vec<DesktopTalk>) -> Self {
        Self::new(name, "deep = 'replay'", "tls = { mode = 'starttls', verify = false }", talks)
    }

    fn client(&self, from: u8, login: &DesktopLogin) -> DesktopClient {
        let (tls, to) = (self.authority.client(), self.rig.address("v"));
        DesktopClient::login(&tls, "desk.example", [127, 0, 0, from], to, login).unwrap()
    }

    /// The name of the server that hears this login, whole.
    fn home(&self, from: u8, login: &DesktopLogin) -> String {
        let greeting = self.client(from, login).greeting().unwrap();
        let (server, user) = greeting.split_once(' ').unwrap();
        assert_eq!(user, format!("{}\\{}", login.domain, login.user));
        server.to_owned()
    }

    /// What stands in the log of the next connection.
    fn end(&self) -> String {
        self.rig.line(|_| true)["end"].as_str().unwrap().to_owned()
    }
}

fn three(authority: &Authority) -> Vec<DesktopTalk> {
    let tls = authority.server(&["any.example"]);
    ["one", "two", "three"].map(|name| DesktopTalk::of(name, tls.clone())).to_vec()
}

/// A login behind a cookie that says something else, or nothing.
fn login(line: &str, user: &str) -> DesktopLogin {
    DesktopLogin { line: line.to_owned(), ..DesktopLogin::of("SALES", user) }
}

#[test]
fn users_with_one_cookie_are_told_apart_and_come_home_with_another_or_none_from_elsewhere() {
    let farm = Farm::replaying("homes", three);
    let mut homes = HashSet::new();
    for user in ["alice", "bob", "carol"] {
        let home = farm.home(1, &login("Cookie: mstshash=desk", user));
        for (from, line) in [(2, ""), (3, "Cookie: mstshash=someone"), (4, "Cookie: mstshash=bob")] {
            assert_eq!(farm.home(from, &login(line, user)), home, "{user} with {line:?}");
        }
        let upper = DesktopLogin::of("", &format!("{}@sales.example", user.to_uppercase()));
        assert_eq!(farm.home(5, &upper), home);
        homes.insert(home);
    }
    assert_eq!(homes.len(), 3);
    for _ in 0..15 {
        let line = farm.rig.line(|_| true);
        assert_eq!(line["known_by"], "client-info", "{line}");
        assert!(!line.to_string().contains("secret"), "{line}");
    }
}

#[test]
fn a_login_without_a_user_counts_by_what_came_before_it() {
    let farm = Farm::replaying("nobody", three);
    let home = farm.home(1, &login("Cookie: mstshash=dora", ""));
    assert_eq!(farm.home(2, &login("Cookie: mstshash=dora", "")), home);
    assert_eq!(farm.rig.line(|_| true)["known_by"], "cookie");
}

#[test]
fn channels_keep_their_meaning_where_the_server_numbers_them_in_its_own_way() {
    let farm = Farm::replaying("channels", |authority| {
        let usual = DesktopTalk::of("one", authority.server(&["any.example"]));
        vec![DesktopTalk { io: 1500, first_channel: 1003, user: 1004, ..usual }]
    });
    let mut client = farm.client(1, &DesktopLogin { channels: 31, ..login("", "alice") });
    assert_eq!(client.greeting().unwrap(), "one SALES\\alice");
    assert_eq!(client.own_channels(), [1003, 1035]);
    for channel in client.channels().to_vec() {
        assert_eq!(client.echo(channel, &channel.to_be_bytes()).unwrap(), channel.to_be_bytes());
    }
    let long = vec![7; 16_000];
    assert_eq!(client.echo(1004, &long).unwrap(), long);
    let fast_path = [4, 5, 1, 2, 3];
    assert_eq!(client.raw(&fast_path).unwrap(), fast_path);
    let seen = farm.servers[0].logins().remove(0);
    assert_eq!(seen.joined.len(), 33);
    // Neither a message channel nor UDP.
    assert_eq!(seen.blocks, [0xc001, 0xc004, 0xc002, 0xc003]);
}

#[test]
fn a_server_that_leaves_is_replaced_as_long_as_no_password_has_reached_it() {
    for (stage, served) in [
        (DesktopStage::Request, true),
        (DesktopStage::Initial, true),
        (DesktopStage::Join, true),
        (DesktopStage::Login, false),
    ] {
        let farm = Farm::replaying("leaving", |authority| {
            let mut talks = three(authority);
            talks.truncate(2);
            talks[0].leaves = Some(stage);
            talks
        });
        let greeting = farm.client(1, &login("", "alice")).greeting();
        assert_eq!(greeting.is_ok(), served, "{stage:?}: {greeting:?}");
        let heard = farm.servers.iter().map(|server| server.logins().len()).sum::<usize>();
        assert_eq!(heard, 1, "{stage:?}");
    }
}

#[test]
fn a_client_inside_tls_is_told_in_words_that_there_is_no_server() {
    let mut farm = Farm::replaying("down", three);
    farm.servers.iter_mut().for_each(LoginDesktop::kill);
    let said = farm.client(1, &login("", "alice")).rest().unwrap();
    assert!(said.windows(4).any(|code| code == NO_ENDPOINT), "{said:02x?}");
    assert_eq!(farm.end(), "connect-failed");
}

#[test]
fn servers_and_pools_that_cannot_be_replayed_to_are_named_in_the_log() {
    let nla = |authority: &Authority| {
        three(authority).into_iter().map(|talk| DesktopTalk { answer: Err(5), ..talk }).collect()
    };
    let farm = Farm::replaying("nla", nla);
    let said = farm.client(1, &login("", "alice")).rest().unwrap();
    assert!(said.windows(4).any(|code| code == NO_ENDPOINT), "{said:02x?}");
    assert_eq!(farm.end(), "servers-want-nla");

    // A client that does not survive a redirection, and a pool that is spoken to in clear.
    let farm = Farm::new("old", "deep = 'redirect'", "", three);
    let old = DesktopLogin { build: 2600, ..login("", "alice") };
    let said = farm.client(1, &old).rest().unwrap();
    assert!(said.windows(4).any(|code| code == DENIED), "{said:02x?}");
    assert_eq!(farm.end(), "client-cannot-be-redirected");
}

#[test]
fn a_client_that_is_sent_back_passes_through_to_the_server_of_its_user() {
    let farm = Farm::new("redirect", "deep = 'redirect'", "", |authority| {
        three(authority).into_iter().map(|talk| DesktopTalk { answer: Ok(2), ..talk }).collect()
    });
    let mut homes = HashSet::new();
    for user in ["alice", "bob", "carol", "alice", "bob", "carol"] {
        let token = sent_back(&farm, &login("Cookie: mstshash=desk", user));
        let line = farm.rig.line(|_| true);
        assert_eq!((&line["end"], &line["known_by"]), (&"done".into(), &"client-info".into()), "{line}");
        assert!(line["server"].is_null(), "{line}");
        // What it offers itself reaches the server, without the token, and so does what the server says back.
        let asked = || farm.servers.iter().map(|server| requests(server, 3)).collect::<Vec<_>>();
        let before = asked();
        let to = farm.rig.address("v");
        let (stream, confirm) = DesktopClient::ask([127, 0, 0, 9], to, &token, 3).unwrap();
        assert_eq!(confirm[11..], [2, 1, 8, 0, 2, 0, 0, 0]);
        let server = asked().iter().zip(before).position(|(now, before)| *now > before).unwrap();
        drop(stream);
        let line = farm.rig.line(|_| true);
        assert_eq!((&line["known_by"], &line["key"]), (&"issued-token".into(), &"user".into()), "{line}");
        homes.insert((user, server));
    }
    assert_eq!(homes.len(), 3, "{homes:?}");
    assert_eq!(homes.iter().map(|home| home.1).collect::<HashSet<_>>().len(), 3, "{homes:?}");
}

/// How many first packets a server has had with nothing in them but these protocols.
fn requests(server: &LoginDesktop, protocols: u8) -> usize {
    let bare = |request: &[u8]| request.get(11..) == Some(&[1, 0, 8, 0, protocols, 0, 0, 0]);
    server.seen().iter().filter(|seen| bare(&seen.request)).count()
}

/// The line with which a client is to come back.
fn sent_back(farm: &Farm, login: &DesktopLogin) -> String {
    let said = farm.client(1, login).rest().unwrap();
    let start = said.windows(15).position(|text| text == b"Cookie: sekisho").unwrap();
    let line = said[start..].split(|&byte| byte == b'\r').next().unwrap();
    String::from_utf8(line.to_vec()).unwrap()
}

#[test]
fn a_client_that_is_sent_away_is_told_at_once_if_there_is_no_server_for_it() {
    let mut farm = Farm::new(
        "none",
        "deep = 'redirect'",
        "probe = { kind = 'tcp', interval = '100ms', fall = 1 }",
        three,
    );
    farm.servers.iter_mut().for_each(LoginDesktop::kill);
    for server in ["s0", "s1", "s2"] {
        farm.rig.until_state("p", server, "down");
    }
    let said = farm.client(1, &login("", "alice")).rest().unwrap();
    assert!(said.windows(4).any(|code| code == NO_ENDPOINT), "{said:02x?}");
    assert_eq!(farm.end(), "all-down");
}

#[test]
fn whoever_offers_no_tls_passes_through_or_hears_that_it_is_required() {
    for (options, kind) in [("deep = 'replay'", 2), ("deep = 'replay', fallback = 'refuse'", 3)] {
        let farm =
            Farm::new("without", options, "tls = { mode = 'starttls', verify = false }", |authority| {
                three(authority).into_iter().map(|talk| DesktopTalk { answer: Ok(4), ..talk }).collect()
            });
        let to = farm.rig.address("v");
        let (_stream, answer) = DesktopClient::ask([127, 0, 0, 1], to, "Cookie: mstshash=alice", 4).unwrap();
        assert_eq!(answer[11], kind, "{options}: {answer:02x?}");
        assert_eq!(answer[15], if kind == 2 { 4 } else { 1 });
    }
}
