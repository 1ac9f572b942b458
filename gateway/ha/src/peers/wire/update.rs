//! An entry of a table.

use std::sync::Arc;
use std::time::Duration;

use super::definition::{KeyForm, Shape, types};
use super::dictionary::{Sent, Told};
use super::message::{TIMED_UPDATE, UPDATE, write};
use super::varint;

/// An update as it stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Update<'a> {
    /// Its number; none: the one after the last.
    pub(crate) number: Option<u32>,
    /// How long the entry still lives, in milliseconds; none: as long as any.
    pub(crate) remaining: Option<u32>,
    /// Key and data.
    pub(crate) data: &'a [u8],
}

/// What is read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) server: Option<Arc<str>>,
    pub(crate) gpt0: u64,
    pub(crate) gpc0: u64,
}

impl<'a> Update<'a> {
    /// Reads key and data as the table's definition has them. Names go into the dictionary whatever the table is.
    pub(crate) fn read(&self, shape: &Shape, names: &mut Sent) -> Option<Row<'a>> {
        let (key, mut rest) = match shape.key {
            KeyForm::Text => {
                let (length, rest) = varint::read(self.data)?;
                rest.split_at_checked(usize::try_from(length).ok()?)?
            }
            KeyForm::Integer => self.data.split_at_checked(4)?,
            KeyForm::Ipv4 | KeyForm::Ipv6 | KeyForm::Binary => {
                self.data.split_at_checked(usize::from(shape.key_length))?
            }
        };
        let mut row = Row { key, server: None, gpt0: 0, gpc0: 0 };
        for &(kind, elements) in &shape.data {
            if kind == types::SERVER_KEY {
                (row.server, rest) = names.read(rest)?;
                continue;
            }
            let numbers = if types::is_rate(kind) { 3 } else { 1 };
            for _ in 0..numbers * u32::from(elements) {
                let (number, after) = varint::read(rest)?;
                rest = after;
                match kind {
                    types::GPT0 => row.gpt0 = number,
                    types::GPC0 => row.gpc0 = number,
                    _ => {}
                }
            }
        }
        Some(row)
    }
}

/// An update to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewUpdate<'a> {
    pub(crate) number: u32,
    /// How long the entry still lives; none where the other side knows no such thing.
    pub(crate) remaining: Option<Duration>,
    pub(crate) key: &'a [u8],
    pub(crate) server: Option<&'a Arc<str>>,
    pub(crate) gpt0: u32,
    pub(crate) gpc0: u32,
}

/// Appends an update of a table of this shape. Types other than the server's name and the two numbers are zero.
pub(crate) fn write_update(update: &NewUpdate<'_>, shape: &Shape, names: &mut Told, out: &mut Vec<u8>) {
    let kind = if update.remaining.is_some() { TIMED_UPDATE } else { UPDATE };
    write(kind, out, |data| {
        data.extend_from_slice(&update.number.to_be_bytes());
        if let Some(remaining) = update.remaining {
            let millis = i32::try_from(remaining.as_millis()).unwrap_or(i32::MAX);
            data.extend_from_slice(&millis.to_be_bytes());
        }
        match shape.key {
            KeyForm::Text => {
                varint::write(update.key.len() as u64, data);
                data.extend_from_slice(update.key);
            }
            KeyForm::Integer | KeyForm::Ipv4 | KeyForm::Ipv6 | KeyForm::Binary => {
                let length = usize::from(shape.key_length);
                data.extend(update.key.iter().copied().chain(std::iter::repeat(0)).take(length));
            }
        }
        for &(kind, _) in &shape.data {
            match kind {
                types::SERVER_KEY => names.write(update.server, data),
                types::GPT0 => varint::write(update.gpt0.into(), data),
                types::GPC0 => varint::write(update.gpc0.into(), data),
                _ => varint::write(0, data),
            }
        }
    });
}
