//! The commands that show a running gateway at one look, or as long as somebody looks.
//!
//! ```text
//! seen     what the gateway answers about itself
//! status   one look, and a verdict for whoever monitors
//! top      a live view, and changes of servers from there
//! tail     what happens, as it happens
//! ```

mod seen;
pub(crate) mod status;
pub(crate) mod tail;
pub(crate) mod top;

use serde::de::DeserializeOwned;

use super::operator::{Client, Question};
use crate::failure::Failure;

/// What stands at a path, as far as it is known here.
fn look<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, Failure> {
    serde_json::from_value(client.ask(&Question::get(path))?).map_err(|_| client.strange())
}

/// A number of bytes in its largest unit.
fn bytes(count: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut left = count.max(0.0);
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if left < 999.5 {
            break;
        }
        left /= 1000.0;
        unit = next;
    }
    if left < 9.95 && unit != UNITS[0] { format!("{left:.1} {unit}") } else { format!("{left:.0} {unit}") }
}

/// A rate: with a digit behind the point where it matters.
fn rate(each_second: f64) -> String {
    if each_second > 0.0 && each_second < 9.95 {
        format!("{each_second:.1}")
    } else {
        format!("{each_second:.0}")
    }
}

/// How long something takes.
fn latency(seconds: f64) -> String {
    match seconds * 1000.0 {
        millis if millis < 9.95 => format!("{millis:.1} ms"),
        millis if millis < 999.5 => format!("{millis:.0} ms"),
        _ => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_no_more_digits_than_say_something() {
        let shown = [0.0, 999.0, 1_000.0, 9_960.0, 12_345.0, 999_600.0, 7e15].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.0 KB", "10 KB", "12 KB", "1.0 MB", "7000 TB"]);
        assert_eq!([0.0, 0.5, 9.96, 1234.4].map(rate), ["0", "0.5", "10", "1234"]);
        assert_eq!([0.0004, 0.0123, 0.4, 4.76].map(latency), ["0.4 ms", "12 ms", "400 ms", "4.8 s"]);
    }
}
