//! TLS on either side, from the first byte and in mid-stream.

use sekisho_tests::{Authority, ImapServer, ImapTalk, Rig, folder};

use super::{Client, farm, home};

#[test]
fn tls_is_started_by_the_client_and_nothing_said_before_counts() {
    let server = ImapServer::start("one");
    let (authority, folder) = (Authority::new(), folder("vip"));
    authority.issue(&["mail.example.org"], &folder);
    let options = "tls = { certificates = ['mail.example.org.pem'], mode = 'starttls' }";
    let rig = Rig::start_in(&farm(options, "", &[&server]), folder);
    let (mut client, greeting) = Client::greeted(&rig, "127.0.0.1");
    let capabilities = "IMAP4rev1 LITERAL- SASL-IR ID IDLE ENABLE";
    assert_eq!(greeting, format!("* OK [CAPABILITY {capabilities} STARTTLS LOGINDISABLED] IMAP ready"));
    assert_eq!(client.ask("a LOGIN anna pw"), "a NO [PRIVACYREQUIRED] Start TLS first");
    assert_eq!(client.ask("b ID (\"name\" \"forged\")"), "* ID (\"name\" \"Sekisho\")");
    assert_eq!(client.line(), "b OK ID completed");
    // In one segment with the request: half a command, which must not become part of the first secured one.
    client.say("c STARTTLS\r\nd LOGIN evil");
    assert_eq!(client.line(), "c OK Begin TLS negotiation now");
    client.secure(&authority.client(), "mail.example.org");
    assert_eq!(client.ask("e CAPABILITY"), format!("* CAPABILITY {capabilities} AUTH=PLAIN AUTH=LOGIN"));
    assert_eq!(client.line(), "e OK Capability completed");
    assert_eq!(client.ask("f STARTTLS"), "f BAD TLS cannot be started here");
    assert_eq!(client.log_in("anna"), "one");
    let heard = server.heard().join("\n");
    assert!(!heard.contains("evil") && !heard.contains("forged"), "{heard}");
    drop(client);
    assert_eq!(rig.line(|line| line["known_by"] == "login")["tls"], "TLSv1.3");
}

#[test]
fn servers_start_tls_before_they_hear_anything_secret() {
    let (authority, stranger, folder) = (Authority::new(), Authority::new(), folder("pool"));
    authority.write(&folder);
    let talk = |name, start_tls, tls| ImapTalk { start_tls, tls, ..ImapTalk::of(name) };
    let config = authority.server(&["mail.example.org"]);
    let unwilling = ImapServer::talking(talk("unwilling", false, None));
    let forged = ImapServer::talking(talk("forged", true, Some(stranger.server(&["mail.example.org"]))));
    let well = ImapServer::talking(talk("well", true, Some(config)));
    let pool = "method = 'first-available'\n\
                tls = { ca = 'authority.pem', server-name = 'mail.example.org', mode = 'starttls' }";
    let rig = Rig::start_in(&farm("", pool, &[&unwilling, &forged, &well]), folder);
    assert_eq!(home(&rig, "anna"), "well");
    for server in [unwilling, forged] {
        assert_eq!(server.heard(), ["S0 STARTTLS"]);
    }
    let heard = well.heard();
    assert_eq!(heard[..2], ["S0 STARTTLS", "S0 CAPABILITY"]);
    assert!(heard.contains(&"|anna|pw".to_owned()), "{heard:?}");
}

#[test]
fn tls_from_the_first_byte_on_both_sides() {
    let (authority, folder) = (Authority::new(), folder("implicit"));
    authority.write(&folder);
    authority.issue(&["mail.example.org"], &folder);
    let config = authority.server(&["mail.example.org"]);
    let server = ImapServer::talking(ImapTalk { tls: Some(config), ..ImapTalk::of("one") });
    let options = "tls = { certificates = ['mail.example.org.pem'] }";
    let pool = "tls = { ca = 'authority.pem', server-name = 'mail.example.org' }";
    let rig = Rig::start_in(&farm(options, pool, &[&server]), folder);
    let (mut client, greeting) = Client::secured(&rig, &authority.client());
    assert!(greeting.contains("AUTH=PLAIN") && !greeting.contains("STARTTLS"), "{greeting}");
    assert_eq!(client.log_in("anna"), "one");
}
