//! A Remote Desktop server as far as TLS, for the VIP that reads who a user is.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// X.224 Connection Confirm that selects TLS (MS-RDPBCGR, section 2.2.1.2).
const CONFIRM: &[u8] = &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 1, 8, 0, 1, 0, 0, 0];

/// Confirms a Connection Request and makes TLS, with the certificate that says which server it is.
pub(super) async fn serve(mut stream: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let tls = tls.ok_or(io::ErrorKind::InvalidInput)?;
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let [_, _, high, low] = header;
    let rest = usize::from(u16::from_be_bytes([high, low])).saturating_sub(header.len());
    tokio::io::copy(&mut (&mut stream).take(rest as u64), &mut tokio::io::sink()).await?;
    stream.write_all(CONFIRM).await?;
    let mut secured = tls.accept(stream).await?;
    // Until the client leaves.
    tokio::io::copy(&mut secured, &mut tokio::io::sink()).await.map(drop)
}
