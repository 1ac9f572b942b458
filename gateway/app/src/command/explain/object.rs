//! An explanation for programs, in the words that the operator's address has for a decision.

use sekisho_admin::explained;
use sekisho_api::Outlook;
use sekisho_config::Vip;
use sekisho_scheduler::{Candidate, Explanation};
use serde_json::{Value, json};

use crate::cli::ExplainOptions;

/// Everything that was found out. Without an explanation the gateway answers by itself.
pub(super) fn object(
    vip: &Vip,
    options: &ExplainOptions,
    outlook: Option<&Outlook>,
    known_by: Option<&str>,
    explanation: Option<&Explanation>,
) -> Value {
    let notes =
        outlook.map(|outlook| outlook.notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>());
    let mut object = json!({
        "vip": *vip.name, "protocol": vip.protocol, "client": options.client.to_string(),
        "rules": notes, "known_by": known_by, "answered": explanation.is_none(),
    });
    if let (Some(explanation), Some(entries)) = (explanation, object.as_object_mut()) {
        entries.extend(chosen(explanation));
    }
    object
}

fn chosen(explanation: &Explanation) -> impl Iterator<Item = (String, Value)> {
    let (server, why) = match &explanation.chosen {
        Ok((server, why)) => (Some(&**server), why.name().to_owned()),
        Err(why) => (None, why.to_string()),
    };
    [
        ("pool", json!(*explanation.pool)),
        ("method", json!(explanation.method)),
        ("server", json!(server)),
        ("why", json!(why)),
        ("keys", explanation.keys.iter().map(explained::key).collect()),
        ("candidates", explanation.candidates.iter().map(candidate).collect()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
}

/// As in a decision, and where the server is: nobody has asked the gateway for its list.
fn candidate(candidate: &Candidate) -> Value {
    let mut object = explained::candidate(candidate);
    if let Some(entries) = object.as_object_mut() {
        entries.insert("address".to_owned(), json!(candidate.address.to_string()));
    }
    object
}
