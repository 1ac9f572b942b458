//! What only the process can do: load its configuration anew, with a runtime layer or without.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use sekisho_api::settings::Table;
use sekisho_config::{Layer, Place, Registry, Report};
use tokio::sync::oneshot;

/// The way to whoever runs the gateway, from any thread.
#[derive(Clone)]
pub struct Steering {
    carry: Arc<dyn Fn(Order) -> bool + Send + Sync>,
    in_force: Arc<Mutex<InForce>>,
    leaving: Arc<AtomicBool>,
}

/// What is to be done, and where the outcome goes.
#[derive(Debug)]
pub struct Order {
    /// What is to be done.
    pub wish: Wish,
    /// Where the outcome goes; whoever asked may have left.
    pub answer: oneshot::Sender<Result<Done, Refusal>>,
}

/// What is to be done with the configuration.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Read the file again.
    Reload,
    /// Change the runtime layer: set this place, or remove it.
    Change(Place, Option<toml::Value>),
    /// Write the runtime layer into the file.
    Save,
    /// Forget the runtime layer.
    Discard,
}

/// That it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Which configuration is in force now.
    pub epoch: u64,
    /// What an operator should know about it.
    pub warnings: Option<Report>,
}

/// Why it was not done; but for [`Refusal::Written`], nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The configuration would have errors.
    Wrong(Report),
    /// The place is not there, or what is there cannot be changed at run time.
    NoSuchPlace(Place),
    /// It is right, and could not be brought into force: an address in use, a file that cannot be written.
    Failed(String),
    /// The runtime layer was written into the file, which could then not be brought into force. The gateway serves as
    /// before, with its layer.
    Written {
        /// The file.
        file: PathBuf,
        /// Which configuration is in force, as it was before.
        epoch: u64,
        /// Why not.
        why: Box<Refusal>,
    },
}

/// The configuration as it is written.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// The file.
    pub file: PathBuf,
    /// What it said when it was loaded.
    pub text: String,
    /// What was changed at run time.
    pub layer: Layer,
    /// Both together.
    pub document: Table,
    /// The protocols, to check candidates with.
    pub registry: Registry,
}

impl Steering {
    /// `carry` hands an order to whoever runs the gateway, and says whether anybody does; it must not wait.
    pub fn new(in_force: InForce, carry: impl Fn(Order) -> bool + Send + Sync + 'static) -> Self {
        Self {
            carry: Arc::new(carry),
            in_force: Arc::new(Mutex::new(in_force)),
            leaving: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The configuration as it is written.
    pub fn in_force(&self) -> InForce {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another one is in force.
    pub fn set(&self, now: InForce) {
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether another process has been told all that this one knows: what an operator changes here from then on would
    /// be lost with this one, and is refused. False: no process takes this one's place after all.
    pub fn leave(&self, leaving: bool) {
        self.leaving.store(leaving, SeqCst);
    }

    pub(crate) fn leaves(&self) -> bool {
        self.leaving.load(SeqCst)
    }

    /// Has it done.
    pub(crate) async fn ask(&self, wish: Wish) -> Result<Done, Refusal> {
        let (answer, answered) = oneshot::channel();
        let gone = || Refusal::Failed("the gateway is stopping".to_owned());
        if !(self.carry)(Order { wish, answer }) {
            return Err(gone());
        }
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

impl Default for Steering {
    /// Nobody is there.
    fn default() -> Self {
        Self::new(InForce::default(), |_| false)
    }
}

impl fmt::Debug for Steering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steering")
    }
}
