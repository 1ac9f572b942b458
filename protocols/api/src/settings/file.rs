//! Files that a configuration names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::problem::{Problem, Problems};
use super::section::Found;
use super::unit::show_size;

/// What the file that `written` names holds, at most `most` bytes; a relative path starts from the folder of the
/// configuration file. What is wrong is recorded in `problems`.
pub fn contents(written: &Found<&str>, most: u64, problems: &Problems) -> Option<Vec<u8>> {
    match bounded(&problems.folder().join(written.value), most) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let label = match error.kind() {
                io::ErrorKind::NotFound => "no such file".to_owned(),
                io::ErrorKind::PermissionDenied => "the gateway's user may not read it".to_owned(),
                _ => error.to_string(),
            };
            let problem =
                Problem::new(written.span.clone(), format!("cannot read `{}`", written.value), label);
            problems.push(problem.help("paths are relative to the folder of the configuration file"));
            None
        }
    }
}

fn bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let reason = format!("it is larger than {}", show_size(most));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &str, name: &str, most: u64) -> Result<Vec<u8>, String> {
        let problems = Problems::in_folder(folder);
        let bytes = contents(&Found { value: name, span: 3..7 }, most, &problems);
        bytes.ok_or_else(|| problems.into_vec().remove(0).label)
    }

    #[test]
    fn relative_path_starts_from_the_folder_of_the_configuration() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let source = read(folder, "settings/file.rs", 1 << 20).unwrap();
        assert!(source.starts_with(b"//! Files"));
    }

    #[test]
    fn file_that_is_missing_too_large_or_none_is_a_problem() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        assert_eq!(read(folder, "nowhere.html", 10).unwrap_err(), "no such file");
        assert_eq!(read(folder, "lib.rs", 1024).unwrap_err(), "it is larger than 1 KiB");
        assert_eq!(read(folder, "settings", 1024).unwrap_err(), "it is not a file");
    }
}
