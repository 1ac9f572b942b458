//! `sekisho token new`: a token for the operator's address, and what is kept of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sekisho_api::settings::parse_duration;
use sekisho_config::{Moment, Token};

use crate::cli::TokenOptions;
use crate::failure::Failure;

/// What a token begins with, so that whoever finds one knows what it is.
const BEGINNING: &str = "sekisho_";

/// Until when a token is good for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// So long from now.
    For(Duration),
    Until(Moment),
}

/// A time of a second at least and ten years at most, or a moment.
pub(crate) fn lifetime(text: &str) -> Result<Lifetime, String> {
    match (Moment::read(text), parse_duration(text)) {
        (Some(moment), _) => Ok(Lifetime::Until(moment)),
        (None, Ok(span)) if (Duration::from_secs(1)..=LONGEST).contains(&span) => Ok(Lifetime::For(span)),
        (None, Ok(_)) => Err("a token lives for a second at least and ten years at most".to_owned()),
        (None, Err(_)) => {
            Err("expected a time such as 90d, or a moment such as 2027-01-31T12:00:00Z".to_owned())
        }
    }
}

const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Makes a token. It is printed once and kept nowhere.
pub(crate) fn run(options: &TokenOptions, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| Failure::NoRandomness)?;
    let token = format!("{BEGINNING}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let line = line(options, &token, SystemTime::now())?;
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
fn line(options: &TokenOptions, token: &str, now: SystemTime) -> Result<String, Failure> {
    let expires = options.expires.and_then(|expires| match expires {
        Lifetime::For(span) => Moment::of(now + span),
        Lifetime::Until(moment) => Some(moment),
    });
    // 32 bytes, as SHA-256 gives.
    let hash: [u8; 32] = digest(&SHA256, token.as_bytes()).as_ref().try_into().unwrap_or_default();
    let line = Token { name: options.name.clone(), scope: options.scope, hash, expires }.to_string();
    match Token::read(&line) {
        Some(Ok(_)) => Ok(line),
        _ => Err(Failure::TokenName { name: options.name.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use sekisho_config::Scope;

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
            expires: None,
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
                line(&options("one"), one.trim(), UNIX_EPOCH).unwrap(),
                line(&options("two"), two.trim(), UNIX_EPOCH).unwrap()
            )
        );
        assert!(made(&options("a b")).is_err());
    }

    #[test]
    fn token_that_is_to_end_says_when_in_the_file() {
        let options = |expires: &str| TokenOptions {
            name: "one".to_owned(),
            scope: Scope::Read,
            expires: Some(lifetime(expires).unwrap()),
            file: None,
        };
        let ends = |expires: &str, end: &str| {
            let line = line(&options(expires), "sekisho_x", UNIX_EPOCH).unwrap();
            assert!(line.ends_with(&format!(" expires={end}")), "{line}");
        };
        ends("90d", "1970-04-01T00:00:00Z");
        ends("2027-01-31T13:00:00+01:00", "2027-01-31T12:00:00Z");
        for wrong in ["0s", "11000d", "tomorrow", "2027-01-31"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
