//! The made-up protocol of the documentation.

use std::sync::Arc;

use sekisho_api::settings::Section;
use sekisho_api::{
    Descriptor, Facts, Fault, Handler, Head, HeadConversation, Heads, KeyKind, Protocol, Route, Transport,
    VipContext,
};

#[derive(Debug)]
pub(super) struct Greet;

impl Protocol for Greet {
    fn descriptor(&self) -> Descriptor {
        Descriptor { name: "greet", summary: "made up", transport: Transport::Tcp, keys: &[KeyKind::USER] }
    }

    fn configure(&self, _: &mut Section<'_>, _: &VipContext<'_>) -> Option<Handler> {
        Some(Handler::Conversation(Arc::new(Heads::new(Nobody))))
    }
}

#[derive(Debug)]
struct Nobody;

impl HeadConversation for Nobody {
    fn head(&self, _: &[u8], _: &Facts) -> Result<Head, Fault> {
        Ok(Head::Route(Route::new()))
    }
}
