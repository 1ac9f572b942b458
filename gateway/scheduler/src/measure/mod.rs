//! What is measured of a server: response times and bytes.

mod response;
mod window;

pub(crate) use response::ResponseTime;
pub(crate) use window::Window;
