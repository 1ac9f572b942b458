//! Asking all workers about their clients, from another thread.
//!
//! No worker waits, and none is asked for more than a few clients in one turn: whoever asks comes again for the next
//! ones. What comes and goes meanwhile may be missed, or seen; what was there all the time is seen.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Connection, Roster, Which};
use crate::view::View;
use crate::worker::Order;

/// A worker has not answered in time. It is busy beyond measure, or the gateway is going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a worker does not answer")]
pub struct Unanswered;

/// A question to one worker.
#[derive(Debug)]
pub(crate) struct Visit {
    asked: Arc<Asked>,
    from: usize,
    answer: oneshot::Sender<Page>,
}

/// The same question for all of them.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) which: Which,
    /// End them, instead of listing them.
    pub(super) kick: bool,
    /// The most that are listed.
    pub(super) limit: usize,
}

/// An answer to it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) connections: Vec<Connection>,
    pub(super) kicked: usize,
    /// From which piece to go on; none at the end.
    pub(super) next: Option<usize>,
}

impl Roster {
    /// Answers a question.
    pub(crate) fn visit(&self, visit: Visit) {
        // Whoever asked may have given up.
        let _ = visit.answer.send(self.look(&visit.asked, visit.from));
    }
}

impl View {
    /// At most `limit` of the clients that are meant, in no certain order. To be asked on a tokio runtime.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn connections(&self, which: Which, limit: usize) -> Result<Vec<Connection>, Unanswered> {
        Ok(self.visit(Asked { which, kick: false, limit }).await?.connections)
    }

    /// Ends the connections of the clients that are meant, as [`sekisho_api::End::Kicked`]; says how many they were. They
    /// end within a moment. To be asked on a tokio runtime.
    ///
    /// # Errors
    /// [`Unanswered`]; some are ended then.
    pub async fn kick(&self, which: Which) -> Result<usize, Unanswered> {
        Ok(self.visit(Asked { which, kick: true, limit: 0 }).await?.kicked)
    }

    async fn visit(&self, asked: Asked) -> Result<Page, Unanswered> {
        let asked = Arc::new(asked);
        let mut all = Page { connections: Vec::new(), kicked: 0, next: None };
        for worker in &self.0.workers {
            let mut next = Some(0);
            while let Some(from) = next.filter(|_| asked.kick || all.connections.len() < asked.limit) {
                let (answer, answered) = oneshot::channel();
                let visit = Visit { asked: asked.clone(), from, answer };
                // A worker that has ended has nobody left.
                let Some(orders) = worker.upgrade() else { break };
                if orders.send(Order::Visit(visit)).is_err() {
                    break;
                }
                let Ok(page) = timeout(PATIENCE, answered).await.map_err(|_| Unanswered)? else { break };
                all.connections.extend(page.connections);
                all.kicked += page.kicked;
                next = page.next;
            }
        }
        all.connections.truncate(asked.limit);
        Ok(all)
    }
}

/// A worker's turn takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
