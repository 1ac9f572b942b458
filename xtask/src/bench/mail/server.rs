//! A scripted IMAP server: it knows the users and says who it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::command::{Command, read};
use super::password;

/// Greets, and answers commands until somebody logs out or closes.
pub(crate) async fn answer(mut stream: TcpStream, name: char) -> std::io::Result<()> {
    stream.write_all(GREETING).await?;
    let (mut heard, mut buffer, mut asked) = (Vec::new(), [0; 512], 0);
    loop {
        let size = stream.read(&mut buffer).await?;
        if size == 0 {
            return Ok(());
        }
        heard.extend_from_slice(buffer.get(..size).unwrap_or_default());
        let mut said = String::new();
        let mut over = false;
        loop {
            match read(&heard) {
                Command::Whole(words, size) => {
                    heard.drain(..size);
                    asked = 0;
                    said.push_str(&reply(&words, name));
                    over |= is(&words, "LOGOUT");
                }
                Command::Part(waits) => {
                    said.push_str(if waits > asked { "+ OK\r\n" } else { "" });
                    asked = waits;
                    break;
                }
            }
        }
        stream.write_all(said.as_bytes()).await?;
        if over {
            return Ok(());
        }
    }
}

/// What is said to a whole command.
fn reply(words: &[String], name: char) -> String {
    let argument = |number: usize| words.get(number).map(String::as_str).unwrap_or_default();
    let tag = argument(0);
    let verdict = |user: &str, secret: &str| {
        if secret == password(user) {
            format!("{tag} OK [CAPABILITY {AFTER_LOGIN}] {user} at {name}\r\n")
        } else {
            format!("{tag} NO [AUTHENTICATIONFAILED] Authentication failed.\r\n")
        }
    };
    match argument(1).to_ascii_uppercase().as_str() {
        "AUTHENTICATE" => {
            let response = STANDARD.decode(argument(3)).unwrap_or_default();
            let response = String::from_utf8_lossy(&response).into_owned();
            let mut parts = response.split('\0').skip(1);
            verdict(parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        }
        "LOGIN" => verdict(argument(2), argument(3)),
        "ID" => format!("* ID (\"name\" \"bench\")\r\n{tag} OK ID completed.\r\n"),
        "CAPABILITY" => format!("* CAPABILITY {AFTER_LOGIN}\r\n{tag} OK Capability completed.\r\n"),
        "IDLE" => "+ idling\r\n".to_owned(),
        "LOGOUT" => format!("* BYE Logging out\r\n{tag} OK Logout completed.\r\n"),
        _ if tag == "DONE" => String::new(),
        _ => format!("{tag} BAD Unknown command.\r\n"),
    }
}

fn is(words: &[String], name: &str) -> bool {
    words.get(1).is_some_and(|word| word.eq_ignore_ascii_case(name))
}

/// What Dovecot 2.3 says.
const GREETING: &[u8] =
    b"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ AUTH=PLAIN] bench ready.\r\n";

/// What Dovecot 2.3 says to whoever is logged in.
const AFTER_LOGIN: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES \
                           THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN \
                           NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES \
                           WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW \
                           STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_is_told_who_answers() {
        let said =
            |words: &[&str]| reply(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), 'b');
        let plain = |password: &str| STANDARD.encode(format!("\0anna\0{password}"));
        assert!(said(&["t", "login", "anna", "secret-anna"]).ends_with("anna at b\r\n"));
        assert!(said(&["t", "AUTHENTICATE", "PLAIN", &plain("secret-anna")]).ends_with("anna at b\r\n"));
        assert!(said(&["t", "AUTHENTICATE", "PLAIN", &plain("secret-ben")]).starts_with("t NO "));
        assert!(said(&["t", "LOGIN", "anna"]).starts_with("t NO "));
    }
}
