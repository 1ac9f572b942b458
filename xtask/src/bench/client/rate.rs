//! A client that sends at fixed moments.
//!
//! Latency counts from the moment at which a request was due, not from when it could be sent: a subject that stalls
//! pays for every request that it delayed (no "coordinated omission"). Blocking threads, because an event loop's
//! timers are coarser than the latencies.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::super::places::Front;
use super::super::{Outcome, failed};
use super::http::Session;
use super::pace::{Pace, micros_since};
use super::{Meter, Target, response};

/// Client number `index` of `clients`, who share `per_second` evenly; ends when the meter is stopped.
pub(crate) fn at_rate(
    index: usize,
    clients: usize,
    per_second: u32,
    target: &Target,
    meter: &Meter,
) -> Outcome {
    let mut stream = TcpStream::connect(target.at(Front::Http)).map_err(failed("cannot connect"))?;
    stream.set_nodelay(true).map_err(failed("cannot set TCP_NODELAY"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(failed("cannot set a deadline"))?;
    let mut session = Session::new("/small");
    let mut latencies = Vec::new();
    exchange(&mut stream, &mut session)?;
    meter.arrive();
    let mut pace = Pace::new(index, clients, per_second)?;
    while !meter.stopped() {
        let due = pace.wait();
        exchange(&mut stream, &mut session)?;
        latencies.push(micros_since(due));
        meter.count();
    }
    meter.add_latencies(&latencies);
    Ok(())
}

fn exchange(stream: &mut TcpStream, session: &mut Session) -> Outcome {
    stream.write_all(session.request()).map_err(failed("cannot send a request"))?;
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default());
        filled += match read.map_err(failed("cannot read a response"))? {
            0 => return Err("the connection ended within a response".to_owned()),
            read => read,
        };
        let Some(head) = response::head(buffer.get(..filled).unwrap_or_default())? else { continue };
        if filled >= head.size + head.length {
            return session.learn(head.server, head.cookie);
        }
    }
}
