//! One server for a user, whatever program says who it is, and how.

use sekisho_tests::until;

use super::farm::Farm;

/// `SOURCE USER PASSWORD`: logs in by both commands over both kinds of TLS.
const LOG_IN: &str = r#"
source, user, password = told
for kind in (Started, Secured):
    for mechanism in ("LOGIN", "PLAIN"):
        client = kind(source)
        if mechanism == "PLAIN":
            client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        else:
            client.login(user, password)
        client.select()
        print(client.noop()[0], [name for name in client.capability()[1][0].decode().split() if "AUTH" in name])
        client.logout()
"#;

#[test]
fn user_stays_on_one_dovecot_by_every_program_mechanism_and_spelling_and_it_knows_the_address() {
    let farm = Farm::start(10);
    for (number, login) in ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=*"].iter().enumerate() {
        for (url, host) in [("imap://", 110), ("imaps://", 120)] {
            let from = format!("127.0.8.{}", host + number);
            let user = if number == 1 { "ANNA:secret" } else { "anna@mail.example:secret" };
            let listed = farm.curl(&from, url, user, &["--login-options", login]);
            let expected = "* LIST (\\HasNoChildren) \".\" INBOX\r\n".to_owned();
            assert_eq!(listed, Ok(expected), "{login} {url}");
        }
    }
    for (source, user) in [("127.0.8.199", "anna"), ("127.0.8.200", "Anna")] {
        assert_eq!(farm.python(LOG_IN, &[source, user, "secret"]), ["OK []"; 4].join("\n"));
    }
    for (secured, user, other) in
        [(false, "anna", "ANNA"), (true, "anna@mail.example", "anna@elsewhere.example")]
    {
        farm.mutt_sends(other, secured, "sent");
        let copied = farm.mutt_copies(user, secured).matches("Subject: sent").count();
        assert_eq!(copied, 1 + usize::from(secured));
        farm.mbsync(user, secured, &farm.folder(&format!("mbsync-{secured}")));
        farm.offlineimap(other, secured, &farm.folder(&format!("offlineimap-{secured}")));
    }
    let dovecot = &farm.dovecots[farm.home("anna")];
    until("every login is in the log, each with the client's own address", || {
        let logins = dovecot.logins();
        let from = |ip: &str| logins.iter().filter(|l| l.user == "anna" && l.from == ip).count();
        let curls = [110, 111, 112, 120, 121, 122].map(|host| from(&format!("127.0.8.{host}")));
        let scripts = ["127.0.8.199", "127.0.8.200"].map(from);
        (curls == [1; 6] && scripts == [4; 2] && from("127.0.0.1") >= 8).then_some(())
    });
    // Others have another one.
    for user in ["ben", "carla", "david"] {
        assert!(farm.curl("127.0.8.130", "imaps://", &format!("{user}:secret"), &[]).is_ok(), "{user}");
    }
    let others = ["ben", "carla", "david"].map(|user| farm.home(user));
    assert!(others.iter().any(|&home| home != farm.home("anna")), "{others:?}");
}
