//! HTTP in the registration list.

use std::rc::Rc;
use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Core, Descriptor, Handler, KeyKind, ProbeKind, Protocol, Service, Transport, VipContext, Worker,
};

use crate::encode::Compression;
use crate::keys::Sources;
use crate::methods::Methods;
use crate::options::Options;
use crate::probe::HttpProbe;
use crate::rules::Rules;
use crate::user::Users;
use crate::worker::HttpWorker;

/// HTTP/1.1 and HTTP/2, balanced request by request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Http;

impl Protocol for Http {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            name: "http",
            summary: "HTTP/1.1 and HTTP/2, every request balanced, clients kept by cookie or user",
            transport: Transport::Tcp,
            keys: &[KeyKind::COOKIE, KeyKind::APP_COOKIE, KeyKind::USER, KeyKind::HEADER, KeyKind::QUERY],
        }
    }

    fn configure(&self, options: &mut Section<'_>, vip: &VipContext<'_>) -> Option<Handler> {
        let rules = Rules::read(options, vip);
        let users = Users::read(options, vip.identity);
        let methods = Methods::read(options);
        let compression = Compression::read(options);
        let options = Options::read(options, vip.trusted);
        let sources = Sources::new(vip.persist, vip.pools, users);
        let settings = Settings { options, sources, methods, rules, compression };
        Some(Handler::Service(Arc::new(HttpService(Arc::new(settings)))))
    }

    fn probes(&self) -> Vec<Arc<dyn ProbeKind>> {
        vec![Arc::new(HttpProbe)]
    }
}

/// One VIP, configured.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) sources: Sources,
    pub(crate) methods: Methods,
    pub(crate) rules: Rules,
    /// `None`: answers stay as the servers have them.
    pub(crate) compression: Option<Box<Compression>>,
}

#[derive(Debug)]
struct HttpService(Arc<Settings>);

impl Service for HttpService {
    fn worker(&self, core: Rc<dyn Core>) -> Rc<dyn Worker> {
        HttpWorker::start(core, self.0.clone())
    }

    fn alpn(&self) -> &'static [&'static str] {
        if self.0.options.http2 { &["h2", "http/1.1"] } else { &["http/1.1"] }
    }
}
