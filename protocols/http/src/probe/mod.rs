//! The health probes `http` and `grpc`: one request, one answer, one verdict.
//!
//! | module | idea |
//! |---|---|
//! | `options`, `grpc` | what stands in the configuration |
//! | `run`, `status` | a probe over HTTP/1.1 |
//! | `run_two`, `two` | a probe over HTTP/2 |

mod grpc;
mod options;
mod run;
mod run_two;
mod status;
mod two;

pub(crate) use grpc::GrpcProbe;
pub(crate) use options::HttpProbe;
