//! The service that nginx asks where a user is: it believes everybody, and the server judges the password.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::places::SERVERS;

/// Answers one question (ngx_mail_auth_http_module) and closes.
pub(crate) async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let (mut heard, mut buffer) = (Vec::new(), [0; 1024]);
    while !heard.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            size => heard.extend_from_slice(buffer.get(..size).unwrap_or_default()),
        }
    }
    stream.write_all(place(&String::from_utf8_lossy(&heard)).as_bytes()).await
}

/// Where the user of a request is: the same place each time.
fn place(request: &str) -> String {
    let user = request.lines().find_map(|line| line.strip_prefix("Auth-User: ")).unwrap_or_default();
    let number = user.bytes().fold(0_usize, |sum, byte| sum.wrapping_add(usize::from(byte)));
    let status = match SERVERS.iter().cycle().nth(number % SERVERS.len()) {
        Some(server) if !user.is_empty() => {
            format!("OK\r\nAuth-Server: {}\r\nAuth-Port: {}", server.imap.ip(), server.imap.port())
        }
        _ => "no user".to_owned(),
    };
    format!("HTTP/1.0 200 OK\r\nAuth-Status: {status}\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_spread_and_everybody_has_one_place() {
        let asked =
            |user: &str| place(&format!("GET / HTTP/1.0\r\nAuth-User: {user}\r\nAuth-Pass: p\r\n\r\n"));
        assert_eq!(asked("user0001"), asked("user0001"));
        assert_ne!(asked("user0001"), asked("user0002"));
        assert!(!place("GET / HTTP/1.0\r\n\r\n").contains("Auth-Server"));
    }
}
