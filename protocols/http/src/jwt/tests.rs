//! Tokens of every kind, whole and damaged.

use std::path::Path as File;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_api::settings::{Node, Problems, Section, Table, Value};

use super::algorithm::Algorithm;
use super::keys::Keys;
use super::token::Token;
use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/jwt");
/// In the middle of 2026.
const NOW: u64 = 1_782_000_000;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(File::new(FOLDER).join(name)).unwrap()
}

fn all() -> Vec<Algorithm> {
    Algorithm::ALL.iter().map(|(_, algorithm)| *algorithm).collect()
}

/// A table of texts and lists of texts.
fn table(entries: &[(&str, &[&str])]) -> Table {
    let text = |text: &&str| Node { span: 0..0, value: Value::Text((*text).to_owned()) };
    let list = |texts: &[&str]| Node { span: 0..0, value: Value::List(texts.iter().map(text).collect()) };
    Table { entries: entries.iter().map(|(key, texts)| ((*key).to_owned(), 0..0, list(texts))).collect() }
}

fn read(entries: &[(&str, &[&str])]) -> (Tokens, Vec<(String, String)>) {
    let jwt = Node { span: 0..0, value: Value::Table(table(entries)) };
    let (outer, problems) =
        (Table { entries: vec![("jwt".to_owned(), 0..0, jwt)] }, Problems::in_folder(FOLDER));
    let tokens = Tokens::read(&mut Section::new(&outer, 0..0, &problems));
    (tokens, problems.into_vec().into_iter().map(|problem| (problem.message, problem.label)).collect())
}

fn tokens(entries: &[(&str, &[&str])]) -> Tokens {
    let (mut tokens, problems) = read(entries);
    assert_eq!(problems, [], "{entries:?}");
    tokens.claim(Path::read("upn").unwrap());
    tokens
}

fn user(tokens: &Tokens, token: &str, now: u64) -> Result<Option<Vec<u8>>, Invalid> {
    let now = UNIX_EPOCH + Duration::from_secs(now);
    let key = tokens.user(token.as_bytes(), 0, &IdentityRules::default(), now)?;
    Ok(key.map(|key| key.expose().to_vec()))
}

fn anna() -> Result<Option<Vec<u8>>, Invalid> {
    Ok(Some(b"anna".to_vec()))
}

/// The token of each algorithm, by its name.
fn signed() -> Vec<(String, String)> {
    let lines = fixture("tokens.txt");
    let pairs = lines.lines().map(|line| line.split_once(' ').unwrap());
    pairs.map(|(name, token)| (name.to_owned(), token.to_owned())).collect()
}

fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn examples_of_the_standards_are_signed_by_their_keys_and_by_no_other() {
    let lines = fixture("rfc.txt");
    let examples: Vec<Vec<&str>> = lines.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(examples.len(), 5);
    for example in &examples {
        let token = Token::parse(example[2].as_bytes()).unwrap();
        for other in &examples {
            let mut keys = Keys::default();
            assert!(keys.add(other[1].as_bytes(), &all()).unwrap() > 0);
            assert_eq!(
                keys.verify(&token).is_ok(),
                example[0] == other[0],
                "{} with {}",
                example[0],
                other[0]
            );
        }
    }
    assert_eq!(Token::parse(examples[0][2].as_bytes()).unwrap().claims().unwrap()["iss"], "joe");
}

#[test]
fn token_of_every_algorithm_names_its_user() {
    let tokens =
        tokens(&[("keys", &["keys.json"]), ("issuer", &["https://id.example"]), ("audience", &["web"])]);
    let signed = signed();
    assert_eq!(signed.len(), Algorithm::ALL.len());
    for (name, token) in signed {
        assert!(Algorithm::named(&name).is_some(), "{name}");
        // The second time without a look at the signature.
        assert_eq!((user(&tokens, &token, NOW), user(&tokens, &token, NOW)), (anna(), anna()), "{name}");
    }
}

#[test]
fn public_keys_in_pem_serve_as_well() {
    for (file, names) in [
        ("rsa.pem", &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..]),
        ("p-256.pem", &["ES256"]),
        ("p-384.pem", &["ES384"]),
        ("p-521.pem", &["ES512"]),
        ("ed25519.pem", &["EdDSA"]),
    ] {
        let tokens = tokens(&[("keys", &[file])]);
        for (name, token) in signed() {
            let expected = if names.contains(&&*name) { anna() } else { Err(Invalid) };
            assert_eq!(user(&tokens, &token, NOW), expected, "{name} with {file}");
        }
    }
}

#[test]
fn one_changed_byte_anywhere_makes_a_token_count_for_nothing() {
    let tokens = tokens(&[("keys", &["keys.json"])]);
    for (name, token) in
        signed().into_iter().filter(|(name, _)| ["HS256", "ES256", "EdDSA"].contains(&&**name))
    {
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(user(&tokens, &changed, NOW), Err(Invalid), "{name}, byte {at}");
        }
        for end in 0..token.len() {
            assert_eq!(user(&tokens, &token[..end], NOW), Err(Invalid), "{name}, {end} bytes");
        }
    }
}

#[test]
fn token_that_nobody_signed_counts_for_nothing() {
    let tokens = tokens(&[("keys", &["keys.json", "rsa.pem"])]);
    let claims = r#"{"upn":"anna"}"#;
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"RS256","kid":"rsa"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":null}"#,
        "{}",
    ] {
        assert_eq!(user(&tokens, &unsigned(header, claims), NOW), Err(Invalid), "{header}");
    }
}

/// A public key is no secret: whoever signs with it as if it were one (RFC 8725, section 2.1) signs nothing.
#[test]
fn public_key_never_serves_as_a_shared_secret() {
    let tokens = tokens(&[("keys", &["rsa.pem"])]);
    let signed = unsigned(r#"{"alg":"HS256"}"#, r#"{"upn":"anna"}"#);
    let signed = signed.trim_end_matches('.');
    for secret in [fixture("rsa.pem"), fixture("rsa.pem").trim().to_owned()] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
        assert_eq!(user(&tokens, &format!("{signed}.{tag}"), NOW), Err(Invalid));
    }
}

#[test]
fn algorithm_that_is_not_listed_and_key_of_another_name_do_not_count() {
    let tokens = tokens(&[("keys", &["keys.json"]), ("algorithms", &["RS256"])]);
    for (name, token) in signed() {
        let expected = if name == "RS256" { anna() } else { Err(Invalid) };
        assert_eq!(user(&tokens, &token, NOW), expected, "{name}");
    }
    let renamed = fixture("keys.json").replace("\"kid\": \"rsa\"", "\"kid\": \"other\"");
    let mut keys = Keys::default();
    keys.add(renamed.as_bytes(), &all()).unwrap();
    let (_, token) = &signed()[0];
    assert_eq!(keys.verify(&Token::parse(token.as_bytes()).unwrap()), Err(Invalid));
}

#[test]
fn token_of_another_time_issuer_or_audience_counts_for_nothing() {
    let (_, token) = &signed()[0];
    let at = |entries: &[(&str, &[&str])], now| user(&tokens(entries), token, now);
    let keys = ("keys", &["keys.json"][..]);
    assert_eq!(at(&[keys], 1_735_689_539), Err(Invalid));
    assert_eq!(at(&[keys], 1_735_689_540), anna());
    assert_eq!(at(&[keys], 1_893_456_059), anna());
    assert_eq!(at(&[keys], 1_893_456_060), Err(Invalid));
    assert_eq!(at(&[keys, ("issuer", &["https://other.example"])], NOW), Err(Invalid));
    assert_eq!(at(&[keys, ("issuer", &["https://other.example", "https://id.example"])], NOW), anna());
    assert_eq!(at(&[keys, ("audience", &["shop"])], NOW), Err(Invalid));
    assert_eq!(at(&[keys, ("audience", &["mail"])], NOW), anna());
    // What was found good a moment ago is not good for ever.
    let one = tokens(&[keys]);
    assert_eq!((user(&one, token, 1_893_456_000), user(&one, token, 1_893_456_060)), (anna(), Err(Invalid)));
}

#[test]
fn without_keys_a_token_is_taken_at_its_word() {
    let (mut tokens, _) = read(&[]);
    tokens.claim(Path::read("upn").unwrap());
    assert_eq!(user(&tokens, &unsigned(r#"{"alg":"none"}"#, r#"{"upn":"anna","exp":1}"#), NOW), anna());
    assert_eq!(user(&tokens, &signed()[0].1, NOW), anna());
    assert_eq!(user(&tokens, "no.token.", NOW), Err(Invalid));
}

#[test]
fn extensions_that_must_be_understood_and_monsters_are_refused() {
    let (mut tokens, _) = read(&[]);
    tokens.claim(Path::read("upn").unwrap());
    let claims = r#"{"upn":"anna"}"#;
    let critical = unsigned(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, claims);
    let five = format!("{}a.b.c", unsigned(r#"{"alg":"dir"}"#, claims));
    let deep = format!("{{\"upn\":\"anna\",\"x\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    let long = format!("{{\"upn\":\"anna\",\"x\":\"{}\"}}", "x".repeat(8192));
    for token in
        [critical, five, unsigned(r#"{"alg":"RS256"}"#, &deep), unsigned(r#"{"alg":"RS256"}"#, &long)]
    {
        assert_eq!(user(&tokens, &token, NOW), Err(Invalid));
    }
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let tokens = tokens(&[("keys", &["keys.json"])]);
    let seeds: Vec<Vec<u8>> = signed().into_iter().map(|(_, token)| token.into_bytes()).collect();
    let seeds: Vec<&[u8]> =
        seeds.iter().map(Vec::as_slice).chain([&b"."[..], b"e30", b"{\"keys\":["]).collect();
    sekisho_testkit::seeded(2000, &seeds, |data| {
        _ = tokens.user(data, 0, &IdentityRules::default(), UNIX_EPOCH);
        _ = Keys::default().add(data, &all());
    });
}

#[test]
fn what_cannot_serve_as_a_key_is_named() {
    let wrong = |file: &str| {
        let mut keys = Keys::default();
        match keys.add(file.as_bytes(), &all()) {
            Ok(count) => format!("{count} keys"),
            Err(wrong) => wrong,
        }
    };
    let short = URL_SAFE_NO_PAD.encode([7; 31]);
    for (file, expected) in [
        ("", "it is neither JSON nor PEM"),
        ("{", "it is no JSON: EOF while parsing an object at line 1 column 1"),
        (r#"{"keys": {}}"#, "`keys` is no list"),
        (r#"{"keys": []}"#, "0 keys"),
        (r#"{"keys": [5]}"#, "key 1 is no object"),
        (r#"{"keys": [{"use": "enc"}, {"kty": "XY"}, {"kty": "EC", "crv": "secp256k1"}]}"#, "0 keys"),
        (
            r#"{"keys": [{"kty": "RSA", "n": "AQ", "e": "AQAB", "d": "AQ"}]}"#,
            "key 1 is a private one: the gateway needs the public part alone",
        ),
        (r#"{"kty": "RSA", "n": "AQ", "e": "AQAB"}"#, "key 1 is shorter than the 2048 bits that RSA needs"),
        (
            &format!(r#"{{"kty": "oct", "k": "{short}"}}"#),
            "key 1 is a secret shorter than its hash (RFC 7518, section 3.2)",
        ),
        (r#"{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}"#, "key 1 has coordinates of a wrong length"),
        (
            "-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----",
            "a certificate is no key: `openssl x509 -pubkey -noout` takes it out",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAQ==\n-----END PRIVATE KEY-----",
            "it is a private key: the gateway needs the public one",
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nAQ==\n-----END PUBLIC KEY-----",
            "it is a key for none of the algorithms",
        ),
        ("-----BEGIN PUBLIC KEY-----\nAQ==\n", "its PEM breaks off"),
    ] {
        assert_eq!(wrong(file), expected, "{file}");
    }
}

#[test]
fn configuration_that_checks_nothing_is_not_allowed_to_look_as_if() {
    for (entries, expected) in [
        (&[("issuer", &["x"][..])][..], "`issuer` has no effect without `keys`"),
        (&[("algorithms", &["RS256"][..])], "`algorithms` has no effect without `keys`"),
        (&[("keys", &[][..])], "no keys are named"),
        (&[("keys", &["nowhere.json"][..])], "cannot read `nowhere.json`"),
        (&[("keys", &["README.md"][..])], "`README.md` holds no keys for tokens"),
        (
            &[("keys", &["ed25519.pem"][..]), ("algorithms", &["EDDSA"][..])],
            "`EDDSA` is no algorithm that signs tokens",
        ),
    ] {
        let (_, problems) = read(entries);
        assert!(problems.iter().any(|(message, _)| message == expected), "{problems:?}");
    }
}

#[test]
fn parameter_is_found_however_its_name_is_spelt() {
    let uri = "/?a=1&access_token=one&access%5Ftoken=two&%61ccess_token=three&access_token&access%5token=no&xaccess_token=no";
    let (head, ()) = http::Request::builder().uri(uri).body(()).unwrap().into_parts();
    let place = Place::read("query:access_token").unwrap();
    assert_eq!(place.all(&head).as_slice(), [b"one".as_slice(), b"two", b"three"]);
    assert_eq!(place.find(&head), Some(b"one".as_slice()));
}
