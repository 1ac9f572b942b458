//! The listener's life: started, moved by a reload, stopped.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use sekisho_config::Registry;
use sekisho_runtime::View;
use tokio::sync::oneshot;

use crate::endpoint;
use crate::metrics::Source;

/// Why metrics cannot be read. The operator's or the system's fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address cannot be listened on: in use, not of this machine, or below 1024 without the right to it.
    #[error("metrics cannot be read at {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// A thread or its event loop cannot be had.
    #[error("no thread for metrics: {0}")]
    Thread(#[from] io::Error),
}

/// An address that is listened on, and that nobody serves yet.
#[derive(Debug)]
pub struct Bound {
    /// As it was asked for; with port 0 the kernel has chosen another.
    wanted: SocketAddr,
    listener: TcpListener,
}

/// Listens on the address of `metrics` in the configuration. Done before anything is started or changed, so that an
/// address that cannot be had stops neither half-way.
///
/// # Errors
/// [`AdminError::Listen`].
pub fn bind(address: SocketAddr) -> Result<Bound, AdminError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(Bound { wanted: address, listener })
    });
    bound.map_err(|source| AdminError::Listen { address, source })
}

/// What a reload changes: made before it, carried out after it.
#[derive(Debug)]
pub struct Change(Option<Option<Bound>>);

/// Shows what a gateway counts to whoever asks, from a thread of its own. Dropping it stops that.
#[derive(Debug)]
pub struct Admin {
    source: Arc<Source>,
    running: Option<Running>,
}

impl Admin {
    /// Shows the gateway behind `view` at `bound`; nowhere, without it. `registry` has the gateway's protocols, which
    /// count some things themselves.
    ///
    /// # Errors
    /// [`AdminError::Thread`].
    pub fn start(view: View, registry: Registry, bound: Option<Bound>) -> Result<Self, AdminError> {
        let source = Arc::new(Source::new(view, registry));
        let running = bound.map(|bound| Running::start(bound, &source)).transpose()?;
        Ok(Self { source, running })
    }

    /// Where it listens, with the port that the kernel chose.
    pub fn address(&self) -> Option<SocketAddr> {
        self.running.as_ref().map(|running| running.address)
    }

    /// Prepares to be read at `wanted`; nothing has changed yet.
    ///
    /// # Errors
    /// [`AdminError::Listen`].
    pub fn prepare(&self, wanted: Option<SocketAddr>) -> Result<Change, AdminError> {
        if self.running.as_ref().map(|running| running.wanted) == wanted {
            return Ok(Change(None));
        }
        Ok(Change(Some(wanted.map(bind).transpose()?)))
    }

    /// Carries a change out. The address before it, if there was another, is given up.
    ///
    /// # Errors
    /// [`AdminError::Thread`]; metrics are read where they were.
    pub fn change(&mut self, change: Change) -> Result<(), AdminError> {
        if let Change(Some(bound)) = change {
            self.running = bound.map(|bound| Running::start(bound, &self.source)).transpose()?;
        }
        Ok(())
    }
}

/// A listener and its thread.
struct Running {
    wanted: SocketAddr,
    address: SocketAddr,
    /// Dropped to stop.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(bound: Bound, source: &Arc<Source>) -> Result<Self, AdminError> {
        let Bound { wanted, listener } = bound;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let source = source.clone();
        let serve = move || runtime.block_on(endpoint::serve(listener, source, stopped));
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(serve)?;
        tracing::info!(%address, "Metrics can be read");
        Ok(Self { wanted, address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        // A thread that panicked has said so, and is gone all the same.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}
