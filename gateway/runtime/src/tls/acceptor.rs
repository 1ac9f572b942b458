//! TLS towards clients: the certificates of a VIP, kept up to date, and the handshake.

mod watch;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::server::{ClientHello, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, Connection, ProtocolVersion, ServerConfig};
use sekisho_api::TlsFacts;
use sekisho_config::ClientTls;
use tokio::net::TcpStream;

use self::watch::Watch;
use super::error::{HandshakeError, TlsError};
use super::handshake::{UNRECOGNISED_NAME, complete, hello, tell};
use super::names::Names;
use super::stream::TlsStream;
use super::subject;

/// TLS towards the clients of one VIP: one value serves all workers.
#[derive(Debug)]
pub(crate) struct Acceptor {
    current: ArcSwap<Shown>,
    watch: Mutex<Watch>,
}

/// What became of a certificate file; each is in the log already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CertificateEvent {
    /// A changed file was taken up.
    Reloaded(PathBuf),
    /// A changed file cannot be used; what was loaded before stays in use.
    Failed(PathBuf),
    /// A certificate has expired or will within 14 days; said once a day.
    Expiring(PathBuf),
}

/// When a certificate expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateExpiry {
    /// Its first name; the file's name for a certificate without any.
    pub name: Box<str>,
    /// Its file.
    pub path: PathBuf,
    /// When it expires.
    pub not_after: SystemTime,
}

impl Acceptor {
    /// Reads the files that the settings name. `alpn` is offered where the settings offer nothing.
    ///
    /// With `previous`, the same VIP's acceptor under the configuration before, clients go on resuming their
    /// sessions, unless what is asked of their certificates has changed.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(crate) fn new(
        settings: &ClientTls,
        alpn: &[&str],
        previous: Option<&Self>,
    ) -> Result<Self, TlsError> {
        let previous = previous.map(|acceptor| acceptor.watch.lock());
        let watch = Watch::new(settings, alpn, previous.as_deref())?;
        drop(previous);
        Ok(Self { current: ArcSwap::from_pointee(watch.shown()?), watch: Mutex::new(watch) })
    }

    /// Takes up files that have changed since the last call, and warns of certificates that expire. For the control
    /// thread, every second or so: it reads files, and workers are never held up by it.
    pub(crate) fn tend(&self, vip: &str) {
        let _span = tracing::info_span!("tls", vip).entered();
        self.reload_changed(SystemTime::now());
    }

    pub(super) fn reload_changed(&self, now: SystemTime) -> Vec<CertificateEvent> {
        let mut watch = self.watch.lock();
        let mut events = watch.reload();
        if events.iter().any(|event| matches!(event, CertificateEvent::Reloaded(_)))
            && let Ok(shown) = watch.shown()
        {
            self.current.store(Arc::new(shown));
        }
        events.extend(watch.expiring(now));
        events
    }

    /// When the certificates expire, in the order of the configuration.
    pub(crate) fn expiries(&self) -> Vec<CertificateExpiry> {
        self.watch.lock().expiries()
    }

    /// Carries out the handshake with a client that has just connected, or whose protocol has come to the point of
    /// starting TLS. What was said before in clear has been read from the connection, and nothing beyond it.
    ///
    /// # Errors
    /// Why there is no TLS with this client; it has been told with an alert, and the connection is closed.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> Result<TlsStream, HandshakeError> {
        // Boxed, so that the caller's future does not carry the handshake's state for the connection's whole life.
        Box::pin(self.handshake(tcp)).await
    }

    async fn handshake(&self, tcp: TcpStream) -> Result<TlsStream, HandshakeError> {
        let local = tcp.local_addr()?.ip();
        let accepted = hello(&tcp).await?;
        let Some(config) = self.current.load().config(&accepted.client_hello(), local).cloned() else {
            let _ = tcp.try_write(&UNRECOGNISED_NAME);
            return Err(HandshakeError::UnknownName);
        };
        let mut session: Box<Connection> = match accepted.into_connection(config) {
            Ok(session) => Box::new(session.into()),
            Err((error, alert)) => {
                tell(&tcp, alert);
                return Err(error.into());
            }
        };
        complete(&mut session, &tcp).await?;
        let facts = TlsFacts {
            server_name: server_name(&session),
            alpn: session.alpn_protocol().map(Into::into),
            version: version(&session),
            cipher: cipher(&session),
            client_subject: leaf(&session).and_then(|leaf| subject::subject(leaf)),
            client_certificate: leaf(&session).and_then(|leaf| subject::client(leaf)).map(Arc::new),
            not_after: leaf(&session).and_then(|leaf| subject::not_after(leaf)),
        };
        Ok(TlsStream::new(tcp, session, facts))
    }
}

/// The certificate that the other side showed.
pub(super) fn leaf(session: &Connection) -> Option<&rustls::pki_types::CertificateDer<'static>> {
    session.peer_certificates().and_then(|chain| chain.first())
}

/// `TLSv1.2` or `TLSv1.3`.
pub(super) fn version(session: &Connection) -> &'static str {
    match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    }
}

/// The cipher suite's name; those of TLS 1.3 have another beginning in rustls than in the registry.
pub(super) fn cipher(session: &Connection) -> Option<&'static str> {
    let suite = session.negotiated_cipher_suite()?.suite();
    match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        suite => suite.as_str(),
    }
}

fn server_name(session: &Connection) -> Option<Box<str>> {
    match session {
        Connection::Server(session) => session.server_name().map(|name| name.to_ascii_lowercase().into()),
        Connection::Client(_) => None,
    }
}

/// The certificates shown to clients now: swapped whole when one changes.
struct Shown {
    /// One configuration per certificate; they differ in the certificate alone.
    configs: Vec<(Arc<ServerConfig>, Arc<CertifiedKey>)>,
    names: Names,
    strict: bool,
}

impl Shown {
    /// The configuration for this client: of the certificates that bear its name, the first whose key it can use.
    fn config(&self, hello: &ClientHello<'_>, local: IpAddr) -> Option<&Arc<ServerConfig>> {
        let found = self.names.find(hello.server_name(), local);
        let fallback = found.first().copied().or_else(|| (!self.strict).then_some(0))?;
        let usable = found.iter().copied().find(|&index| {
            self.configs
                .get(index)
                .is_some_and(|(_, key)| key.key.choose_scheme(hello.signature_schemes()).is_some())
        });
        self.configs.get(usable.unwrap_or(fallback)).map(|(config, _)| config)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown")
            .field("names", &self.names)
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

/// What lets clients resume sessions: shared by all workers and kept over reloads.
#[derive(Clone, Debug)]
struct Sessions {
    /// Rotates its keys every six hours.
    tickets: Option<Arc<dyn ProducesTickets>>,
    /// For TLS 1.2 clients without tickets, and for all where tickets are off.
    store: Arc<dyn StoresServerSessions>,
}

impl Sessions {
    fn new(tickets: bool) -> Result<Self, TlsError> {
        Ok(match tickets {
            true => Self {
                tickets: Some(rustls::crypto::aws_lc_rs::Ticketer::new()?),
                store: ServerSessionMemoryCache::new(STORED_BESIDE_TICKETS),
            },
            false => Self { tickets: None, store: ServerSessionMemoryCache::new(STORED) },
        })
    }
}

/// Sessions stored where no client has tickets, some 250 bytes each; the oldest goes first.
const STORED: usize = 20_000;

/// Where only old TLS 1.2 clients have none. The store takes its tables at the start.
const STORED_BESIDE_TICKETS: usize = 2_000;
