//! An IMAP server as far as the list of mailboxes, which has the server's name in it.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The longest line, in bytes; a client with a longer one is left.
const LINE_MAX: u64 = 1024;
/// The one password that is not believed.
const WRONG: &str = "\"wrong\"";

/// Greets and answers commands of one line until the client logs out (RFC 9051). Passwords reach it quoted: it offers no
/// mechanism besides LOGIN.
pub(super) async fn serve(stream: &mut TcpStream, name: &str) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    writer.write_all(format!("* OK [CAPABILITY IMAP4rev1 ID] {name}\r\n").as_bytes()).await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return writer.shutdown().await;
        }
        let text = String::from_utf8_lossy(&line);
        let mut words = text.split_whitespace();
        let (tag, command) = (words.next().unwrap_or("*"), words.next().unwrap_or_default());
        let answer = match command.to_ascii_uppercase().as_str() {
            "CAPABILITY" => format!("* CAPABILITY IMAP4rev1 ID\r\n{tag} OK done\r\n"),
            "LOGIN" if text.trim_end().ends_with(WRONG) => {
                format!("{tag} NO [AUTHENTICATIONFAILED] {name} does not believe this\r\n")
            }
            "LOGIN" => format!("{tag} OK [CAPABILITY IMAP4rev1] Welcome to {name}\r\n"),
            "LIST" => format!("* LIST () \"/\" \"{name}\"\r\n{tag} OK done\r\n"),
            "ID" | "NOOP" => format!("{tag} OK done\r\n"),
            "LOGOUT" => format!("* BYE {name} says good-bye\r\n{tag} OK done\r\n"),
            _ => format!("{tag} BAD this is a demo\r\n"),
        };
        writer.write_all(answer.as_bytes()).await?;
    }
}
