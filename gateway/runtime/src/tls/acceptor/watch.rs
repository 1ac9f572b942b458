//! The files behind an [`super::Acceptor`]: what was loaded from them, and whether they have changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use sekisho_config::{CertificateFiles, ClientAuth, ClientTls};

use super::super::certificate::Certificate;
use super::super::files::{self, Stamp};
use super::super::names::{Name, Names};
use super::super::{TlsError, provider, versions};
use super::{CertificateEvent, CertificateExpiry, Sessions, Shown};

/// The files of a VIP's TLS and what was loaded from them.
#[derive(Debug)]
pub(super) struct Watch {
    settings: ClientTls,
    alpn: Vec<Vec<u8>>,
    certificates: Vec<Watched>,
    clients: Arc<dyn ClientCertVerifier>,
    clients_stamp: Option<Stamp>,
    sessions: Sessions,
}

/// A certificate in use, with the stamps of its files when they were last read, well or not.
#[derive(Debug)]
struct Watched {
    at: CertificateFiles,
    stamps: [Stamp; 2],
    loaded: Certificate,
    warned: Option<SystemTime>,
}

impl Watch {
    pub(super) fn new(
        settings: &ClientTls,
        alpn: &[&str],
        previous: Option<&Self>,
    ) -> Result<Self, TlsError> {
        if settings.certificates.is_empty() {
            return Err(TlsError::NoCertificates);
        }
        let certificates = settings.certificates.iter().map(Watched::load).collect::<Result<_, _>>()?;
        let clients_stamp = authorities(&settings.client_auth).map(|path| Stamp::of(path));
        let clients = client_verifier(&settings.client_auth)?;
        // A session says that its client was asked for a certificate then. It is good only while the same is asked.
        let kept = previous.filter(|previous| {
            previous.settings.client_auth == settings.client_auth
                && previous.clients_stamp == clients_stamp
                && previous.settings.tickets == settings.tickets
        });
        let sessions = match kept {
            Some(previous) => previous.sessions.clone(),
            None => Sessions::new(settings.tickets)?,
        };
        let alpn = if settings.alpn.is_empty() {
            alpn.iter().map(|name| name.as_bytes().to_vec()).collect()
        } else {
            settings.alpn.iter().map(|name| name.clone().into_bytes()).collect()
        };
        Ok(Self { settings: settings.clone(), alpn, certificates, clients, clients_stamp, sessions })
    }

    /// Reads the files that have changed. A failure is logged once per change.
    pub(super) fn reload(&mut self) -> Vec<CertificateEvent> {
        let mut events: Vec<_> = self.certificates.iter_mut().filter_map(Watched::reload).collect();
        events.extend(self.reload_authorities());
        events
    }

    fn reload_authorities(&mut self) -> Option<CertificateEvent> {
        let path = authorities(&self.settings.client_auth)?.clone();
        let stamp = Some(Stamp::of(&path));
        if stamp == self.clients_stamp {
            return None;
        }
        self.clients_stamp = stamp;
        let fresh = client_verifier(&self.settings.client_auth)
            .and_then(|clients| Ok((clients, Sessions::new(self.settings.tickets)?)));
        Some(match fresh {
            Ok((clients, sessions)) => {
                // An authority may be gone from the list: nobody resumes what it vouched for.
                (self.clients, self.sessions) = (clients, sessions);
                tracing::info!(path = %path.display(), "Client authorities reloaded");
                CertificateEvent::Reloaded(path)
            }
            Err(error) => {
                tracing::error!(%error, "Changed client authorities cannot be used; the old ones stay");
                CertificateEvent::Failed(path)
            }
        })
    }

    /// Warns of certificates that expire soon, each once a day.
    pub(super) fn expiring(&mut self, now: SystemTime) -> Vec<CertificateEvent> {
        self.certificates.iter_mut().filter_map(|watched| watched.expiring(now)).collect()
    }

    pub(super) fn expiries(&self) -> Vec<CertificateExpiry> {
        self.certificates
            .iter()
            .map(|watched| CertificateExpiry {
                name: watched.name(),
                path: watched.at.certificate.clone(),
                not_after: watched.loaded.not_after,
            })
            .collect()
    }

    /// What clients are shown: one rustls configuration per certificate, all else shared.
    pub(super) fn shown(&self) -> Result<Shown, TlsError> {
        let mut names = Names::default();
        let mut configs = Vec::with_capacity(self.certificates.len());
        for (index, watched) in self.certificates.iter().enumerate() {
            names.add(index, &watched.loaded.names);
            let key = Arc::clone(&watched.loaded.key);
            let mut config = ServerConfig::builder_with_provider(Arc::clone(provider()))
                .with_protocol_versions(versions(self.settings.min_version))?
                .with_client_cert_verifier(Arc::clone(&self.clients))
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&key))));
            config.alpn_protocols.clone_from(&self.alpn);
            config.session_storage = Arc::clone(&self.sessions.store);
            if let Some(tickets) = &self.sessions.tickets {
                config.ticketer = Arc::clone(tickets);
            }
            configs.push((Arc::new(config), key));
        }
        Ok(Shown { configs, names, strict: self.settings.strict_names })
    }
}

impl Watched {
    fn load(at: &CertificateFiles) -> Result<Self, TlsError> {
        // Stamps first: a change while reading is found the next time.
        let stamps = stamps(at);
        Ok(Self { at: at.clone(), stamps, loaded: Certificate::load(at)?, warned: None })
    }

    fn reload(&mut self) -> Option<CertificateEvent> {
        let stamps = stamps(&self.at);
        if stamps == self.stamps {
            return None;
        }
        self.stamps = stamps;
        let path = self.at.certificate.clone();
        Some(match Certificate::load(&self.at) {
            Ok(loaded) => {
                self.loaded = loaded;
                self.warned = None;
                tracing::info!(path = %path.display(), "Certificate reloaded");
                CertificateEvent::Reloaded(path)
            }
            Err(error) => {
                tracing::error!(%error, "Changed certificate cannot be used; the old one stays");
                CertificateEvent::Failed(path)
            }
        })
    }

    fn expiring(&mut self, now: SystemTime) -> Option<CertificateEvent> {
        let left = self.loaded.not_after.duration_since(now).unwrap_or(Duration::ZERO);
        let said = self.warned.is_some_and(|warned| now.duration_since(warned).unwrap_or(DAY) < DAY);
        if left >= SOON || said {
            return None;
        }
        self.warned = Some(now);
        let (name, path, days) = (self.name(), self.at.certificate.display(), left.as_secs() / DAY.as_secs());
        if left.is_zero() {
            tracing::error!(%name, %path, "Certificate has expired");
        } else {
            tracing::warn!(%name, %path, days, "Certificate expires soon");
        }
        Some(CertificateEvent::Expiring(self.at.certificate.clone()))
    }

    fn name(&self) -> Box<str> {
        match self.loaded.names.first() {
            Some(Name::Dns(name)) => name.clone(),
            Some(Name::Address(address)) => address.to_string().into(),
            None => {
                let file = self.at.certificate.file_name().unwrap_or_default();
                file.to_string_lossy().into()
            }
        }
    }
}

fn stamps(at: &CertificateFiles) -> [Stamp; 2] {
    [Stamp::of(&at.certificate), Stamp::of(&at.key)]
}

fn authorities(auth: &ClientAuth) -> Option<&PathBuf> {
    match auth {
        ClientAuth::None => None,
        ClientAuth::Request(path) | ClientAuth::Require(path) => Some(path),
    }
}

fn client_verifier(auth: &ClientAuth) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(path) = authorities(auth) else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let roots = Arc::new(files::authorities(path)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider()));
    let builder =
        if matches!(auth, ClientAuth::Request(_)) { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|_| TlsError::NoAuthority { path: path.clone() })
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Before its last fourteen days nobody is reminded of a certificate; after ten days of a failing renewal somebody
/// should be.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
