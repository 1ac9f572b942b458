//! A server of text lines, for the VIP that only relays.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The longest line, in bytes; a client with a longer one is left.
const LINE_MAX: u64 = 1024;

/// Greets, then returns every line with the server's name before it. An empty line ends it.
pub(super) async fn serve(stream: &mut TcpStream, name: &str) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    writer.write_all(format!("{name} greets you. An empty line ends this.\n").as_bytes()).await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') || line.trim_ascii().is_empty() {
            return writer.shutdown().await;
        }
        writer.write_all(&[name.as_bytes(), b": ", line.as_slice()].concat()).await?;
    }
}
