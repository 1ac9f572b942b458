//! Clients of a pair over the death and the return of a node: who is remembered keeps the server, by every kind of
//! persistence, and who is connected is told at once that the node has gone.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use sekisho_tests::until;
use socket2::{Domain, Socket, Type};

use super::super::Folder;
use super::site::{Site, VIP, VIP_V6};

/// Where the servers are: on the switch, which both nodes reach.
const SERVERS: &str = "192.0.2.250";
const NAMES: [&str; 3] = ["one", "two", "three"];
/// The VIPs' ports.
const COOKIE: u16 = 8081;
const USER: u16 = 8082;
const ADDRESS: u16 = 8083;
const KERNEL: u16 = 8084;
/// Clients of each kind.
const CLIENTS: usize = 40;

/// Two nodes before three servers, the first active.
struct Pair {
    site: Site,
    _secret: Folder,
    texts: [String; 2],
}

impl Pair {
    fn new(name: &str, vrrp: &str) -> Self {
        let mut site = Site::new(name, 2);
        site.switch.shell(&format!("ip address add {SERVERS}/24 dev br0"));
        for (place, name) in NAMES.into_iter().enumerate() {
            let listener = site.switch.inside(|| TcpListener::bind((SERVERS, 9001 + place as u16)).unwrap());
            std::thread::spawn(move || serve(name, &listener));
        }
        let secret = Folder::new(&format!("{name}-secret"));
        let path = secret.write("secret", "0123456789abcdef0123456789abcdef\n");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let texts = [1, 2].map(|number| configuration(number, &path.display().to_string(), vrrp, &site));
        for number in [1, 2] {
            let node = &mut site.nodes[number - 1];
            node.machine.shell("echo 1 >/proc/sys/net/ipv4/ip_forward");
            node.run_gateway(&texts[number - 1]);
            if number == 1 {
                site.is_held_by(1);
            }
        }
        Self { site, _secret: secret, texts }
    }

    fn start(&mut self, number: usize) {
        self.site.nodes[number - 1].run_gateway(&self.texts[number - 1]);
    }
}

fn configuration(number: usize, secret: &str, vrrp: &str, site: &Site) -> String {
    let vip = |name: &str, port: u16, persist: &str| {
        format!(
            "[vip.{name}]\nlisten = ['{VIP}:{port}', '[{VIP_V6}]:{port}']\nprotocol = 'http'\npool = 'web'\n\
             persist = ['{persist}']\n"
        )
    };
    let servers: Vec<String> = NAMES
        .iter()
        .enumerate()
        .map(|(place, name)| format!("{name} = '{SERVERS}:{}'", 9001 + place))
        .collect();
    let (servers, other, priority) = (servers.join(", "), 3 - number, [200, 100][number - 1]);
    format!(
        "[gateway]\nlog = 'info'\ndrain-timeout = '60s'\nsecret-file = '{secret}'\nadmin = '{}'\n{}{}{}\
         [vip.kernel]\nlisten = '{VIP}:{KERNEL}'\nprotocol = 'tcp'\nmode = 'l4'\npool = 'kernel'\npersist = ['source-ip']\n\
         [pool.web]\nmethod = 'round-robin'\nservers = {{ {servers} }}\n\
         [pool.kernel]\nmethod = 'round-robin'\nservers = {{ {servers} }}\n\
         [peers]\nname = 'gw{number}'\nlisten = '192.0.2.{number}:1024'\nnodes = {{ gw{other} = '192.0.2.{other}:1024' }}\n\
         [vrrp.web]\ninterface = 'eth0'\nrouter-id = 51\npriority = {priority}\n\
         addresses = ['{VIP}/24', '{VIP_V6}/64']\n{vrrp}\n",
        site.nodes[number - 1].admin().display(),
        vip("cookie", COOKIE, "cookie"),
        vip("user", USER, "user"),
        vip("address", ADDRESS, "source-ip"),
    )
}

/// Says its name to each request, but to one that asks to wait.
fn serve(name: &'static str, listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        std::thread::spawn(move || {
            let head = head(&mut stream)?;
            while head.contains("/wait") {
                std::thread::sleep(Duration::from_secs(60));
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}",
                name.len()
            );
            stream.write_all(answer.as_bytes())
        });
    }
}

fn head(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A client with all that it is known by.
#[derive(Debug)]
struct Client {
    port: u16,
    /// The last part of its own address.
    from: usize,
    /// Lines of its requests.
    lines: String,
    server: String,
}

impl Client {
    /// Comes for the first time.
    fn new(port: u16, number: usize) -> Self {
        let user = format!("Authorization: Basic {}\r\n", base64(&format!("user{number:04}:pw")));
        let lines = if port == USER { user } else { String::new() };
        let mut client = Self { port, from: 0, lines, server: String::new() };
        // Of one address but for those that are told apart by it.
        client.from = if matches!(port, ADDRESS | KERNEL) { 110 + number } else { 3 };
        let (cookie, server) = client.ask().unwrap();
        client.lines += &cookie;
        client.server = server;
        client
    }

    /// The line of the cookie that it is given, and the server that answers.
    fn ask(&self) -> Result<(String, String), String> {
        let said = |error: std::io::Error| format!("{error} of port {}", self.port);
        let mut stream = connect(VIP, self.port, Some(self.from)).map_err(said)?;
        let request = format!("GET / HTTP/1.1\r\nHost: www.example.org\r\n{}\r\n", self.lines);
        stream.write_all(request.as_bytes()).map_err(said)?;
        let head = head(&mut stream).map_err(said)?;
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut name = vec![0; length.ok_or_else(|| head.clone())?];
        stream.read_exact(&mut name).map_err(said)?;
        let cookie = head
            .lines()
            .find_map(|line| line.strip_prefix("Set-Cookie: ").or(line.strip_prefix("set-cookie: ")));
        let cookie = cookie.and_then(|cookie| cookie.split(';').next());
        let line = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        Ok((line, String::from_utf8_lossy(&name).into_owned()))
    }
}

fn connect(vip: &str, port: u16, from: Option<usize>) -> std::io::Result<TcpStream> {
    let at = SocketAddr::new(vip.parse().unwrap(), port);
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    if let Some(from) = from {
        let from: IpAddr = format!("192.0.2.{from}").parse().unwrap();
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&at.into(), Duration::from_secs(5))?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(25)))?;
    Ok(stream)
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let number =
            (0..3).fold(0_usize, |number, place| number << 8 | usize::from(*bytes.get(place).unwrap_or(&0)));
        let digit = |place: usize| match place <= bytes.len() {
            true => char::from(DIGITS[number >> (18 - 6 * place) & 63]),
            false => '=',
        };
        (0..4).map(digit).collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

#[test]
fn clients_keep_their_servers_when_the_active_node_dies_and_when_it_comes_back() {
    let mut pair = Pair::new("clients", "");
    pair.site.client.shell(&format!(
        "for last in $(seq 110 {}); do ip address add 192.0.2.$last/24 dev eth0; done",
        110 + CLIENTS
    ));
    let come = || -> Vec<Client> {
        let kinds = [COOKIE, USER, ADDRESS, KERNEL].into_iter();
        kinds.flat_map(|port| (0..CLIENTS).map(move |number| Client::new(port, number))).collect()
    };
    let clients = pair.site.client.inside(come);
    for port in [COOKIE, USER, ADDRESS, KERNEL] {
        let on =
            |name: &str| clients.iter().filter(|client| client.port == port && client.server == name).count();
        assert!(NAMES.iter().all(|name| on(name) > 0), "clients of port {port} are on all servers");
    }
    let keep = |pair: &Pair, what: &str| {
        let now: Vec<_> = pair.site.client.inside(|| clients.iter().map(Client::ask).collect());
        for (client, now) in clients.iter().zip(now) {
            let now = now.map(|(_, server)| server);
            let log = || pair.site.nodes.iter().map(|node| node.log()).collect::<String>();
            assert_eq!(now.as_ref(), Ok(&client.server), "{what}: {client:?}\n{}", log());
        }
    };
    keep(&pair, "before anything");
    for round in 0..2 {
        pair.site.nodes[0].kill_all();
        pair.site.is_held_by(2);
        keep(&pair, &format!("round {round}, the first node is dead"));
        // It knows nobody when it begins, and is the better one.
        pair.start(1);
        pair.site.is_held_by(1);
        keep(&pair, &format!("round {round}, the first node is back"));
    }
}

#[test]
fn whoever_waits_for_an_answer_is_told_at_once_that_the_address_has_left() {
    let mut pair = Pair::new("reset", "");
    let wait = |pair: &Pair| {
        pair.site.client.inside(|| {
            [VIP, VIP_V6].map(|vip| {
                let mut stream = connect(vip, COOKIE, None).unwrap();
                stream.write_all(b"GET /wait HTTP/1.1\r\nHost: www.example.org\r\n\r\n").unwrap();
                stream
            })
        })
    };
    let told = |waiting: [TcpStream; 2], what: &str| {
        for mut stream in waiting {
            let error = stream.read(&mut [0; 16]).expect_err("no answer comes");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{what}: {error}");
        }
    };
    let count = |pair: &Pair, number: usize| pair.site.nodes[number - 1].connections();
    let waiting = wait(&pair);
    until("both are served", || (count(&pair, 1) == 2).then_some(()));
    // Nothing is kept for them either: their servers need not wait for the drain timeout.
    pair.site.nodes[0].stop();
    told(waiting, "planned stop");

    pair.site.is_held_by(2);
    let waiting = wait(&pair);
    until("both are served", || (count(&pair, 2) == 2).then_some(()));
    pair.start(1);
    told(waiting, "the better node returns");
    until("nothing is left of them", || (count(&pair, 2) == 0).then_some(()));
}
