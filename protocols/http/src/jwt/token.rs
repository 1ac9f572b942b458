//! A signed token in its compact form.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;

/// A token, taken apart and not yet believed.
///
/// ```text
/// token = BASE64URL(header) "." BASE64URL(payload) "." BASE64URL(signature)   ; RFC 7515, section 7.1
/// ```
#[derive(Debug)]
pub(super) struct Token<'t> {
    /// By which it says to be signed; `None`: by none that is known, or by none at all.
    pub(super) algorithm: Option<Algorithm>,
    /// By whose key it says to be signed.
    pub(super) key: Option<Box<str>>,
    /// What is signed: header and payload as they came.
    pub(super) signed: &'t [u8],
    payload: &'t [u8],
    pub(super) signature: Vec<u8>,
}

impl<'t> Token<'t> {
    /// Takes a token apart; `None` where it is none, or one with extensions that must be understood (`crit`).
    pub(super) fn parse(token: &'t [u8]) -> Option<Self> {
        let mut parts = token.split(|&byte| byte == b'.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let signed = token.get(..header.len() + 1 + payload.len())?;
        let header = object(header)?;
        if header.contains_key("crit") {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::named(header.get("alg")?.as_str()?),
            key: header.get("kid").and_then(Value::as_str).map(Into::into),
            signed,
            payload,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// What it says; `None` where that is no object of JSON.
    pub(super) fn claims(&self) -> Option<Map<String, Value>> {
        object(self.payload)
    }
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    // Its depth is bounded by the reader, at 128.
    match serde_json::from_slice(&json).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}
