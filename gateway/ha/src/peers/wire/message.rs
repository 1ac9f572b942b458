//! Messages: a class, a type, and for types from 128 on a length and data.

use super::definition::Definition;
use super::update::Update;
use super::{LONGEST, WireError, varint};

/// What needs no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Everything is wanted.
    ResyncRequest,
    /// That was everything, and who sent it knows everything.
    ResyncFinished,
    /// That was everything that the sender knows, which may not be all.
    ResyncPartial,
    /// One of the two before was heard.
    ResyncConfirm,
    /// The sender is there.
    Heartbeat,
}

/// What the other side says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Control(Control),
    /// What came from here was no message; it goes.
    Refused,
    /// Which table the updates from here on are of, and what stands in them.
    Define(Definition<'a>),
    /// The same by its number alone.
    Switch(u64),
    /// An entry, to be read by its table's definition.
    Update(Update<'a>),
    /// Everything up to this update of this table of ours has arrived.
    Ack {
        table: u64,
        update: u32,
    },
    /// A type that this version does not know.
    Unknown,
}

/// The message at the beginning, and how many bytes it takes; none if it is not complete yet.
pub(crate) fn next(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>, WireError> {
    let &[class, kind, ref rest @ ..] = bytes else { return Ok(None) };
    if class == RESERVED {
        return Err(WireError::Reserved);
    }
    if kind < WITH_DATA {
        let message = match (class, kind) {
            (CONTROL, kind) => control(kind).map_or(Message::Unknown, Message::Control),
            (ERROR, _) => Message::Refused,
            _ => Message::Unknown,
        };
        return Ok(Some((message, 2)));
    }
    let Some((length, data)) = varint::read(rest) else {
        return if rest.len() < varint::LONGEST { Ok(None) } else { Err(WireError::Malformed) };
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or(WireError::TooLong)?;
    let Some((data, after)) = data.split_at_checked(length) else { return Ok(None) };
    let message =
        if class == TABLE { table(kind, data).ok_or(WireError::Malformed)? } else { Message::Unknown };
    Ok(Some((message, bytes.len() - after.len())))
}

fn control(kind: u8) -> Option<Control> {
    CONTROLS.iter().find(|(_, code)| *code == kind).map(|(control, _)| *control)
}

fn table(kind: u8, data: &[u8]) -> Option<Message<'_>> {
    let number = |data| u32_at(data).map(|(number, rest)| (Some(number), rest));
    let (numbered, timed) = match kind {
        UPDATE => (true, false),
        NEXT_UPDATE => (false, false),
        TIMED_UPDATE => (true, true),
        NEXT_TIMED_UPDATE => (false, true),
        DEFINE => return Definition::read(data).map(Message::Define),
        SWITCH => return varint::read(data).map(|(table, _)| Message::Switch(table)),
        ACK => {
            let (table, rest) = varint::read(data)?;
            return Some(Message::Ack { table, update: u32_at(rest)?.0 });
        }
        _ => return Some(Message::Unknown),
    };
    let (number, data) = if numbered { number(data)? } else { (None, data) };
    let (remaining, data) =
        if timed { u32_at(data).map(|(left, rest)| (Some(left), rest))? } else { (None, data) };
    Some(Message::Update(Update { number, remaining, data }))
}

fn u32_at(data: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = data.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// Appends a message without data.
pub(crate) fn write_control(control: Control, out: &mut Vec<u8>) {
    let code = CONTROLS.iter().find(|(other, _)| *other == control).map_or(HEARTBEAT, |(_, code)| *code);
    out.extend_from_slice(&[CONTROL, code]);
}

/// Appends that the updates from here on are of this table, which was defined before.
pub(crate) fn write_switch(table: u64, out: &mut Vec<u8>) {
    write(SWITCH, out, |data| varint::write(table, data));
}

/// Appends that everything up to this update of this table of the other side has arrived.
pub(crate) fn write_ack(table: u64, update: u32, out: &mut Vec<u8>) {
    write(ACK, out, |data| {
        varint::write(table, data);
        data.extend_from_slice(&update.to_be_bytes());
    });
}

/// Appends a message about tables.
pub(super) fn write(kind: u8, out: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::with_capacity(64);
    data(&mut body);
    debug_assert!(body.len() <= LONGEST, "names and keys are bounded");
    out.extend_from_slice(&[TABLE, kind]);
    varint::write(body.len() as u64, out);
    out.extend_from_slice(&body);
}

const CONTROL: u8 = 0;
const ERROR: u8 = 1;
const TABLE: u8 = 10;
const RESERVED: u8 = 255;
/// From this type on a message has a length and data.
const WITH_DATA: u8 = 0x80;
pub(super) const UPDATE: u8 = 0x80;
const NEXT_UPDATE: u8 = 0x81;
pub(super) const DEFINE: u8 = 0x82;
const SWITCH: u8 = 0x83;
const ACK: u8 = 0x84;
pub(super) const TIMED_UPDATE: u8 = 0x85;
const NEXT_TIMED_UPDATE: u8 = 0x86;
const HEARTBEAT: u8 = 4;
const CONTROLS: [(Control, u8); 5] = [
    (Control::ResyncRequest, 0),
    (Control::ResyncFinished, 1),
    (Control::ResyncPartial, 2),
    (Control::ResyncConfirm, 3),
    (Control::Heartbeat, HEARTBEAT),
];
