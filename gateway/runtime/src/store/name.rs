//! The file name of a table's journal.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

/// The file name for the table of this name: letters, digits, `-` and `_` as they are, all else as `%` and two
/// hexadecimal digits. Different names give different files, and none leaves the directory.
pub(super) fn file_name(table: &str) -> String {
    let mut name = String::new();
    for byte in table.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02x}");
        }
    }
    if name.len() > LONGEST {
        // `.` does not come out of the escaping, so that this meets no other name.
        name.truncate(LONGEST / 2);
        name.push('.');
        for byte in digest(&SHA256, table.as_bytes()).as_ref() {
            let _ = write!(name, "{byte:02x}");
        }
    }
    name.push_str(".journal");
    name
}

/// File systems take 255 bytes.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_name_leaves_the_directory_or_meets_another() {
        let long = ["x".repeat(300), "x".repeat(301), "%".repeat(90)];
        let names =
            ["default", "Default", "..", ".", "", "/etc/passwd", "a/b", "a%2fb", "bücher", "a\0b", "a b"];
        let mut files: Vec<_> =
            names.into_iter().chain(long.iter().map(String::as_str)).map(file_name).collect();
        for file in &files {
            assert!(
                file.len() < 240 && !file.contains(['/', '\0']) && !file.starts_with('.')
                    || file == ".journal"
            );
        }
        assert_eq!(files[0], "default.journal");
        let count = files.len();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), count);
    }
}
