//! Versions, application protocols and resumption.

use super::*;
use rustls::version::{TLS12, TLS13};
use sekisho_api::Stream as _;

#[test]
fn both_versions_are_spoken_and_reported() {
    let authority = Authority::new();
    let acceptor = acceptor(&settings(vec![authority.issue("a.pem", &["a.example"])]));
    run(async {
        for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
            let (gateway, client) = meet(&acceptor, &Arc::new(anyone(&[version])), "a.example").await;
            assert_eq!(gateway.unwrap().tls().unwrap().version, name);
            client.unwrap();
        }
    });
}

#[test]
fn oldest_version_can_be_raised() {
    let authority = Authority::new();
    let settings = settings(vec![authority.issue("a.pem", &["a.example"])]);
    let acceptor = acceptor(&ClientTls { min_version: TlsVersion::V1_3, ..settings });
    run(async {
        let (gateway, client) = meet(&acceptor, &Arc::new(anyone(&[&TLS12])), "a.example").await;
        assert_eq!(gateway.unwrap_err().label(), "tls-version");
        assert!(client.is_err());
        assert!(meet(&acceptor, &Arc::new(anyone(&[&TLS13])), "a.example").await.1.is_ok());
    });
}

/// What the gateway answers to these bytes, and how it names the failure.
async fn answer(acceptor: &Acceptor, bytes: &[u8]) -> (Vec<u8>, &'static str) {
    let (gateway, mut peer) = sockets().await;
    peer.write_all(bytes).await.unwrap();
    let error = acceptor.accept(gateway).await.unwrap_err();
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    (answer, error.label())
}

/// A ClientHello of 2005: TLS 1.0 or 1.1, AES-CBC with RSA, no extensions (RFC 2246, section 7.4.1.2).
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]); // random
    hello.push(0); // no session
    hello.extend([0, 2, 0x00, 0x2f]); // TLS_RSA_WITH_AES_128_CBC_SHA
    hello.extend([1, 0]); // no compression
    let mut record = vec![22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    record
}

#[test]
fn versions_before_1_2_are_refused_with_an_alert() {
    let authority = Authority::new();
    let acceptor = acceptor(&settings(vec![authority.issue("a.pem", &["a.example"])]));
    run(async {
        for minor in [0, 1, 2] {
            let (answer, label) = answer(&acceptor, &old_hello(minor)).await;
            assert_eq!(answer[0], 21, "an alert: {answer:02x?}");
            // protocol_version, or handshake_failure because nothing says how the client could verify a signature.
            assert!(matches!(answer[5..], [2, 70 | 40]), "a fatal alert and no more: {answer:02x?}");
            assert_eq!(label, "tls-version");
        }
    });
}

#[test]
fn what_is_not_tls_is_closed_with_an_alert() {
    let authority = Authority::new();
    let acceptor = acceptor(&settings(vec![authority.issue("a.pem", &["a.example"])]));
    run(async {
        for garbage in
            [&b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2\r\n", &[0; 64]]
        {
            let (answer, label) = answer(&acceptor, garbage).await;
            assert_eq!(answer.first(), Some(&21), "an alert: {answer:02x?}");
            assert_eq!(label, "tls-not-tls");
        }
    });
}

#[test]
fn client_that_leaves_in_the_handshake_is_no_fault() {
    let authority = Authority::new();
    let acceptor = acceptor(&settings(vec![authority.issue("a.pem", &["a.example"])]));
    run(async {
        for bytes in [&b""[..], &old_hello(3)[..20]] {
            let (gateway, mut peer) = sockets().await;
            peer.write_all(bytes).await.unwrap();
            drop(peer);
            let error = acceptor.accept(gateway).await.unwrap_err();
            assert_eq!(error.end(), sekisho_api::End::ClientLeft);
        }
    });
}

#[test]
fn protocols_own_alpn_is_offered_unless_configured() {
    let authority = Authority::new();
    let plain = settings(vec![authority.issue("a.pem", &["a.example"])]);
    let configured = ClientTls { alpn: vec!["imap".into()], ..plain.clone() };
    run(async {
        for (settings, offered, agreed) in [
            (&plain, &["h2", "http/1.1"][..], Some("http/1.1")),
            (&plain, &[], None),
            (&configured, &["imap"], Some("imap")),
        ] {
            let mut config = anyone(rustls::DEFAULT_VERSIONS);
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
            let (gateway, _) = meet(&acceptor(settings), &Arc::new(config), "a.example").await;
            assert_eq!(gateway.unwrap().tls().unwrap().alpn.as_deref(), agreed.map(str::as_bytes));
        }
        let mut config = anyone(rustls::DEFAULT_VERSIONS);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let (gateway, _) = meet(&acceptor(&plain), &Arc::new(config), "a.example").await;
        assert_eq!(gateway.unwrap_err().label(), "tls-alpn");
    });
}

/// One request and answer, so that tickets arrive; then whether the handshake was a resumed one.
pub(super) async fn visit(acceptor: &Acceptor, config: &Arc<ClientConfig>) -> bool {
    let (gateway, client) = meet(acceptor, config, "a.example").await;
    let (mut gateway, mut client) = (gateway.unwrap(), client.unwrap());
    gateway.write_all(b"hello").await.unwrap();
    gateway.flush().await.unwrap();
    let mut hello = [0; 5];
    client.read_exact(&mut hello).await.unwrap();
    assert_eq!(gateway.resumed(), client.resumed());
    client.resumed()
}

#[test]
fn sessions_resume_in_both_versions_with_and_without_tickets() {
    let authority = Authority::new();
    let settings = settings(vec![authority.issue("a.pem", &["a.example"])]);
    run(async {
        for tickets in [true, false] {
            let acceptor = acceptor(&ClientTls { tickets, ..settings.clone() });
            for version in [&TLS12, &TLS13] {
                let config = Arc::new(anyone(&[version]));
                assert!(!visit(&acceptor, &config).await);
                assert!(visit(&acceptor, &config).await, "{version:?}, tickets {tickets}");
            }
        }
    });
}

#[test]
fn sessions_resume_under_the_next_configuration_unless_other_certificates_are_asked() {
    let authority = Authority::new();
    let settings = settings(vec![authority.issue("a.pem", &["a.example"])]);
    let asking = ClientTls { client_auth: ClientAuth::Request(authority.ca()), ..settings.clone() };
    run(async {
        let first = acceptor(&settings);
        let config = Arc::new(anyone(rustls::DEFAULT_VERSIONS));
        assert!(!visit(&first, &config).await);
        let next = |settings| Acceptor::new(settings, &[], Some(&first)).unwrap();
        assert!(visit(&next(&settings), &config).await);
        assert!(!visit(&next(&asking), &config).await);
    });
}
