//! Which certificate a client is shown.

use super::*;

#[test]
fn certificate_is_found_by_the_name_asked_for() {
    let authority = Authority::new();
    let files = [
        authority.issue("default.pem", &["default.example"]),
        authority.issue("wild.pem", &["*.example.org"]),
        authority.issue("exact.pem", &["www.example.org", "example.net"]),
        authority.issue("address.pem", &["127.0.0.1"]),
    ];
    let acceptor = acceptor(&settings(files.to_vec()));
    let config = Arc::new(anyone(rustls::DEFAULT_VERSIONS));
    run(async {
        for (name, expected) in [
            ("default.example", 0),
            ("www.example.org", 2),
            ("WWW.example.org", 2),
            ("mail.example.org", 1),
            ("a.mail.example.org", 0),
            ("example.net", 2),
            ("unknown.example", 0),
            // A client that addresses the gateway by number sends no name (RFC 6066, section 3).
            ("127.0.0.1", 3),
        ] {
            let (gateway, client) = meet(&acceptor, &config, name).await;
            assert_eq!(shown(&client.unwrap()), leaf(&files[expected]), "{name}");
            let facts = Arc::clone(sekisho_api::Stream::tls(&gateway.unwrap()).unwrap());
            let asked = (name != "127.0.0.1").then(|| name.to_ascii_lowercase());
            assert_eq!(facts.server_name.as_deref(), asked.as_deref());
        }
    });
}

#[test]
fn strict_names_refuse_a_client_that_fits_no_certificate() {
    let authority = Authority::new();
    let settings =
        ClientTls { strict_names: true, ..settings(vec![authority.issue("a.pem", &["a.example"])]) };
    let acceptor = acceptor(&settings);
    let config = Arc::new(anyone(rustls::DEFAULT_VERSIONS));
    run(async {
        assert!(meet(&acceptor, &config, "a.example").await.1.is_ok());
        for name in ["b.example", "127.0.0.1"] {
            let (gateway, client) = meet(&acceptor, &config, name).await;
            assert_eq!(gateway.unwrap_err().label(), "tls-unknown-name");
            let Err(HandshakeError::Tls(error)) = client else { panic!("refused") };
            assert_eq!(error, rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName));
        }
    });
}

#[test]
fn of_two_certificates_with_one_name_the_first_that_the_client_can_use_is_shown() {
    let authority = Authority::new();
    let ed25519 = {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap();
        let path = authority.scratch.write("ed25519.pem", certificate.pem() + &key.serialize_pem());
        CertificateFiles { certificate: path.clone(), key: path }
    };
    let ecdsa = authority.issue("ecdsa.pem", &["a.example"]);
    let acceptor = acceptor(&settings(vec![ed25519.clone(), ecdsa.clone()]));

    #[derive(Debug)]
    struct OnlyEcdsa(KeyVerifier);
    impl rustls::client::danger::ServerCertVerifier for OnlyEcdsa {
        fn verify_server_cert(
            &self,
            leaf: &CertificateDer<'_>,
            chain: &[CertificateDer<'_>],
            name: &ServerName<'_>,
            ocsp: &[u8],
            now: rustls::pki_types::UnixTime,
        ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
            self.0.verify_server_cert(leaf, chain, name, ocsp, now)
        }
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            self.0.verify_tls12_signature(message, leaf, signed)
        }
        fn verify_tls13_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signed: &rustls::DigitallySignedStruct,
        ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
            self.0.verify_tls13_signature(message, leaf, signed)
        }
        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            vec![rustls::SignatureScheme::ECDSA_NISTP256_SHA256]
        }
    }

    let mut old = anyone(rustls::DEFAULT_VERSIONS);
    old.dangerous().set_certificate_verifier(Arc::new(OnlyEcdsa(KeyVerifier::any(provider()))));
    run(async {
        let modern = Arc::new(anyone(rustls::DEFAULT_VERSIONS));
        assert_eq!(shown(&meet(&acceptor, &modern, "a.example").await.1.unwrap()), leaf(&ed25519));
        assert_eq!(shown(&meet(&acceptor, &Arc::new(old), "a.example").await.1.unwrap()), leaf(&ecdsa));
    });
}
