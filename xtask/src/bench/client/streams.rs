//! A client of HTTP/2 that keeps its cookie and insists on its server.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Request};
use tokio::task::JoinSet;

use super::super::certificate::NAME;
use super::super::origin::SMALL;
use super::super::places::Front;
use super::super::{Outcome, failed};
use super::{Meter, Target};

/// A connection whose first request gave it a cookie.
#[derive(Debug)]
pub(super) struct Streams {
    sender: SendRequest<Bytes>,
    cookie: Rc<HeaderValue>,
    server: Rc<HeaderValue>,
    /// Who drives the connection; ends with it.
    tasks: JoinSet<Outcome>,
}

impl Streams {
    /// Connects and makes the first request.
    pub(super) async fn connect(target: &Target) -> Outcome<Self> {
        let stream = target.tls_at(Front::Https, b"h2").await?;
        let agreed = stream.get_ref().1.alpn_protocol();
        if agreed != Some(b"h2") {
            return Err(format!("HTTP/2 was expected, {agreed:?} was negotiated"));
        }
        let (mut sender, connection) =
            h2::client::handshake(stream).await.map_err(failed("HTTP/2 handshake"))?;
        let mut tasks = JoinSet::new();
        tasks.spawn_local(async move { connection.await.map_err(failed("HTTP/2 connection")) });
        let fields = exchange(&mut sender, None).await?;
        let field = |name| fields.get(name).cloned().ok_or(format!("an answer without {name}"));
        let set = field(SET_COOKIE.as_str())?;
        let pair = set.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
        let cookie = HeaderValue::from_bytes(pair).map_err(failed("a cookie"))?;
        Ok(Self { sender, cookie: Rc::new(cookie), server: Rc::new(field("x-server")?), tasks })
    }

    /// Makes requests, so many at a time. Ends only with an error.
    pub(super) async fn run(mut self, streams: u32, meter: &Arc<Meter>) -> Outcome {
        for _ in 0..streams {
            let (mut sender, meter) = (self.sender.clone(), Arc::clone(meter));
            let (cookie, server) = (Rc::clone(&self.cookie), Rc::clone(&self.server));
            self.tasks.spawn_local(async move {
                loop {
                    let fields = exchange(&mut sender, Some(&cookie)).await?;
                    if fields.get("x-server") != Some(&*server) {
                        return Err("a client with a cookie was sent to another server".to_owned());
                    }
                    meter.count();
                }
            });
        }
        match self.tasks.join_next().await {
            Some(Ok(outcome)) => outcome,
            _ => Err("the clients of a connection have ended".to_owned()),
        }
    }
}

/// Makes a request and reads its whole answer.
async fn exchange(sender: &mut SendRequest<Bytes>, cookie: Option<&HeaderValue>) -> Outcome<HeaderMap> {
    let mut request = Request::get(format!("https://{NAME}/small")).header("user-agent", "bench");
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let request = request.body(()).map_err(failed("a request"))?;
    std::future::poll_fn(|cx| sender.poll_ready(cx)).await.map_err(failed("cannot send a request"))?;
    let (answer, _) = sender.send_request(request, true).map_err(failed("cannot send a request"))?;
    let (head, mut body) = answer.await.map_err(failed("no answer"))?.into_parts();
    if head.status != http::StatusCode::OK {
        return Err(format!("a 200 was expected, not {}", head.status));
    }
    let mut size = 0;
    while let Some(data) = body.data().await {
        let data = data.map_err(failed("the answer broke off"))?;
        size += data.len();
        // Fails only on a stream that is over.
        let _ = body.flow_control().release_capacity(data.len());
    }
    if size == SMALL as usize { Ok(head.headers) } else { Err(format!("a body of {size} bytes")) }
}
