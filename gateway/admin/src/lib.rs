//! What an operator sees of a running gateway over HTTP: its metrics, in the form of Prometheus.
//!
//! [`Admin`] is a thread of its own beside the workers: whoever reads metrics never stands in a client's way. It looks
//! at the gateway through a [`View`](sekisho_runtime::View) and can change nothing.
//!
//! ```text
//! metrics/snapshot  the numbers at one moment, plain values
//! metrics/take      from a running gateway to a snapshot
//! metrics/names     every name, with its kind, labels and meaning
//! metrics/render    from a snapshot to text; metrics/page writes its lines
//! request           from the head of a request to what is wanted
//! endpoint          the listener: few connections, small heads, short deadlines
//! ```

mod admin;
mod endpoint;
mod metrics;
mod request;

pub use admin::{Admin, AdminError, Bound, Change, bind};
