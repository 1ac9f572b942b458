//! A connection file: what a client opens to connect without being told anything more.

use std::fmt::Write;

/// A connection file (`.rdp`), one `key:type:value` a line.
///
/// Microsoft does not specify the form; Windows, macOS and FreeRDP read the same keys, in ASCII or in UTF-16 with a byte
/// order mark.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionFile<'a> {
    /// Where to connect: host and port.
    pub address: &'a str,
    /// The user, as it is to be typed; none: the client asks.
    pub user: Option<&'a str>,
    /// The line that goes into the first packet instead of a cookie.
    pub line: &'a str,
}

/// A value does not fit into one line of a connection file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a control character stands in it")]
pub struct NotOneLine;

impl ConnectionFile<'_> {
    /// The file.
    ///
    /// # Errors
    /// If a control character stands in a value: it could be another line.
    pub fn write(&self) -> Result<Vec<u8>, NotOneLine> {
        let values = [Some(self.address), self.user, Some(self.line)];
        if values.into_iter().flatten().any(|value| value.chars().any(char::is_control)) {
            return Err(NotOneLine);
        }
        let mut text = format!("full address:s:{}\r\n", self.address);
        if let Some(user) = self.user {
            // Writing to a string cannot fail.
            _ = write!(text, "username:s:{user}\r\n");
        }
        _ = write!(text, "loadbalanceinfo:s:{}\r\n", self.line);
        // Whoever has the file has no password with it, and a server that is not the expected one is asked about.
        text += "prompt for credentials:i:1\r\nauthentication level:i:2\r\n";
        Ok(match text.is_ascii() {
            true => text.into_bytes(),
            false => {
                "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: ConnectionFile<'_> = ConnectionFile {
        address: "desktop.example.org:3389",
        user: Some("CORP\\alice"),
        line: "Cookie: sekisho=AQEA",
    };

    #[test]
    fn file_has_one_key_a_line() {
        let text = String::from_utf8(FILE.write().unwrap()).unwrap();
        assert_eq!(
            text,
            "full address:s:desktop.example.org:3389\r\nusername:s:CORP\\alice\r\n\
             loadbalanceinfo:s:Cookie: sekisho=AQEA\r\nprompt for credentials:i:1\r\nauthentication level:i:2\r\n"
        );
        let nobody = ConnectionFile { user: None, ..FILE }.write().unwrap();
        assert!(!String::from_utf8(nobody).unwrap().contains("username"));
    }

    #[test]
    fn name_beyond_ascii_makes_the_file_utf_16() {
        let bytes = ConnectionFile { user: Some("zoë"), ..FILE }.write().unwrap();
        assert_eq!(bytes[..6], *b"\xff\xfef\0u\0");
        let units: Vec<u16> = bytes[2..].chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
        assert!(String::from_utf16(&units).unwrap().contains("username:s:zoë\r\n"));
    }

    #[test]
    fn value_cannot_bring_a_line_of_its_own() {
        for user in ["alice\r\nalternate shell:s:cmd", "alice\nx", "\u{85}"] {
            assert_eq!(ConnectionFile { user: Some(user), ..FILE }.write(), Err(NotOneLine));
        }
        assert_eq!(ConnectionFile { address: "a\r\nb", ..FILE }.write(), Err(NotOneLine));
    }
}
