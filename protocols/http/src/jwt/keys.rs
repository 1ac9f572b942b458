//! The keys that tokens are signed with: JSON Web Keys (RFC 7517) and PEM.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Invalid;
use super::algorithm::Algorithm;
use super::token::Token;

/// The keys of one VIP.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Known>);

/// A key, for one algorithm: what a token says of its algorithm only chooses among keys that are for it.
#[derive(Debug)]
struct Known {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    with: With,
}

enum With {
    Mac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

/// What is wrong with a file of keys, as a phrase.
pub(super) type Wrong = String;

impl Keys {
    /// Adds the keys of a file, those for one of these algorithms, and says how many keys there were.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn add(&mut self, file: &[u8], algorithms: &[Algorithm]) -> Result<usize, Wrong> {
        let text = std::str::from_utf8(file).map_err(|_| "it is neither JSON nor PEM")?.trim();
        let before = self.0.len();
        if text.starts_with('{') {
            self.add_json(text, algorithms)?;
        } else {
            self.add_pem(text, algorithms)?;
        }
        if self.0.len() > MOST {
            return Err(format!("there are more than {MOST} keys"));
        }
        Ok(self.0.len() - before)
    }

    fn add_json(&mut self, text: &str, algorithms: &[Algorithm]) -> Result<(), Wrong> {
        let json: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let list = match json.get("keys") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(_) => return Err("`keys` is no list".to_owned()),
            None => std::slice::from_ref(&json),
        };
        for (place, key) in list.iter().enumerate() {
            let wrong = |why: &str| format!("key {} {why}", place + 1);
            let key = key.as_object().ok_or_else(|| wrong("is no object"))?;
            // Keys for encryption, and of kinds that are not known, are others' (RFC 7517, section 5).
            if key.get("use").is_some_and(|purpose| purpose != "sig") {
                continue;
            }
            if ["d", "p", "q"].iter().any(|member| key.contains_key(*member)) {
                return Err(wrong("is a private one: the gateway needs the public part alone"));
            }
            self.add_one(key, algorithms).map_err(wrong)?;
        }
        Ok(())
    }

    fn add_one(&mut self, key: &Map<String, Value>, algorithms: &[Algorithm]) -> Result<(), &'static str> {
        let text = |member: &str| key.get(member).and_then(Value::as_str);
        let bytes = |member: &str| text(member).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let named = match text("alg") {
            None => None,
            Some(name) => match Algorithm::named(name) {
                Some(algorithm) => Some(algorithm),
                None => return Ok(()),
            },
        };
        let fits = |algorithm: &&Algorithm| named.is_none_or(|named| named == **algorithm);
        let kind = text("kty").ok_or("has no `kty`")?;
        let mut any = false;
        for &algorithm in algorithms.iter().filter(fits) {
            let with = match kind {
                "oct" => {
                    let secret = Zeroizing::new(bytes("k").ok_or("has no usable `k`")?);
                    let long = algorithm.mac().filter(|(_, least)| secret.len() >= *least);
                    long.map(|(hash, _)| With::Mac(Box::new(hmac::Key::new(hash, &secret))))
                }
                "RSA" => {
                    let (n, e) = bytes("n").zip(bytes("e")).ok_or("has no usable `n` and `e`")?;
                    let n = stripped(&n);
                    if n.len() < 256 {
                        return Err("is shorter than the 2048 bits that RSA needs");
                    }
                    let parts = RsaPublicKeyComponents { n, e: stripped(&e) };
                    let parsed = algorithm.rsa().map(|rsa| parts.to_parsed_public_key(rsa));
                    parsed.transpose().map_err(|_| "has no usable `n` and `e`")?.map(With::Public)
                }
                "EC" => match algorithm.curve().filter(|(_, name, _)| text("crv") == Some(name)) {
                    None => None,
                    Some((curve, _, length)) => {
                        let (x, y) = bytes("x").zip(bytes("y")).ok_or("has no usable `x` and `y`")?;
                        if x.len() != length || y.len() != length {
                            return Err("has coordinates of a wrong length");
                        }
                        // Uncompressed: SEC 1, section 2.3.3.
                        let point = [&[4], &*x, &*y].concat();
                        Some(With::Public(
                            ParsedPublicKey::new(curve, point).map_err(|_| "is no point of its curve")?,
                        ))
                    }
                },
                "OKP" if algorithm == Algorithm::Ed25519 && text("crv") == Some("Ed25519") => {
                    let x = bytes("x").ok_or("has no usable `x`")?;
                    let parsed = ParsedPublicKey::new(&signature::ED25519, x);
                    Some(With::Public(parsed.map_err(|_| "has no usable `x`")?))
                }
                _ => None,
            };
            any |= with.is_some();
            let id = text("kid").map(Into::into);
            self.0.extend(with.map(|with| Known { id, algorithm, with }));
        }
        if !any
            && kind == "oct"
            && algorithms.iter().any(|algorithm| fits(&algorithm) && algorithm.mac().is_some())
        {
            return Err("is a secret shorter than its hash (RFC 7518, section 3.2)");
        }
        Ok(())
    }

    fn add_pem(&mut self, text: &str, algorithms: &[Algorithm]) -> Result<(), Wrong> {
        let mut rest = text;
        let mut any = false;
        while let Some((_, behind)) = rest.split_once("-----BEGIN ") {
            let (label, behind) = behind.split_once("-----").ok_or("its PEM breaks off")?;
            let end = format!("-----END {label}-----");
            let (body, behind) = behind.split_once(&*end).ok_or("its PEM breaks off")?;
            rest = behind;
            any = true;
            match label {
                "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
                "CERTIFICATE" => {
                    return Err(
                        "a certificate is no key: `openssl x509 -pubkey -noout` takes it out".to_owned()
                    );
                }
                _ if label.contains("PRIVATE") => {
                    return Err("it is a private key: the gateway needs the public one".to_owned());
                }
                _ => return Err(format!("`{label}` is no public key")),
            }
            let body: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(body).map_err(|_| "its PEM has other characters than base64")?;
            let before = self.0.len();
            for &algorithm in algorithms {
                let parsed = match algorithm {
                    Algorithm::Ed25519 => ParsedPublicKey::new(&signature::ED25519, &der),
                    _ => match (algorithm.rsa(), algorithm.curve()) {
                        (Some(rsa), _) => ParsedPublicKey::new(rsa, &der),
                        (_, Some((curve, ..))) => ParsedPublicKey::new(curve, &der),
                        // A public key is nobody's secret.
                        (None, None) => continue,
                    },
                };
                self.0.extend(parsed.ok().map(|key| Known { id: None, algorithm, with: With::Public(key) }));
            }
            if self.0.len() == before {
                return Err("it is a key for none of the algorithms".to_owned());
            }
        }
        if any { Ok(()) } else { Err("it is neither JSON nor PEM".to_owned()) }
    }

    /// Whether one of the keys signed a token.
    ///
    /// # Errors
    /// That none did.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<(), Invalid> {
        let algorithm = token.algorithm.ok_or(Invalid)?;
        // A key without a name may be the one that is named; one of another name is not.
        let named = |known: &&Known| known.id.is_none() || token.key.is_none() || known.id == token.key;
        let fitting = self.0.iter().filter(|known| known.algorithm == algorithm).filter(named);
        let signed = |known: &Known| known.with.verify(token.signed, &token.signature);
        if fitting.take(TRIED).any(signed) { Ok(()) } else { Err(Invalid) }
    }
}

impl With {
    fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            // In a time that does not depend on where they differ.
            Self::Mac(key) => hmac::verify(key, signed, signature).is_ok(),
            Self::Public(key) => key.verify_sig(signed, signature).is_ok(),
        }
    }
}

impl fmt::Debug for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mac(_) => "Mac(..)",
            Self::Public(_) => "Public(..)",
        })
    }
}

/// A number without zeros in front of it: some write them.
fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Keys for one algorithm each: a hundred files would not have as many.
const MOST: usize = 1024;
/// Keys that are tried for one token. Issuers name their keys; of those without names there are few.
const TRIED: usize = 8;
