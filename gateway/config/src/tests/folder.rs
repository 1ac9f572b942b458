//! A folder with the files that fixtures and examples name: certificates, keys and secrets, made for each test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

/// The moment all tests happen at: the first second of 2026.
pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// The repository's `fixtures/config`.
pub(super) fn fixtures(folder: &str) -> PathBuf {
    repository().join("fixtures/config").join(folder)
}

/// The repository's root.
pub(super) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The `.toml` files of a folder of fixtures, by name.
pub(super) fn files(folder: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(fixtures(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no fixtures in {folder}");
    found
}

/// A folder of its own for a test, deleted at its end.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            Self(std::env::temp_dir().join(format!("sekisho-config-{}-{number}", std::process::id())));
        fs::create_dir_all(folder.path().join("certs")).unwrap();
        folder.fill();
        folder
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn fill(&self) {
        let (web, key) = certificate((2020, 1, 1), (2040, 1, 1));
        self.write("web.crt", &web, 0o644);
        self.write("web.key", &key, 0o600);
        self.write("web.pem", &format!("{web}{key}"), 0o600);
        self.write("readable.pem", &format!("{web}{key}"), 0o644);
        self.write("other.key", &certificate((2020, 1, 1), (2040, 1, 1)).1, 0o600);
        for (name, from, until) in [
            ("expired.pem", (2020, 1, 1), (2025, 6, 1)),
            ("soon.pem", (2020, 1, 1), (2026, 1, 10)),
            ("future.pem", (2030, 1, 1), (2040, 1, 1)),
        ] {
            let (certificate, key) = certificate(from, until);
            self.write(name, &format!("{certificate}{key}"), 0o600);
        }
        self.write("ca.pem", &authority(), 0o644);
        self.write("text.pem", "not a certificate\n", 0o644);
        self.write("secret", "0123456789abcdef0123456789abcdef\n", 0o600);
        let (anna, grafana) = ("5a".repeat(32), "a5".repeat(32));
        let lasting = format!("# of May\nanna configure sha256:{anna}\n");
        let ending = |at: &str| format!("grafana read sha256:{grafana} expires={at}\n");
        self.write("tokens", &format!("{lasting}{}", ending("2027-01-31T12:00:00Z")), 0o600);
        self.write("tokens-that-end", &ending("2026-01-10T00:00:00Z").replace("grafana", "soon"), 0o600);
        self.write("tokens-that-ended", &ending("2026-01-01T00:00:00Z").replace("grafana", "past"), 0o600);
        self.write("short-secret", "tooshort\n", 0o600);
        self.write("store-password", "correct horse\n", 0o600);
        self.write("readable-secret", "0123456789abcdef0123456789abcdef\n", 0o644);
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.0.join("certs").join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        #[cfg(not(unix))]
        let _ = mode;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Date = (i32, u8, u8);

fn certificate(from: Date, until: Date) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["www.example.org".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn authority() -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(&key).unwrap().pem()
}
