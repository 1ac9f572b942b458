//! POP3, submission and ManageSieve: a user is where the mail is.

use sekisho_tests::until;

use super::farm::{Farm, Plan, SUBMISSION, SUBMISSIONS};
use super::relay::Relay;
use crate::real::run;

/// `SOURCE USER`: poplib, with STLS and with TLS from the first byte.
const POP: &str = r#"
import poplib
source, user = told

class Plain(poplib.POP3):
    def _create_socket(self, timeout):
        return connect(7110, source)

class Secured(poplib.POP3):
    def _create_socket(self, timeout):
        return trust.wrap_socket(connect(7995, source), server_hostname="mail.example.org")

for client in (Plain("mail.example.org"), Secured("mail.example.org")):
    if isinstance(client, Plain):
        # The certificate's name is not poplib's affair, which asks for the host's.
        client.stls(trust)
    assert "STLS" not in client.capa(), client.capa()
    client.user(user)
    client.pass_("secret")
    print(client.stat()[0], b"Subject: left" in client.retr(1)[1])
    client.quit()
"#;

/// `SOURCE USER`: a client of ManageSieve, of which Debian has none that is small.
const SIEVE: &str = r#"
source, user = told
plain = connect(7190, source)

def until_ok(stream):
    lines = [stream.readline().strip()]
    while not lines[-1].startswith((b"OK", b"NO", b"BYE")):
        lines.append(stream.readline().strip())
    assert lines[-1].startswith(b"OK"), lines
    return lines

greeting = until_ok(plain.makefile("rb", 0))
assert b'"STARTTLS"' in greeting and b'"SASL" ""' in greeting, greeting
plain.sendall(b"STARTTLS\r\n")
until_ok(plain.makefile("rb", 0))
secured = trust.wrap_socket(plain, server_hostname="mail.example.org")
stream = secured.makefile("rwb", 0)
assert b'"SASL" "PLAIN LOGIN"' in until_ok(stream)
script = b'keep; # "' + user.encode() + b'"\r\n'
response = base64.b64encode(f"\0{user}\0secret".encode())
# All at once: what stands behind the login waits for it.
stream.write(b'AUTHENTICATE "PLAIN" "%s"\r\nPUTSCRIPT "own" {%d+}\r\n%s\r\nSETACTIVE "own"\r\nLISTSCRIPTS\r\nLOGOUT\r\n'
             % (response, len(script), script))
for _ in range(3):
    until_ok(stream)
print(until_ok(stream)[0].decode())
until_ok(stream)
"#;

#[test]
fn user_has_one_home_in_all_of_them_and_dovecot_knows_the_address() {
    let farm = Farm::planned(130, &Plan { siblings: true, ..Plan::default() });
    let relay = Relay::start(farm.host);
    let left = farm.folder("left").join("mail");
    std::fs::write(&left, "Subject: left\r\n\r\nhello\r\n").unwrap();
    let left = left.display().to_string();
    for (user, host) in [("anna", 180), ("ben", 190), ("carla", 200)] {
        let (loud, whole) = (user.to_uppercase(), format!("{user}@mail.example"));
        let (spoken, from) = (format!("{loud}:secret"), |n: u8| format!("127.0.8.{}", host + n));
        farm.curl(&from(0), "imap://INBOX", &spoken, &["--upload-file", &left]).unwrap();

        for url in ["pop3://1", "pop3s://1"] {
            let mail = farm.curl(&from(1), url, &format!("{whole}:secret"), &[]).unwrap();
            assert!(mail.contains("Subject: left\r\n"), "{url}: {mail}");
        }
        assert_eq!(farm.python(POP, &[&from(2), user]), "1 True\n1 True");
        assert_eq!(farm.python(SIEVE, &[&from(3), &loud]), "\"own\" ACTIVE");
        for (number, port) in [(4, SUBMISSION), (5, SUBMISSIONS)] {
            swaks(&farm, &from(number), port, &whole, "PLAIN");
            swaks(&farm, &from(number), port, &loud, "LOGIN");
        }
        for url in ["smtp://client.example.org", "smtps://client.example.org"] {
            let mail = ["--mail-from", &whole, "--mail-rcpt", "nobody@example.org", "--upload-file", &left];
            farm.curl(&from(6), url, &spoken, &mail).unwrap();
        }

        let dovecot = &farm.dovecots[farm.home(user)];
        until("every login is in the log, each with the client's own address", || {
            let logins = dovecot.logins();
            let by = |service: &str, n: u8| {
                let ours = logins.iter().filter(|login| login.user == user && login.service == service);
                ours.filter(|login| login.from == from(n)).count()
            };
            let seen = [
                by("imap", 0),
                by("pop3", 1),
                by("pop3", 2),
                by("managesieve", 3),
                by("submission", 4),
                by("submission", 5),
                by("submission", 6),
            ];
            (seen == [1, 2, 2, 1, 2, 2, 2]).then_some(())
        });
        let script = std::fs::read_to_string(dovecot.mail(user).join("sieve/own.sieve")).unwrap();
        assert_eq!(script, format!("keep; # \"{loud}\"\r\n"));
    }
    assert_eq!(relay.mail().len(), 3 * 6);
    let homes = ["anna", "ben", "carla"].map(|user| farm.home(user));
    assert!(homes.contains(&0) && homes.contains(&1), "{homes:?}");
}

/// swaks hands in a mail.
fn swaks(farm: &Farm, from: &str, port: u16, user: &str, mechanism: &str) {
    let (to, port) = (format!("127.0.8.{}", farm.host), port.to_string());
    let tls = if port == SUBMISSIONS.to_string() { "--tls-on-connect" } else { "--tls" };
    let ca = farm.ca.display().to_string();
    let mut arguments = vec!["--server", &to, "--port", &port, "--local-interface", from];
    arguments.extend([tls, "--tls-verify", "--tls-ca-path", &ca, "--auth", mechanism, "--auth-user", user]);
    arguments.extend([
        "--auth-password",
        "secret",
        "--from",
        "anna@example.org",
        "--to",
        "nobody@example.org",
    ]);
    arguments.extend(["--ehlo", "client.example.org", "--timeout", "15"]);
    let output = run("swaks", &arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "swaks: {said}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        farm.sekisho.log()
    );
}
