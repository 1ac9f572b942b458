//! A client that asks at fixed moments over UDP. Latency counts from the moment at which a question was due.

use std::net::UdpSocket;
use std::time::Duration;

use super::super::client::{Meter, Pace, Target, micros_since};
use super::super::places::Front;
use super::super::{Outcome, failed};
use super::{answered, name, question};

/// Client number `index` of `clients`, who share `per_second` evenly; ends when the meter is stopped.
pub(crate) fn at_rate(
    index: usize,
    clients: usize,
    per_second: u32,
    target: &Target,
    meter: &Meter,
) -> Outcome {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed("cannot bind"))?;
    socket.connect(target.at(Front::Dns)).map_err(failed("cannot connect"))?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(failed("cannot set a deadline"))?;
    let mut latencies = Vec::new();
    meter.arrive();
    let mut pace = Pace::new(index, clients, per_second)?;
    for number in index.. {
        if meter.stopped() {
            break;
        }
        let due = pace.wait();
        // Ids that repeat only after all others: a late answer is never taken for another's.
        #[expect(clippy::cast_possible_truncation, reason = "an id has 16 bits")]
        if exchange(&socket, &question(number as u16, &name(number)))? {
            latencies.push(micros_since(due));
            meter.count();
        } else {
            meter.lose();
        }
    }
    meter.add_latencies(&latencies);
    Ok(())
}

/// Whether a good answer came in time.
fn exchange(socket: &UdpSocket, question: &[u8]) -> Outcome<bool> {
    socket.send(question).map_err(failed("cannot send a question"))?;
    let mut answer = [0; 512];
    loop {
        match socket.recv(&mut answer) {
            Ok(size) if answered(question, answer.get(..size).unwrap_or_default()) => return Ok(true),
            // A late answer to a question before.
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(format!("cannot hear an answer: {error}")),
        }
    }
}

/// A question without an answer for this long is lost.
const PATIENCE: Duration = Duration::from_secs(1);
