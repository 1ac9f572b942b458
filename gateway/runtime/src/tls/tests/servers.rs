//! TLS towards servers: whom the gateway believes.

use std::collections::BTreeMap;

use super::*;
use sekisho_config::ServerTls;

fn towards() -> ServerTls {
    ServerTls {
        mode: sekisho_config::TlsMode::Implicit,
        ca: None,
        server_name: None,
        hosts: BTreeMap::new(),
        pins: Vec::new(),
        verify: true,
        certificate: None,
        alpn: Vec::new(),
    }
}

/// The gateway's handshake with a server that shows `at`.
async fn dial(connector: &Connector, server: &Acceptor) -> Result<TlsStream, HandshakeError> {
    let (listener, gateway) = sockets().await;
    let (name, address) = (Arc::from("app1"), gateway.peer_addr().unwrap());
    let (dialled, served) = tokio::join!(connector.connect(gateway, &name, address), server.accept(listener));
    let mut dialled = dialled?;
    if let Ok(mut served) = served {
        served.write_all(b"x").await.unwrap();
        served.flush().await.unwrap();
        dialled.read_u8().await.unwrap();
    }
    Ok(dialled)
}

#[test]
fn server_is_believed_by_authority_and_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let by_name = acceptor(&settings(vec![authority.issue("name.pem", &["app.example"])]));
    let by_address = acceptor(&settings(vec![authority.issue("address.pem", &["127.0.0.1"])]));
    let expired = acceptor(&settings(vec![authority.issue_with("old.pem", &["app.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    })]));
    let name = |name: &str| Some(name.to_owned());
    run(async {
        for (ca, server_name, server, expected) in [
            (&authority, name("app.example"), &by_name, Ok(())),
            (&authority, None, &by_address, Ok(())),
            (&authority, name("other.example"), &by_name, Err("tls-certificate-refused")),
            (&authority, None, &by_name, Err("tls-certificate-refused")),
            (&stranger, name("app.example"), &by_name, Err("tls-certificate-refused")),
            (&authority, name("app.example"), &expired, Err("tls-certificate-expired")),
        ] {
            let connector =
                Connector::new(&ServerTls { ca: Some(ca.ca()), server_name, ..towards() }).unwrap();
            let result = dial(&connector, server).await.map(|_| ());
            assert_eq!(result.map_err(|error| error.label()), expected);
        }
    });
}

#[test]
fn server_configured_by_a_host_name_is_checked_by_it() {
    let authority = Authority::new();
    let server = acceptor(&settings(vec![authority.issue("name.pem", &["app1.example"])]));
    let hosts = |name: &str, host: &str| BTreeMap::from([(Arc::from(name), host.to_owned())]);
    run(async {
        for (hosts, good) in [
            (hosts("app1", "app1.example"), true),
            (hosts("app1", "app2.example"), false),
            (hosts("app2", "app1.example"), false),
        ] {
            let connector =
                Connector::new(&ServerTls { ca: Some(authority.ca()), hosts, ..towards() }).unwrap();
            assert_eq!(dial(&connector, &server).await.is_ok(), good);
        }
    });
}

#[test]
fn pinned_key_is_believed_without_authority_name_or_date() {
    let authority = Authority::new();
    let at = authority.issue_with("old.pem", &["whatever.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let other = acceptor(&settings(vec![authority.issue("other.pem", &["whatever.example"])]));
    let pin = verify::pin(&leaf(&at)).unwrap();
    let connector = Connector::new(&ServerTls { pins: vec![[0; 32], pin], ..towards() }).unwrap();
    run(async {
        dial(&connector, &acceptor(&settings(vec![at]))).await.unwrap();
        assert_eq!(dial(&connector, &other).await.unwrap_err().label(), "tls-certificate-refused");
    });
}

#[test]
fn pin_is_the_digest_of_the_public_key_as_other_tools_compute_it() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
    let expected = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &spki);
    assert_eq!(verify::pin(certificate.der()).unwrap(), expected.as_ref());
}

#[test]
fn unverified_server_is_believed_whoever_it_is() {
    let authority = Authority::new();
    let server = acceptor(&settings(vec![authority.issue("a.pem", &["a.example"])]));
    let connector = Connector::new(&ServerTls { verify: false, ..towards() }).unwrap();
    run(async { dial(&connector, &server).await.map(|_| ()) }).unwrap();
}

#[test]
fn sessions_with_a_server_resume() {
    let authority = Authority::new();
    let server = acceptor(&settings(vec![authority.issue("a.pem", &["127.0.0.1"])]));
    let connector = Connector::new(&ServerTls { ca: Some(authority.ca()), ..towards() }).unwrap();
    run(async {
        assert!(!dial(&connector, &server).await.unwrap().resumed());
        assert!(dial(&connector, &server).await.unwrap().resumed());
    });
}

#[test]
fn gateway_shows_its_own_certificate_and_offers_alpn() {
    let authority = Authority::new();
    let at = authority.issue("server.pem", &["127.0.0.1"]);
    let own = authority.issue_with("gateway.pem", &[], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "gateway");
    });
    let server =
        acceptor(&ClientTls { client_auth: ClientAuth::Require(authority.ca()), ..settings(vec![at]) });
    let alpn = vec!["http/1.1".to_owned()];
    let tls = ServerTls { ca: Some(authority.ca()), certificate: Some(own), alpn, ..towards() };
    let stream = run(async { dial(&Connector::new(&tls).unwrap(), &server).await }).unwrap();
    let facts = sekisho_api::Stream::tls(&stream).unwrap();
    assert_eq!(facts.alpn.as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let authority = Authority::new();
    let missing = authority.scratch.path().join("missing.pem");
    assert!(Connector::new(&ServerTls { ca: Some(missing), ..towards() }).is_err());
    let empty = authority.scratch.write("empty.pem", "");
    assert!(Connector::new(&ServerTls { ca: Some(empty), ..towards() }).is_err());
    let name = Some("not a name".to_owned());
    assert!(Connector::new(&ServerTls { server_name: name, verify: false, ..towards() }).is_err());
}
