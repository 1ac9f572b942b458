//! The model of a full example, value by value.

use std::path::Path;
use std::time::Duration;

use sekisho_api::{CookieSettings, IdentityRules, KeyKind, Persist, SameSite, Secure, Transport};
use sekisho_scheduler::{
    Admin, AllDown, FlapSpec, HashKind, HealthSpec, Method, OutlierSpec, PassiveSpec, QueueSpec,
    ResponseCombine, ResponseSource, ServerSpec, TableSpec,
};

use super::fake;
use super::folder::{Folder, files};
use crate::{
    AccessLog, Arms, CertificateFiles, ClientAuth, ClientTls, Config, Facility, Flavour, Gateway, Limits,
    LineFormat, LinePiece, LogField, LogFormat, LogTo, Mac, OnStop, PeerKeyForm, PeerNode, PeerTable, Peers,
    ProxyTlv, ProxyVersion, ReturnPath, ServerTls, SharedStore, Source, SyslogAddress, Timeouts, TlsMode,
    TlsVersion, Topology, Track, VipMode, Vrrp, VrrpChecksum, VrrpMode,
};

fn good(name: &str, folder: &Folder) -> Config {
    let (_, text) = files("good").into_iter().find(|(file, _)| file == name).unwrap();
    fake::check(&text, name, folder).unwrap_or_else(|report| panic!("{report}")).config
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn pair(base: &Path, certificate: &str, key: &str) -> CertificateFiles {
    CertificateFiles { certificate: base.join(certificate), key: base.join(key) }
}

#[test]
fn every_key_of_gateway_and_domain_reaches_the_model() {
    let folder = Folder::new();
    let config = good("full", &folder);
    let base = folder.path();
    let networks = ["10.0.0.0/8", "192.0.2.1", "fd00::/8"].map(|network| network.parse().unwrap());
    assert_eq!(
        config.gateway,
        Gateway {
            workers: Some(4),
            max_connections: Some(50_000),
            state_directory: Some(base.join("state")),
            secret_file: Some(base.join("certs/secret")),
            drain_timeout: seconds(60),
            log: "warn,sekisho_runtime=debug".to_owned(),
            log_format: LogFormat::Json,
            log_to: LogTo::Syslog {
                address: SyslogAddress::Unix("/dev/log".into()),
                facility: Facility::NAMES.iter().find(|(name, _)| *name == "local7").unwrap().1,
                tag: "gateway".to_owned(),
            },
            access_logs: vec![
                AccessLog {
                    to: LogTo::File(base.join("log/access.log")),
                    format: LineFormat::All(LogFormat::Json),
                    sample: 10,
                    max_rate: Some(5000),
                },
                AccessLog {
                    to: LogTo::Journald { socket: "/run/journal".into(), tag: "sekisho".to_owned() },
                    format: LineFormat::Own([LinePiece::Field(LogField::Client)].into()),
                    sample: 1,
                    max_rate: None,
                },
            ],
            traces: Some(AccessLog {
                to: LogTo::Otlp { address: "127.0.0.1:4318".parse().unwrap(), path: "/v1/traces".to_owned() },
                format: LineFormat::Span,
                sample: 1,
                max_rate: Some(50),
            }),
            metrics: Some("127.0.0.1:9101".parse().unwrap()),
            admin: Some("/run/sekisho/admin.sock".into()),
            trusted: networks.into_iter().collect(),
        }
    );
    let names: Vec<&str> = config.domains.iter().map(|domain| &*domain.table.name).collect();
    assert_eq!(names, ["default", "staff"]);
    assert_eq!(
        config.domains[1].table,
        TableSpec { name: "staff".into(), max_entries: 5000, max_bytes: 2 << 20, expire: seconds(12 * 3600) }
    );
    let identity = IdentityRules { keep_domain: true, strip_detail: true, case_sensitive: true };
    assert_eq!(config.domains[1].identity, identity);
}

#[test]
fn every_key_of_admin_reaches_the_model() {
    let folder = Folder::new();
    let crate::Admin { listen, tls, tokens, clients, anonymous, names, audit_log } =
        good("full", &folder).admin;
    assert_eq!(listen, Some("127.0.0.1:9102".parse().unwrap()));
    assert_eq!(tls.unwrap().client_auth, ClientAuth::Request(folder.path().join("certs/ca.pem")));
    assert_eq!(
        tokens,
        [
            crate::Token {
                name: "anna".into(),
                scope: crate::Scope::Configure,
                hash: [0x5a; 32],
                expires: None
            },
            crate::Token {
                name: "grafana".into(),
                scope: crate::Scope::Read,
                hash: [0xa5; 32],
                expires: crate::Moment::read("2027-01-31T12:00:00Z"),
            },
        ]
    );
    assert_eq!(clients, [("CN=anna".to_owned(), crate::Scope::Operate)]);
    assert_eq!((anonymous, names), (Some(crate::Scope::Read), vec!["gateway.example.org".to_owned()]));
    assert_eq!(audit_log, Some(folder.path().join("log/audit.log")));
}

#[test]
fn every_key_of_a_vip_reaches_the_model() {
    let folder = Folder::new();
    let config = good("full", &folder);
    let base = folder.path();
    let vip = &config.vips[0];
    assert_eq!((&*vip.name, vip.protocol, vip.transport), ("web", "http", Transport::Tcp));
    let listen = ["192.0.2.10:443", "[2001:db8::10]:443", "192.0.2.10:8000", "192.0.2.10:8001"];
    assert_eq!(vip.listen, listen.map(|address| address.parse().unwrap()));
    assert_eq!(vip.pools.iter().map(|pool| &**pool).collect::<Vec<_>>(), ["web", "images"]);
    assert_eq!(&*vip.domain, "staff");
    assert!(!vip.access_log);
    assert_eq!(vip.proxies, Some(config.gateway.trusted.clone()));
    assert_eq!(
        vip.persist,
        [
            Persist::Cookie(CookieSettings {
                name: "node".into(),
                path: "/app".into(),
                domain: Some("example.org".into()),
                max_age: Some(seconds(3600)),
                secure: Secure::Always,
                http_only: false,
                same_site: Some(SameSite::Strict),
            }),
            Persist::AppCookie { name: "JSESSIONID".into() },
            Persist::Header { name: "x-tenant".into() },
            Persist::Query { name: "tenant".into() },
            Persist::Key(KeyKind::USER),
            Persist::SourceIp { v4: 24, v6: 56 },
        ]
    );
    assert_eq!(
        vip.tls,
        Some(ClientTls {
            mode: TlsMode::Implicit,
            certificates: vec![
                pair(base, "certs/web.pem", "certs/web.pem"),
                pair(base, "certs/web.crt", "certs/web.key"),
            ],
            min_version: TlsVersion::V1_3,
            alpn: vec!["http/1.1".to_owned()],
            client_auth: ClientAuth::Request(base.join("certs/ca.pem")),
            strict_names: true,
            tickets: false,
        })
    );
    let limits = Limits {
        max_connections: Some(20_000),
        max_connections_per_client: Some(200),
        max_connections_per_user: Some(20),
        max_strikes: Some(30),
        strike_memory: seconds(900),
        buffer: 32 << 10,
        attempts: 2,
    };
    assert_eq!(vip.limits, limits);
    assert_eq!(
        vip.timeouts,
        Timeouts {
            handshake: seconds(5),
            head: seconds(6),
            connect: Duration::from_millis(1500),
            greeting: Some(seconds(3)),
            response: Some(Duration::from_millis(2500)),
            idle: seconds(300),
            half_closed: seconds(20),
            keepalive: seconds(45),
        }
    );
}

#[test]
fn vip_that_the_kernel_serves_reaches_the_model() {
    let config = good("full", &Folder::new());
    let modes: Vec<_> = config.vips.iter().map(|vip| (&*vip.name, vip.mode)).collect();
    let kept = VipMode::L4(OnStop::Keep);
    assert_eq!(modes, [("web", VipMode::Proxy), ("names", VipMode::Proxy), ("syslog", kept)]);
}

#[test]
fn every_key_of_a_pool_reaches_the_model() {
    let folder = Folder::new();
    let config = good("full", &folder);
    let base = folder.path();
    let pool = &config.pools[0];
    let server = |name: &str, address: &str, weight, max_connections, group, admin| ServerSpec {
        name: name.into(),
        address: address.parse().unwrap(),
        weight,
        max_connections,
        group,
        admin,
    };
    assert_eq!(
        pool.spec.servers,
        [
            server("www1", "10.0.0.21:80", 1, None, 0, Admin::Ready),
            server("www2", "10.0.0.22:80", 3, Some(100), 0, Admin::Drain),
            server("www3", "[fd00::23]:80", 1, None, 1, Admin::Maintenance),
            server("www4", "10.0.0.24:80", 1, None, 2, Admin::Ready),
        ]
    );
    let method =
        Method::LeastResponseTime { source: ResponseSource::Traffic, combine: ResponseCombine::None };
    assert_eq!(pool.spec.method, method);
    assert_eq!(pool.spec.all_down, AllDown::UseAll);
    assert_eq!(pool.spec.on_down, sekisho_scheduler::OnDown::Temporary);
    assert_eq!(pool.spec.queue, QueueSpec { capacity: 50, timeout: seconds(2) });
    assert_eq!((pool.spec.slow_start, pool.spec.seed), (seconds(30), 7));
    assert_eq!(
        pool.spec.health,
        HealthSpec {
            active: true,
            interval: seconds(4),
            fast_interval: Duration::from_millis(500),
            timeout: seconds(1),
            fall: 4,
            rise: 5,
            jitter: 0.2,
            passive: PassiveSpec { suspect_after: 2, down_after: 5, retry_after: seconds(20) },
            flap: FlapSpec { changes: 8, window: seconds(120), hold: seconds(180) },
            outlier: Some(OutlierSpec {
                consecutive: 7,
                failure_share: Some(0.4),
                min_requests: 50,
                interval: seconds(20),
                base: seconds(15),
                longest: seconds(120),
                max_ejected: 0.3,
                said_so: false,
            }),
        }
    );
    let probe = pool.probe.as_ref().unwrap();
    assert_eq!((probe.kind, probe.port), ("http", Some(8081)));
    assert_eq!(
        pool.tls,
        Some(ServerTls {
            mode: TlsMode::Implicit,
            ca: Some(base.join("certs/ca.pem")),
            server_name: Some("app.example.org".to_owned()),
            hosts: [].into(),
            pins: vec![std::array::from_fn(|i| i as u8)],
            verify: true,
            certificate: Some(pair(base, "certs/web.crt", "certs/web.key")),
            alpn: vec!["http/1.1".to_owned()],
        })
    );
    let images = &config.pools[1];
    assert!(images.tls.as_ref().unwrap().verify, "`tls = true` checks certificates");
    let resolvers = &config.pools[2];
    let reach = [pool, images, resolvers].map(|pool| (pool.streams_only, pool.proxy_protocol));
    let expected = [(true, Some(ProxyVersion::V2)), (true, None), (true, Some(ProxyVersion::V1))];
    assert_eq!(reach, expected, "`tls` has no datagrams");
    assert_eq!(*pool.proxy_tlvs, [ProxyTlv::UniqueId, ProxyTlv::Tls]);
    assert_eq!(*resolvers.proxy_tlvs, ProxyTlv::DEFAULT);
    let addresses = ["10.0.0.2", "fd00::2"].map(|address| address.parse().unwrap());
    let sources = [&pool.source, &images.source];
    assert_eq!(sources, [&Source::Addresses(addresses.into()), &Source::Gateway]);
    assert_eq!(resolvers.settings.keys().copied().collect::<Vec<_>>(), ["dns"]);
    assert_eq!(resolvers.settings["dns"].downcast_ref::<String>().unwrap(), "64 MiB");
}

#[test]
fn every_method_is_read_with_its_settings() {
    let config = good("methods", &Folder::new());
    let time = |source, combine| Method::LeastResponseTime { source, combine };
    let expected = [
        Method::RoundRobin,
        Method::LeastConnections,
        time(ResponseSource::Both, ResponseCombine::Active),
        Method::LeastBandwidth { window: seconds(14) },
        Method::RandomTwo,
        Method::ConsistentHash(HashKind::Maglev),
        Method::SourceHash,
        Method::FirstAvailable,
        time(ResponseSource::Probe, ResponseCombine::None),
        Method::LeastBandwidth { window: seconds(5) },
        Method::ConsistentHash(HashKind::Maglev),
        Method::ConsistentHash(HashKind::BoundedLoad(2.0)),
        Method::ConsistentHash(HashKind::BoundedLoad(1.25)),
    ];
    assert_eq!(config.pools.iter().map(|pool| pool.spec.method).collect::<Vec<_>>(), expected);
    assert_eq!(config.vips[0].pools.len(), expected.len());
}

#[test]
fn every_key_of_the_network_reaches_the_model_and_has_a_default() {
    let folder = Folder::new();
    let expected = ReturnPath { manage: false, mark: 4096, table: 300, priority: 200 };
    assert_eq!(good("full", &folder).network, expected);
    let plain = good("small", &folder).network;
    assert!(plain.manage && plain.table > 255 && plain.priority < 32_766);
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let expected = Topology {
        arms: Arms::One(Flavour::Mac),
        next_hop: addresses(&["10.0.0.1", "fd00::1"]),
        nodes: addresses(&["10.0.0.2", "10.0.0.3", "fd00::2", "fd00::3"]),
        macs: [2, 3].map(|last| Mac([2, 0, 0, 0, 0, last])).into(),
        interface: "ens3".to_owned(),
    };
    assert_eq!(good("full", &folder).topology, expected);
    assert_eq!(good("small", &folder).topology.arms, Arms::Two);
}

#[test]
fn every_key_of_vrrp_reaches_the_model() {
    let config = good("full", &Folder::new());
    let address = |text: &str, prefix| (text.parse().unwrap(), prefix);
    assert_eq!(
        config.vrrp[0],
        Vrrp {
            name: "web".into(),
            mode: VrrpMode::BuiltIn,
            interface: "eth0".to_owned(),
            router_id: 51,
            priority: 200,
            addresses: vec![address("192.0.2.10", 24), address("2001:db8::10", 64)],
            advert_interval: Duration::from_millis(50),
            preempt: false,
            preempt_delay: seconds(20),
            peers: ["192.0.2.3", "fe80::3"].map(|peer| peer.parse().unwrap()).into(),
            ipv4_checksum: VrrpChecksum::Plain,
            group: "site".into(),
            track: Track {
                interfaces: vec!["eth1".to_owned()],
                pools: vec![("web".into(), Some(50))],
                vips: vec!["web".into()],
            },
        }
    );
    let inside = &config.vrrp[1];
    assert_eq!((inside.mode, &*inside.group), (VrrpMode::External, "inside"));
    assert_eq!(inside.addresses, [address("10.0.0.1", 32)]);
    assert_eq!(inside.track.pools, [("images".into(), None)]);
    assert!(config.moves("192.0.2.10".parse().unwrap()) && !config.moves("192.0.2.11".parse().unwrap()));
}

#[test]
fn every_key_of_peers_reaches_the_model_and_a_small_one_is_enough() {
    let folder = Folder::new();
    let base = folder.path();
    let node = |name: &str, address: &str| PeerNode { name: name.into(), address: address.parse().unwrap() };
    let table = |name: &str, domain: &str, key, form| PeerTable {
        name: name.into(),
        domain: domain.into(),
        key,
        form,
    };
    let expected = Peers {
        name: "gw1".into(),
        listen: ["10.0.9.2:1024", "[fd00:9::2]:1024"].map(|address| address.parse().unwrap()).into(),
        nodes: vec![node("gw2", "10.0.9.3:1024"), node("lb-old", "10.0.9.4:10000")],
        tls: Some(ServerTls {
            ca: Some(base.join("certs/ca.pem")),
            server_name: Some("nodes.example".to_owned()),
            certificate: Some(pair(base, "certs/web.crt", "certs/web.key")),
            ..ServerTls::default()
        }),
        tables: vec![
            table("users", "staff", KeyKind::USER, PeerKeyForm::Text(64)),
            table("clients", "default", KeyKind::SOURCE_IP, PeerKeyForm::Ipv6),
        ],
    };
    assert_eq!(good("full", &folder).peers, Some(expected));
    assert_eq!(good("small", &folder).peers, None);

    let (_, small) = files("good").into_iter().find(|(file, _)| file == "small").unwrap();
    let peers = "[peers]\nname = 'a'\nlisten = '10.0.9.2:1024'\nnodes = { b = '10.0.9.3:1024' }\n\
                 tables = { users = { key = 'user' }, sources = { key = 'source-ip' } }\n";
    let loaded = fake::check(&format!("{small}\n{peers}"), "peers", &folder).unwrap();
    let forms: Vec<_> = loaded.config.peers.unwrap().tables.iter().map(|table| table.form).collect();
    assert_eq!(forms, [PeerKeyForm::Text(31), PeerKeyForm::Ip]);
    assert!(loaded.warnings.to_string().contains("cookies of one node mean nothing on the others"));
}

#[test]
fn every_key_of_the_store_reaches_the_model_and_only_the_address_is_needed() {
    let folder = Folder::new();
    let base = folder.path();
    let expected = SharedStore {
        host: "redis.example".to_owned(),
        port: 6380,
        database: 2,
        tls: Some(ServerTls {
            ca: Some(base.join("certs/ca.pem")),
            server_name: Some("store.example".to_owned()),
            ..ServerTls::default()
        }),
        user: Some("gateway".to_owned()),
        password_file: Some(base.join("certs/store-password")),
        prefix: "site:".to_owned(),
        connect_timeout: Duration::from_millis(500),
        timeout: Duration::from_millis(700),
        staleness: seconds(3),
        secret_file: base.join("certs/secret"),
    };
    assert_eq!(good("full", &folder).store, Some(expected));
    assert_eq!(good("small", &folder).store, None);

    let (_, small) = files("good").into_iter().find(|(file, _)| file == "small").unwrap();
    let shared = "[store]\nredis = \"redis://10.0.0.9\"\n[gateway]\nsecret-file = \"certs/secret\"\n";
    let config = fake::check(&format!("{small}\n{shared}"), "shared", &folder).unwrap().config;
    let expected = SharedStore {
        host: "10.0.0.9".to_owned(),
        port: 6379,
        database: 0,
        tls: None,
        user: None,
        password_file: None,
        prefix: "sekisho:".to_owned(),
        connect_timeout: seconds(1),
        timeout: seconds(2),
        staleness: seconds(5),
        secret_file: base.join("certs/secret"),
    };
    assert_eq!(config.store, Some(expected));
}
