//! Whether a subject relays questions.

use std::net::UdpSocket;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::super::certificate::NAME;
use super::super::client::Target;
use super::super::places::Front;
use super::super::{Outcome, failed};
use super::{answered, name, question};

/// Checks one front. A subject may listen before it knows that its server is up: then it is asked again.
pub(crate) async fn check(front: Front, target: &Target) -> Outcome {
    let mut heard = Err("it was never asked".to_owned());
    for id in 0..15 {
        let asked = timeout(Duration::from_secs(1), once(front, target, id)).await;
        heard = asked.unwrap_or_else(|_| Err("no answer".to_owned()));
        if heard.is_ok() {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    heard
}

async fn once(front: Front, target: &Target, id: u16) -> Outcome {
    match front {
        Front::Dot => stream(target.tls_at(front, b"dot").await?).await,
        Front::Doh => post(target.tls_at(front, b"http/1.1").await?).await,
        _ => {
            datagram(front, target, id)?;
            stream(target.plain(front).await?).await
        }
    }
}

fn datagram(front: Front, target: &Target, id: u16) -> Outcome {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed("cannot bind"))?;
    socket.set_read_timeout(Some(Duration::from_secs(1))).map_err(failed("cannot set a deadline"))?;
    let (question, mut answer) = (question(id, &name(1)), [0; 512]);
    socket.send_to(&question, target.at(front)).map_err(failed("cannot ask"))?;
    let (size, from) = socket.recv_from(&mut answer).map_err(failed("no answer over UDP"))?;
    let good = from == target.at(front) && answered(&question, answer.get(..size).unwrap_or_default());
    if good { Ok(()) } else { Err("the answer over UDP is not the server's".to_owned()) }
}

/// Two questions in one write (RFC 7766, section 6.2.1), answered in any order.
async fn stream<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> Outcome {
    let questions = [question(1, &name(1)), question(2, &name(2))];
    let mut bytes = Vec::new();
    for question in &questions {
        bytes.extend(u16::try_from(question.len()).map_err(failed("too long"))?.to_be_bytes());
        bytes.extend(question);
    }
    stream.write_all(&bytes).await.map_err(failed("cannot ask"))?;
    stream.flush().await.map_err(failed("cannot ask"))?;
    let mut answers = Vec::new();
    for _ in &questions {
        let size = stream.read_u16().await.map_err(failed("no answer over a stream"))?;
        let mut answer = vec![0; usize::from(size)];
        stream.read_exact(&mut answer).await.map_err(failed("no whole answer over a stream"))?;
        answers.push(answer);
    }
    let all = questions.iter().all(|question| answers.iter().any(|answer| answered(question, answer)));
    if all { Ok(()) } else { Err("the answers over a stream are not the server's".to_owned()) }
}

/// One question by POST (RFC 8484, section 4.1).
async fn post<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> Outcome {
    let question = question(0, &name(1));
    let head = format!(
        "POST /dns-query HTTP/1.1\r\nhost: {NAME}\r\ncontent-type: application/dns-message\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        question.len()
    );
    let request = [head.as_bytes(), &question].concat();
    stream.write_all(&request).await.map_err(failed("cannot ask"))?;
    stream.flush().await.map_err(failed("cannot ask"))?;
    let mut response = Vec::new();
    // It ends without a word of TLS, in the way of some.
    let _ = stream.read_to_end(&mut response).await;
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no answer over HTTPS")?;
    let good = response.starts_with(b"HTTP/1.1 200 ")
        && answered(&question, response.get(end + 4..).unwrap_or_default());
    if good { Ok(()) } else { Err(format!("over HTTPS: {}", String::from_utf8_lossy(&response))) }
}
