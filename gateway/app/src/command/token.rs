//! `sekisho token new`: a token for the operator's address, and what is kept of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sekisho_config::{Scope, Token};

use crate::cli::TokenOptions;
use crate::failure::Failure;

/// What a token begins with, so that whoever finds one knows what it is.
const BEGINNING: &str = "sekisho_";

/// Makes a token. It is printed once and kept nowhere.
pub(crate) fn run(options: &TokenOptions, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| Failure::NoRandomness)?;
    let token = format!("{BEGINNING}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let line = line(&options.name, options.scope, &token)?;
    match &options.file {
        None => writeln!(out, "{token}\n\nFor the file that `tokens` of [admin] names:\n{line}")?,
        Some(file) => {
            let failed =
                |error: std::io::Error| Failure::File { file: file.clone(), reason: error.to_string() };
            let before = match std::fs::read_to_string(file) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(failed(error)),
            };
            let known =
                |line: &str| matches!(Token::read(line), Some(Ok(token)) if token.name == options.name);
            if before.lines().any(known) {
                let reason = format!("`{}` has a token there; delete its line first", options.name);
                return Err(Failure::File { file: file.clone(), reason });
            }
            let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
            let mut kept =
                OpenOptions::new().create(true).append(true).mode(0o600).open(file).map_err(failed)?;
            kept.write_all(format!("{gap}{line}\n").as_bytes()).map_err(failed)?;
            writeln!(out, "{token}")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is kept of a token.
fn line(name: &str, scope: Scope, token: &str) -> Result<String, Failure> {
    // 32 bytes, as SHA-256 gives.
    let hash: [u8; 32] = digest(&SHA256, token.as_bytes()).as_ref().try_into().unwrap_or_default();
    let line = Token { name: name.to_owned(), scope, hash }.to_string();
    match Token::read(&line) {
        Some(Ok(_)) => Ok(line),
        _ => Err(Failure::TokenName { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(options: &TokenOptions) -> Result<String, Failure> {
        let mut out = Vec::new();
        run(options, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn token_is_printed_once_and_its_hash_is_what_the_file_keeps() {
        let file = std::env::temp_dir().join(format!("sekisho-tokens-{}", std::process::id()));
        let options = |name: &str| TokenOptions {
            name: name.to_owned(),
            scope: Scope::Operate,
            file: Some(file.clone()),
        };
        let (one, two) = (made(&options("one")).unwrap(), made(&options("two")).unwrap());
        assert!(one.starts_with(BEGINNING) && one != two, "{one}{two}");
        assert!(made(&options("one")).is_err(), "a name has one token");
        let kept = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(!kept.contains(one.trim()), "{kept}");
        assert_eq!(
            kept,
            format!(
                "{}\n{}\n",
                line("one", Scope::Operate, one.trim()).unwrap(),
                line("two", Scope::Operate, two.trim()).unwrap()
            )
        );
        assert!(made(&options("a b")).is_err());
    }
}
