//! Logging in by a certificate.

use sekisho_tests::{Authority, ImapServer, ImapTalk, Rig, folder};

use super::{Client, encode, farm};

#[test]
fn certificate_that_the_client_has_shown_logs_in_and_none_does_not() {
    let (authority, folder) = (Authority::new(), folder("certificate"));
    authority.write(&folder);
    authority.issue(&["mail.example.org"], &folder);
    let server = ImapServer::talking(ImapTalk {
        capabilities: "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=EXTERNAL",
        ..ImapTalk::of("one")
    });
    let options = "imap = { mechanisms = ['plain', 'external'] }\n\
                   tls = { certificates = ['mail.example.org.pem'], client-certificates = 'request', \
                           client-ca = 'authority.pem' }";
    let rig = Rig::start_in(&farm(options, "", &[&server]), folder);
    let (mut stranger, greeting) = Client::secured(&rig, &authority.client());
    assert!(!greeting.contains("EXTERNAL"), "{greeting}");
    let refused = "a NO [CANNOT] Unsupported authentication mechanism";
    assert_eq!(stranger.ask(&format!("a AUTHENTICATE EXTERNAL {}", encode("anna"))), refused);
    let (mut anna, greeting) = Client::secured(&rig, &authority.client_called("Anna"));
    assert!(greeting.contains("AUTH=PLAIN AUTH=EXTERNAL"), "{greeting}");
    let accepted = "a OK [CAPABILITY IMAP4rev1 IDLE] in";
    assert_eq!(anna.ask("a AUTHENTICATE EXTERNAL ="), accepted);
    assert!(server.heard().contains(&"S2 AUTHENTICATE EXTERNAL =".to_owned()));
    drop(anna);
    let line = rig.line(|line| line["known_by"] == "external");
    assert_eq!(line["key"], "user", "{line}");
    let (mut anna, _) = Client::secured(&rig, &authority.client_called("Anna"));
    assert_eq!(anna.ask(&format!("a AUTHENTICATE EXTERNAL {}", encode("ben"))), accepted);
    assert_eq!(anna.who(), ("one".to_owned(), "ben".to_owned()));
}
