//! A line in the operator's own form.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sekisho_api::Record;
use sekisho_config::{LinePiece, LogField as Field};

use super::clock::Clock;
use super::escape::escaped;
use super::visit::{Sink, visit};
use super::{Place, digits};

/// The operator's own form, ready to write lines in.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pieces: Arc<[LinePiece]>,
    /// The fields in them, a bit each.
    wanted: u64,
    /// The values of the line at hand, one after the other.
    values: Vec<u8>,
    /// Where each field's value stands there.
    places: [Range<usize>; Field::ALL.len()],
}

impl Own {
    pub(super) fn new(pieces: Arc<[LinePiece]>) -> Self {
        let fields = pieces.iter().map(|piece| match piece {
            LinePiece::Field(field) => 1 << *field as u64,
            LinePiece::Text(_) => 0,
        });
        let wanted = fields.fold(0, |all, field| all | field);
        Self { pieces, wanted, values: Vec::new(), places: std::array::from_fn(|_| 0..0) }
    }

    /// Appends one line. What is not known, or empty, is `-`.
    pub(super) fn line(
        &mut self,
        clock: &mut Clock,
        now: SystemTime,
        place: &Place<'_>,
        record: &Record<'_>,
        out: &mut Vec<u8>,
    ) {
        self.values.clear();
        self.places.fill(0..0);
        self.put(Field::Time, |values| clock.write(now, values));
        visit(place, record, self);
        for piece in &*self.pieces {
            match piece {
                LinePiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                LinePiece::Field(field) => {
                    let place = self.places.get(*field as usize).cloned();
                    match place.and_then(|place| self.values.get(place)) {
                        Some(value) if !value.is_empty() => out.extend_from_slice(value),
                        _ => out.push(b'-'),
                    }
                }
            }
        }
        out.push(b'\n');
    }

    fn put(&mut self, field: Field, write: impl FnOnce(&mut Vec<u8>)) {
        if self.wanted >> field as u64 & 1 == 0 {
            return;
        }
        let start = self.values.len();
        write(&mut self.values);
        if let Some(place) = self.places.get_mut(field as usize) {
            *place = start..self.values.len();
        }
    }
}

impl Sink for Own {
    fn known(&mut self, field: Field, word: &'static str) {
        self.put(field, |out| out.extend_from_slice(word.as_bytes()));
    }

    fn word(&mut self, field: Field, word: &str) {
        self.put(field, |out| escaped(word.as_bytes(), out));
    }

    fn foreign(&mut self, field: Field, text: &str) {
        self.put(field, |out| escaped(super::cut(text), out));
    }

    fn number(&mut self, field: Field, number: u64) {
        self.put(field, |out| digits::decimal(number, out));
    }

    fn identifier(&mut self, field: Field, number: u64) {
        self.put(field, |out| digits::hexadecimal(number, out));
    }

    fn milliseconds(&mut self, field: Field, time: Duration) {
        self.put(field, |out| digits::milliseconds(time, out));
    }

    fn address(&mut self, field: Field, address: SocketAddr) {
        self.put(field, |out| digits::socket(address, out));
    }

    fn host(&mut self, field: Field, address: IpAddr) {
        self.put(field, |out| digits::host(address, out));
    }
}
