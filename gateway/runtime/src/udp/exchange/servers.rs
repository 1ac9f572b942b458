//! The servers that one VIP's exchanges have asked, and the sockets towards them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_api::Server;

use super::fifo::Fifo;
use super::random::Random;
use super::upstream::Upstream;

/// Wrong answers to ids in use within a second that make a server suspect of being impersonated.
const FLOOD: u32 = 50;

/// How long such a server is asked over streams, where there is a way to.
const AVOID: Duration = Duration::from_secs(10);

/// The shortest silence after which another server is asked: most slow answers come before.
const SILENCE: Duration = Duration::from_millis(400);

/// One server: several sockets, so that a forger has to guess the port as well.
#[derive(Debug)]
pub(super) struct Upstreams {
    pub(super) server: Arc<dyn Server>,
    /// Whether each datagram begins with the client's address.
    pub(super) proxied: bool,
    /// Requests that may be asked of another server, in the order in which they were sent here.
    pub(super) patience: Fifo,
    sockets: Vec<Option<Rc<Upstream>>>,
    /// Those that others have replaced, until nothing is under way on them.
    retired: Vec<Rc<Upstream>>,
    /// The socket of the batch with this number.
    chosen: (u64, usize),
    /// When the present second of counting wrong answers began, and how many there are.
    wrong: (Instant, u32),
    avoid: Option<Instant>,
}

impl Upstreams {
    pub(super) fn new(server: &Arc<dyn Server>, proxied: bool, sockets: usize, now: Instant) -> Self {
        Self {
            server: server.clone(),
            proxied,
            patience: Fifo::default(),
            sockets: vec![None; sockets],
            retired: Vec::new(),
            chosen: (0, 0),
            wrong: (now, 0),
            avoid: None,
        }
    }

    /// The socket for a request of this batch: drawn once for each batch, unless `another` is wanted. `open` opens
    /// one; where that fails a socket that has served its time goes on.
    pub(super) fn pick(
        &mut self,
        (batch, another): (u64, bool),
        now: Instant,
        random: &mut Random,
        open: impl FnOnce(&Arc<dyn Server>) -> Option<Rc<Upstream>>,
    ) -> Option<Rc<Upstream>> {
        if self.chosen.0 != batch || another {
            self.chosen = (batch, random.below(self.sockets.len()));
        }
        let place = self.sockets.get_mut(self.chosen.1)?;
        if let Some(socket) = place
            && socket.fresh(now)
        {
            return Some(socket.clone());
        }
        match open(&self.server) {
            Some(socket) => self.retired.extend(place.replace(socket)),
            None if place.is_none() => return self.sockets.iter().flatten().next().cloned(),
            None => {}
        }
        place.clone()
    }

    /// Closes what has been of no use for as long as `unused`, and says whether nothing is left.
    pub(super) fn tidy(&mut self, now: Instant, unused: Duration) -> bool {
        let keep = |socket: &Rc<Upstream>, unused: Duration| {
            let keep =
                socket.ids.borrow().live() > 0 || now.saturating_duration_since(socket.used.get()) < unused;
            if !keep {
                socket.close();
            }
            keep
        };
        self.retired.retain(|socket| keep(socket, Duration::ZERO));
        for place in &mut self.sockets {
            _ = place.take_if(|socket| !keep(socket, unused));
        }
        self.retired.is_empty() && self.sockets.iter().all(Option::is_none) && self.patience.is_empty()
    }

    /// Counts an answer to an id in use that does not match what was asked. True if the server is to be avoided from
    /// now on.
    pub(super) fn mismatch(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.wrong.0) >= Duration::from_secs(1) {
            self.wrong = (now, 0);
        }
        self.wrong.1 += 1;
        if self.wrong.1 <= FLOOD {
            return false;
        }
        let news = !self.avoided(now);
        self.avoid = Some(now + AVOID);
        news
    }

    /// Whether datagrams are avoided for the time being.
    pub(super) fn avoided(&self, now: Instant) -> bool {
        self.avoid.is_some_and(|until| now < until)
    }

    /// How long the server may be silent before another is asked: four times what it usually takes, but not so long
    /// that the other could not answer within `response`.
    pub(super) fn silence(&self, response: Duration) -> Duration {
        let usual = self.sockets.iter().flatten().map(|socket| socket.usual()).max().unwrap_or_default();
        SILENCE.max(usual.saturating_mul(4)).min(response / 2)
    }
}
