//! Certificates of clients.

use std::time::SystemTime;

use super::versions::visit;
use super::*;
use sekisho_api::Stream as _;

/// A client that shows this certificate.
fn showing(at: &CertificateFiles) -> Arc<ClientConfig> {
    let chain = files::certificates(&at.certificate).unwrap();
    let key = files::key(&at.key).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(KeyVerifier::any(provider())))
        .with_client_auth_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

fn named(name: &str) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.distinguished_name.push(rcgen::DnType::CommonName, name)
}

#[test]
fn required_certificate_must_come_and_be_signed_by_the_authority() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = authority.issue("server.pem", &["a.example"]);
    let alice = authority.issue_with("alice.pem", &[], named("alice"));
    let mallory = stranger.issue_with("alice.pem", &[], named("alice"));
    let acceptor =
        acceptor(&ClientTls { client_auth: ClientAuth::Require(authority.ca()), ..settings(vec![server]) });
    run(async {
        let (gateway, _) = meet(&acceptor, &showing(&alice), "a.example").await;
        assert_eq!(gateway.unwrap().tls().unwrap().client_subject.as_deref(), Some("CN=alice"));
        let (gateway, _) = meet(&acceptor, &showing(&mallory), "a.example").await;
        assert_eq!(gateway.unwrap_err().label(), "tls-certificate-refused");
        let (gateway, _) = meet(&acceptor, &Arc::new(anyone(rustls::DEFAULT_VERSIONS)), "a.example").await;
        assert_eq!(gateway.unwrap_err().label(), "tls-certificate-required");
    });
}

#[test]
fn requested_certificate_may_be_declined_but_not_forged() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = authority.issue("server.pem", &["a.example"]);
    let mallory = stranger.issue_with("alice.pem", &[], named("alice"));
    let acceptor =
        acceptor(&ClientTls { client_auth: ClientAuth::Request(authority.ca()), ..settings(vec![server]) });
    run(async {
        let (gateway, _) = meet(&acceptor, &Arc::new(anyone(rustls::DEFAULT_VERSIONS)), "a.example").await;
        assert_eq!(gateway.unwrap().tls().unwrap().client_subject, None);
        let (gateway, _) = meet(&acceptor, &showing(&mallory), "a.example").await;
        assert_eq!(gateway.unwrap_err().label(), "tls-certificate-refused");
    });
}

#[test]
fn resumed_client_keeps_its_name_until_its_authority_is_withdrawn() {
    let (authority, successor) = (Authority::new(), Authority::new());
    let server = authority.issue("server.pem", &["a.example"]);
    let alice = showing(&authority.issue_with("alice.pem", &[], named("alice")));
    let list = authority.scratch.write("clients.pem", authority.issuer.pem());
    let client_auth = ClientAuth::Require(list.clone());
    let acceptor = acceptor(&ClientTls { client_auth, ..settings(vec![server]) });
    run(async {
        assert!(!visit(&acceptor, &alice).await);
        let (gateway, client) = meet(&acceptor, &alice, "a.example").await;
        assert!(client.unwrap().resumed());
        assert_eq!(gateway.unwrap().tls().unwrap().client_subject.as_deref(), Some("CN=alice"));

        authority.scratch.write("clients.pem", "nobody");
        let failed = [CertificateEvent::Failed(list.clone())];
        assert_eq!(acceptor.reload_changed(SystemTime::now()), failed);
        assert!(meet(&acceptor, &alice, "a.example").await.0.is_ok());

        authority.scratch.write("clients.pem", successor.issuer.pem());
        assert_eq!(acceptor.reload_changed(SystemTime::now()), [CertificateEvent::Reloaded(list.clone())]);
        assert!(meet(&acceptor, &alice, "a.example").await.0.is_err());
    });
}
