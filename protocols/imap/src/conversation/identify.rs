//! ID towards a server: who the client is, and where it comes from (RFC 2971).

use std::io::Write;

use super::Fields;
use super::origin::{Origin, Session};

/// Fields of a client whose names begin with this are what gateways say to servers; nobody else may.
const RESERVED: &[u8] = b"x-";
/// The longest field and value (RFC 2971, section 3.3), and the most of them.
const FIELD_MAX: usize = 30;
const VALUE_MAX: usize = 1024;
const FIELDS_MAX: usize = 30;
/// Those of them that are the gateway's own.
const OWN_MAX: usize = 7;

/// About as many bytes as [`identify`] appends.
pub(super) fn room(fields: &Fields) -> usize {
    256 + fields.iter().map(|(field, value)| field.len() + value.len() + 8).sum::<usize>()
}

/// Appends the command, with the tag: the client's address as Dovecot takes it from trusted networks, then what the
/// client says of itself. Servers obey one ID of a connection only, so that everything is in it.
pub(super) fn identify(tag: &str, origin: &Origin<'_>, fields: &Fields, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    _ = write!(out, "{tag} ID (\"x-originating-ip\" \"{}\"", origin.client.to_canonical());
    if let Some(port) = origin.client_port {
        _ = write!(out, " \"x-originating-port\" \"{port}\"");
    }
    if let Some(local) = origin.local {
        _ = write!(out, " \"x-connected-ip\" \"{}\"", local.to_canonical());
    }
    if let Some(port) = origin.local_port {
        _ = write!(out, " \"x-connected-port\" \"{port}\"");
    }
    match origin.session {
        Session::Own(id) => _ = write!(out, " \"x-session-id\" \"{id:016x}\""),
        Session::Said(id) => pair(out, b"x-session-id", id),
    }
    if origin.secured {
        out.extend_from_slice(b" \"x-client-transport\" \"TLS\"");
    }
    _ = write!(out, " \"x-proxy-ttl\" \"{}\"", origin.hops);
    let reserved = |field: &[u8]| field.get(..2).is_some_and(|head| head.eq_ignore_ascii_case(RESERVED));
    let said = |text: &[u8], max| text.len() <= max && !text.iter().any(u8::is_ascii_control);
    let fit = |(field, value): &&(Vec<u8>, Vec<u8>)| {
        !reserved(field) && said(field, FIELD_MAX) && said(value, VALUE_MAX)
    };
    for (field, value) in fields.iter().filter(fit).take(FIELDS_MAX - OWN_MAX) {
        pair(out, field, value);
    }
    out.extend_from_slice(b")\r\n");
}

fn pair(out: &mut Vec<u8>, field: &[u8], value: &[u8]) {
    for text in [field, value] {
        out.extend_from_slice(b" \"");
        for &byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
}
