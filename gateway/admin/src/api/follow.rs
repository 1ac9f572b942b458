//! What happens, as it happens: server-sent events (WHATWG HTML, section 9.2).

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sekisho_runtime::{Event, Happening, View};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::query::Query;
use super::refused::Refused;
use super::whose::Whose;
use super::{inside, look};
use crate::answer::{GUARDS, Status};
use crate::caller::Stay;
use crate::endpoint::Stream;
use crate::moment;

/// Streams at once.
pub(super) const FOLLOWERS: usize = 16;
/// Of them, those for whoever has shown nothing: they keep no operator out.
pub(super) const UNKNOWN_FOLLOWERS: usize = 8;

/// A place among those who follow, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_the_unknown: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// None: there is none for them.
    pub(super) fn take(all: &Arc<Semaphore>, unknown: &Arc<Semaphore>, known: bool) -> Option<Self> {
        let take = |places: &Arc<Semaphore>| places.clone().try_acquire_owned().ok();
        let of_the_unknown = if known { None } else { Some(take(unknown)?) };
        Some(Self { _of_all: take(all)?, _of_the_unknown: of_the_unknown })
    }
}

/// A stream of events.
#[derive(Debug)]
pub(crate) struct Follow {
    view: View,
    topics: Vec<Topic>,
    vip: Option<String>,
    /// Whose decisions are wanted; none: everybody's.
    whose: Option<Whose>,
    /// The number of the event that was told last, and of the choice.
    told: u64,
    decided: u64,
    latest: watch::Receiver<u64>,
    /// What was told of each row of numbers.
    rows: HashMap<String, Value>,
    /// Whoever follows, as long as they may.
    stay: Stay,
    _place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Health,
    Operator,
    Reload,
    Numbers,
    Decisions,
}

const TOPICS: [(&str, Topic); 5] = [
    ("health", Topic::Health),
    ("operator", Topic::Operator),
    ("reload", Topic::Reload),
    ("numbers", Topic::Numbers),
    ("decisions", Topic::Decisions),
];

impl Follow {
    pub(super) fn new(
        view: View,
        query: &Query,
        last: Option<u64>,
        stay: Stay,
        place: Place,
    ) -> Result<Self, Refused> {
        let topics = match query.get("topics") {
            None => {
                TOPICS.iter().map(|(_, topic)| *topic).filter(|topic| *topic != Topic::Decisions).collect()
            }
            Some(text) => topics(text)?,
        };
        let vip = query.get("vip").map(str::to_owned);
        if topics.contains(&Topic::Decisions) {
            let name = query.needed("vip")?;
            if view.decisions(name, u64::MAX).is_none() {
                let (config, _) = view.in_force();
                return Err(Refused::unknown("VIP", name, config.vips.iter().map(|vip| &*vip.name)));
            }
        }
        let whose = query.get("user").map(|name| Whose::new(&view, vip.as_deref(), name)).transpose()?;
        let latest = view.latest_event();
        let now = *latest.borrow();
        // Numbers of another process, which had told of more, mean nothing here.
        let told = query.number("after")?.or(last).filter(|after| *after <= now).unwrap_or(now);
        Ok(Self {
            view,
            topics,
            vip,
            whose,
            told,
            decided: 0,
            latest,
            rows: HashMap::new(),
            stay,
            _place: place,
        })
    }

    /// Tells until the other side leaves, or takes too long to listen.
    pub(crate) async fn run(mut self, stream: &mut dyn Stream) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n{GUARDS}\
             Connection: close\r\n\r\n"
        );
        send(stream, head.as_bytes()).await?;
        let mut ticks = interval(inside::EACH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut spoke, mut scratch) = (Instant::now(), [0; 256]);
        loop {
            let ticked = tokio::select! {
                _ = ticks.tick() => true,
                changed = self.latest.changed() => match changed {
                    Ok(()) => false,
                    // The gateway is gone.
                    Err(_) => return chunk(stream, "").await,
                },
                read = stream.read(&mut scratch) => match read? {
                    0 => return Ok(()),
                    _ => continue,
                },
            };
            if !self.stay.holds(SystemTime::now()) {
                return chunk(stream, "").await;
            }
            let mut text = self.happened();
            if ticked {
                self.counted(&mut text);
                self.decided(&mut text);
                if text.is_empty() && spoke.elapsed() >= SILENCE {
                    text.push_str(":\n\n");
                }
            }
            if !text.is_empty() {
                spoke = Instant::now();
                chunk(stream, &text).await?;
            }
        }
    }

    /// The events since the last look.
    fn happened(&mut self) -> String {
        let mut text = String::new();
        for event in self.view.events(self.told) {
            self.told = event.number;
            let (topic, name, data) = told(&event);
            if self.topics.contains(&topic) {
                text.push_str(&format!("id: {}\n", event.number));
                push(&mut text, name, &data);
            }
        }
        text
    }

    /// The numbers that are other than they were told last.
    fn counted(&mut self, text: &mut String) {
        if !self.topics.contains(&Topic::Numbers) {
            return;
        }
        let status = self.view.status();
        let mut changed = (Vec::new(), Vec::new());
        let mut seen = HashMap::with_capacity(self.rows.len());
        let vips = look::vip_numbers(&status).map(|row| (true, row));
        let servers = look::server_numbers(&status).map(|row| (false, row));
        for (is_vip, (name, row)) in vips.chain(servers) {
            if self.rows.get(&name) != Some(&row) {
                if is_vip { changed.0.push(row.clone()) } else { changed.1.push(row.clone()) }
            }
            seen.insert(name, row);
        }
        let gone: Vec<&String> = self.rows.keys().filter(|name| !seen.contains_key(*name)).collect();
        let (vips, servers) = changed;
        let data = json!({
            "at": inside::now(),
            "connections": status.connections,
            "vips": vips,
            "servers": servers,
            "gone": gone,
        });
        push(text, "numbers", &data);
        self.rows = seen;
    }

    /// The choices since the last look.
    fn decided(&mut self, text: &mut String) {
        let Some(vip) = self.vip.as_ref().filter(|_| self.topics.contains(&Topic::Decisions)) else { return };
        for decision in self.view.decisions(vip, self.decided).unwrap_or_default() {
            self.decided = decision.number;
            if self.whose.as_ref().is_some_and(|whose| !whose.is(&decision)) {
                continue;
            }
            let data = serde_json::to_value(inside::decision(&decision)).unwrap_or_default();
            push(text, "decision", &data);
        }
    }
}

fn topics(text: &str) -> Result<Vec<Topic>, Refused> {
    let topic = |name: &str| {
        let found = TOPICS.iter().find(|(known, _)| *known == name);
        found.map(|(_, topic)| *topic).ok_or_else(|| {
            let help = "known: health, operator, reload, numbers, decisions";
            Refused::new(Status::BadRequest, format!("there is no topic `{name}`"), help)
        })
    };
    text.split(',').map(topic).collect()
}

fn told(event: &Event) -> (Topic, &'static str, Value) {
    let at = moment::seconds(event.at);
    match &event.what {
        Happening::Health { pool, change } => {
            let data = json!({
                "at": at, "pool": **pool, "server": *change.server, "from": change.from.name(),
                "to": change.to.name(), "why": change.cause.to_string(),
            });
            (Topic::Health, "health", data)
        }
        Happening::Operator { who, what, target } => {
            (Topic::Operator, "operator", json!({ "at": at, "who": who, "action": what, "target": target }))
        }
        Happening::Reloaded { epoch } => (Topic::Reload, "reload", json!({ "at": at, "epoch": epoch })),
        _ => (Topic::Reload, "other", json!({ "at": at })),
    }
}

fn push(text: &mut String, name: &str, data: &Value) {
    // JSON on one line: nothing in it ends the event early.
    text.push_str(&format!("event: {name}\ndata: {data}\n\n"));
}

async fn chunk(stream: &mut dyn Stream, text: &str) -> io::Result<()> {
    let framed = format!("{:x}\r\n{text}\r\n", text.len());
    send(stream, framed.as_bytes()).await
}

/// Whoever does not listen is cut, and comes back behind what it has seen.
async fn send(stream: &mut dyn Stream, bytes: &[u8]) -> io::Result<()> {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    timeout(PATIENCE, sent).await?
}

const PATIENCE: Duration = Duration::from_secs(5);
/// Something is said so often, so that nobody in between takes the stream for dead.
const SILENCE: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_shown_nothing_keeps_no_operator_from_following() {
        let all = Arc::new(Semaphore::new(FOLLOWERS));
        let unknown = Arc::new(Semaphore::new(UNKNOWN_FOLLOWERS));
        let take = |known| Place::take(&all, &unknown, known);
        let mut strangers: Vec<Place> = (0..100).map_while(|_| take(false)).collect();
        assert_eq!(strangers.len(), UNKNOWN_FOLLOWERS);
        let operators: Vec<Place> = (0..100).map_while(|_| take(true)).collect();
        assert_eq!(operators.len(), FOLLOWERS - UNKNOWN_FOLLOWERS);
        strangers.clear();
        assert!(take(true).is_some() && take(false).is_some());
    }
}
