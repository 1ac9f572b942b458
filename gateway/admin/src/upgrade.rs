//! Another process in this one's place, as an operator asks for it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

/// What becomes of an upgrade: the number of the process that has taken this one's place, or why none has.
pub type Upgraded = Result<u32, String>;

/// Has another process take this one's place, whenever an operator asks for it.
#[derive(Clone)]
pub struct Upgrade(Arc<dyn Fn() -> oneshot::Receiver<Upgraded> + Send + Sync>);

impl Upgrade {
    /// `begin` is called from any thread, and waits for nothing.
    pub fn new(begin: impl Fn() -> oneshot::Receiver<Upgraded> + Send + Sync + 'static) -> Self {
        Self(Arc::new(begin))
    }

    pub(crate) async fn carried_out(&self) -> Upgraded {
        let stopped = |_| Err("the gateway is stopping".to_owned());
        (self.0)().await.unwrap_or_else(stopped)
    }
}

impl Default for Upgrade {
    /// No process can take this one's place.
    fn default() -> Self {
        Self::new(|| {
            let (answer, answered) = oneshot::channel();
            let _ = answer.send(Err("this gateway is part of another program".to_owned()));
            answered
        })
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgrade")
    }
}
