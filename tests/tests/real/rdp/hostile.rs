//! Clients that mean ill, and too many that mean well.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sekisho_tests::{desktop_request, until};

use super::XFREERDP;
use super::desktops::Desktops;
use super::farm::EACH;
use super::xrdp::Xrdp;

/// What one bad client sends, and how its connection ends.
const BAD: [(&str, &[u8], &str); 8] = [
    ("half a request", b"\x03\x00\x00\x2b\x26\xe0\x00\x00\x00\x00\x00Cookie: msts", "head-timeout"),
    ("nothing", b"", "head-timeout"),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: desktop.example.org\r\n\r\n", "client-fault"),
    ("TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", "client-fault"),
    ("a packet that claims 64 KiB", b"\x03\x00\xff\xff\xfa\xe0\x00\x00\x00\x00\x00", "client-fault"),
    (
        "lengths that differ",
        b"\x03\x00\x00\x13\x0f\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
        "client-fault",
    ),
    ("a line without an end", b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00Cookie: ", "client-fault"),
    ("data before any request", b"\x03\x00\x00\x08\x02\xf0\x80\x64", "client-fault"),
];

impl Desktops {
    /// Connections that the servers saw, by their own account.
    fn seen(&self) -> usize {
        self.servers.iter().map(|server| server.log().matches("received from ::ffff:10.99.").count()).sum()
    }

    /// Waits until each server was probed, which does not happen again before the test is over. Gives what they have
    /// seen by then: a probe may connect more than once.
    fn until_probed(&self) -> usize {
        let passed = |server: &Xrdp| {
            let labels = format!("pool=\"desktops\",server=\"{}\",result=\"passed\"", server.name);
            self.farm.number(&format!("sekisho_server_probes_total{{{labels}}}"))
        };
        until("each server is probed", || self.servers.iter().all(|server| passed(server) > 0).then_some(()));
        self.seen()
    }

    fn ends(&self, end: &str) -> u64 {
        self.farm.number(&format!("sekisho_vip_ends_total{{vip=\"desktops\",end=\"{end}\"}}"))
    }
}

const POOL: &str = "probe = { kind = 'rdp', interval = '600s' }";

#[test]
fn silence_closes_at_the_deadline_and_what_is_no_request_reaches_no_server() {
    let desktops = Desktops::start("hostile", "timeouts = { head = '1s' }", POOL);
    let probed = desktops.until_probed();
    let mut clients: Vec<(TcpStream, &str)> = Vec::new();
    for (what, bytes, _) in BAD {
        let mut client = desktops.farm.connect(&desktops.farm.near);
        client.write_all(bytes).unwrap();
        clients.push((client, what));
    }
    for (mut client, what) in clients {
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(client.read(&mut [0; 64]).unwrap_or(0), 0, "{what} was answered");
    }
    for end in ["head-timeout", "client-fault"] {
        let expected = BAD.iter().filter(|(.., its)| *its == end).count() as u64;
        until(end, || (desktops.ends(end) == expected).then_some(()));
    }
    assert_eq!(desktops.seen(), probed, "{}", desktops.log());
    let words = [&XFREERDP[..], &["/u:anna", "/p:secret"]].concat();
    drop(desktops.enter(&desktops.farm.far, "anna", &words));
}

/// A Connection Request of this user.
fn request(user: &str) -> Vec<u8> {
    desktop_request(&format!("Cookie: mstshash={user}"), Some(1))
}

#[test]
fn of_1000_clients_at_once_the_servers_get_what_they_can_take_and_the_next_user_a_desktop() {
    let desktops = Desktops::start(
        "thousand",
        "timeouts = { response = '15s' }",
        &format!("{POOL}\nqueue = {{ timeout = '2s' }}"),
    );
    desktops.until_probed();
    let mut clients: Vec<TcpStream> = (0..1000).map(|_| desktops.farm.connect(&desktops.farm.near)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(&request(&format!("user{number}"))).unwrap();
    }
    let mut confirmed = 0;
    for client in &mut clients {
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = [0; 64];
        let length = client.read(&mut answer).unwrap();
        match answer[..length].get(5) {
            Some(0xd0) => confirmed += 1,
            Some(0x80) => {}
            _ => panic!("{:?}\n{}", &answer[..length], desktops.log()),
        }
    }
    assert_eq!(confirmed, 2 * EACH, "{}", desktops.farm.log());
    drop(clients);
    desktops.farm.served();
    let words = [&XFREERDP[..], &["/u:anna", "/p:secret"]].concat();
    drop(desktops.enter(&desktops.farm.far, "anna", &words));
    desktops.farm.picture("thousand");
}
