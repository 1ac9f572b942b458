//! ID towards a server: who the client is, and where it comes from (RFC 2971).

use std::net::SocketAddr;

/// Fields of a client whose names begin with this are what gateways say to servers; nobody else may.
const RESERVED: &[u8] = b"x-";
/// The longest field and value (RFC 2971, section 3.3), and the most of them.
const FIELD_MAX: usize = 30;
const VALUE_MAX: usize = 1024;
const FIELDS_MAX: usize = 30;

/// The command, with the tag: the client's address as Dovecot takes it from trusted networks, then what the client says
/// of itself. Servers obey one ID of a connection only, so that everything is in it.
pub(super) fn identify(
    tag: &str,
    client: SocketAddr,
    local: SocketAddr,
    fields: &[(Vec<u8>, Vec<u8>)],
) -> Vec<u8> {
    let mut command = format!("{tag} ID (").into_bytes();
    let own: [(&str, String); 5] = [
        ("x-originating-ip", client.ip().to_string()),
        ("x-originating-port", client.port().to_string()),
        ("x-connected-ip", local.ip().to_string()),
        ("x-connected-port", local.port().to_string()),
        ("x-proxy-ttl", "5".to_owned()),
    ];
    for (field, value) in &own {
        pair(&mut command, field.as_bytes(), value.as_bytes());
    }
    let reserved = |field: &[u8]| field.get(..2).is_some_and(|head| head.eq_ignore_ascii_case(RESERVED));
    let said = |text: &[u8], max| text.len() <= max && !text.iter().any(u8::is_ascii_control);
    let fit = |(field, value): &&(Vec<u8>, Vec<u8>)| {
        !reserved(field) && said(field, FIELD_MAX) && said(value, VALUE_MAX)
    };
    for (field, value) in fields.iter().filter(fit).take(FIELDS_MAX - own.len()) {
        pair(&mut command, field, value);
    }
    command.pop();
    command.extend(b")\r\n");
    command
}

fn pair(command: &mut Vec<u8>, field: &[u8], value: &[u8]) {
    for text in [field, value] {
        command.push(b'"');
        for &byte in text {
            if matches!(byte, b'"' | b'\\') {
                command.push(b'\\');
            }
            command.push(byte);
        }
        command.extend(b"\" ");
    }
}
