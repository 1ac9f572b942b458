//! Names as they stand in the headers of mechanisms (RFC 5801, section 4; RFC 5802, section 5.1).

/// `=2C` is a comma and `=3D` an equals sign; neither stands by itself.
pub(super) fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(name.len());
    let mut rest = name;
    loop {
        match rest {
            [] => return Some(text),
            [b'=', b'2', b'C', after @ ..] => {
                text.push(b',');
                rest = after;
            }
            [b'=', b'3', b'D', after @ ..] => {
                text.push(b'=');
                rest = after;
            }
            [b'=' | b',', ..] => return None,
            [byte, after @ ..] => {
                text.push(*byte);
                rest = after;
            }
        }
    }
}
