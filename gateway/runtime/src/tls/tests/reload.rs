//! Certificates that change while they are in use.

use std::time::SystemTime;

use super::versions::visit;
use super::*;

#[test]
fn changed_certificate_is_shown_to_the_next_client_and_sessions_go_on() {
    let authority = Authority::new();
    let at = authority.issue("a.pem", &["a.example"]);
    let acceptor = acceptor(&settings(vec![at.clone()]));
    let (first, now) = (leaf(&at), SystemTime::now());
    let config = Arc::new(anyone(rustls::DEFAULT_VERSIONS));
    run(async {
        assert_eq!(acceptor.reload_changed(now), []);
        assert!(!visit(&acceptor, &config).await);
        authority.issue("a.pem", &["a.example", "b.example"]);
        assert_eq!(acceptor.reload_changed(now), [CertificateEvent::Reloaded(at.certificate.clone())]);
        assert_eq!(acceptor.reload_changed(now), []);
        let fresh = Arc::new(anyone(rustls::DEFAULT_VERSIONS));
        let seen = shown(&meet(&acceptor, &fresh, "b.example").await.1.unwrap());
        assert_eq!(seen, leaf(&at));
        assert_ne!(seen, first);
        assert!(visit(&acceptor, &config).await, "resumed after the change");
    });
}

#[test]
fn file_that_does_not_load_keeps_the_old_certificate_and_is_said_once() {
    let authority = Authority::new();
    let at = authority.issue("a.pem", &["a.example"]);
    let acceptor = acceptor(&settings(vec![at.clone()]));
    let (first, now) = (leaf(&at), SystemTime::now());
    let other = std::fs::read_to_string(authority.issue("b.pem", &["a.example"]).key).unwrap();
    let (other_certificate, _) = other.split_at(other.find("-----BEGIN PRIVATE").unwrap());
    let own = std::fs::read_to_string(&at.key).unwrap();
    let (_, own_key) = own.split_at(own.find("-----BEGIN PRIVATE").unwrap());
    let mismatch = format!("{other_certificate}{own_key}");
    let broken = own.replace("MI", "!!");
    for bad in ["", "nonsense", &own[..own.len() / 3], other_certificate, own_key, &mismatch, &broken] {
        authority.scratch.write("a.pem", bad);
        assert_eq!(acceptor.reload_changed(now), [CertificateEvent::Failed(at.certificate.clone())], "{bad}");
        assert_eq!(acceptor.reload_changed(now), []);
    }
    std::fs::remove_file(&at.certificate).unwrap();
    assert_eq!(acceptor.reload_changed(now), [CertificateEvent::Failed(at.certificate.clone())]);
    let config = Arc::new(anyone(rustls::DEFAULT_VERSIONS));
    let seen = run(async { shown(&meet(&acceptor, &config, "a.example").await.1.unwrap()) });
    assert_eq!(seen, first);
    authority.issue("a.pem", &["a.example"]);
    assert_eq!(acceptor.reload_changed(now), [CertificateEvent::Reloaded(at.certificate)]);
}

#[test]
fn expiry_is_visible_and_warned_of_once_a_day_in_the_last_fortnight() {
    let authority = Authority::new();
    let at = authority.issue_with("a.pem", &["a.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2040, 1, 15);
    });
    // 2040-01-15 00:00:00 UTC
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(2_210_198_400);
    let day = Duration::from_secs(24 * 60 * 60);
    let acceptor = Acceptor::new(&settings(vec![at.clone()]), &[], None).unwrap();
    let expected =
        CertificateExpiry { name: "a.example".into(), path: at.certificate.clone(), not_after: end };
    assert_eq!(acceptor.expiries(), [expected]);
    let warning = [CertificateEvent::Expiring(at.certificate)];
    assert_eq!(acceptor.reload_changed(end - 15 * day), []);
    assert_eq!(acceptor.reload_changed(end - 10 * day), warning);
    assert_eq!(acceptor.reload_changed(end - 10 * day + day / 2), []);
    assert_eq!(acceptor.reload_changed(end - 9 * day), warning);
    assert_eq!(acceptor.reload_changed(end + day), warning);
}

#[test]
fn settings_that_cannot_be_used_name_the_file() {
    let authority = Authority::new();
    let at = authority.issue("a.pem", &["a.example"]);
    let load = |certificate: &str, key: &str| {
        let at = CertificateFiles {
            certificate: authority.scratch.path().join(certificate),
            key: authority.scratch.path().join(key),
        };
        Acceptor::new(&settings(vec![at]), &[], None).map(|_| ()).unwrap_err().to_string()
    };
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    authority.scratch.write("locked.pem", encrypted);
    authority.issue("b.pem", &["b.example"]);
    for (certificate, key, expected) in [
        ("missing.pem", "a.pem", "missing.pem"),
        ("a.pem", "missing.pem", "missing.pem"),
        ("locked.pem", "a.pem", "locked.pem holds no readable PEM certificate"),
        ("a.pem", "locked.pem", "without a pass phrase"),
        ("a.pem", "ca.pem", "ca.pem holds no readable PEM private key"),
        ("a.pem", "b.pem", "a.pem and its key cannot be used"),
    ] {
        let said = load(certificate, key);
        assert!(said.contains(expected), "{said}");
    }
    assert!(Acceptor::new(&settings(Vec::new()), &[], None).is_err());
    assert!(Acceptor::new(&settings(vec![at]), &[], None).is_ok());
}
