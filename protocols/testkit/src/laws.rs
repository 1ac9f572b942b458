//! The laws of a conversation, one function each.

use sekisho_api::Side;

use crate::conversation::{Context, Conversation};
use crate::effects::Effects;
use crate::memory;
use crate::mutate::Seed;
use crate::oracle::{oracle, seeded};
use crate::rig::Rig;
use crate::transcript::{Event, Line, Transcript, WHYS};

impl Conversation {
    fn rig(&self, transcript: &Transcript) -> Rig {
        Rig::new((self.make)(), self.limits, &transcript.secrets)
    }

    /// Runs the fixture as it stands.
    pub(crate) fn expectations(&self, name: &str, transcript: &Transcript) -> Effects {
        let mut rig = self.rig(transcript);
        let mut controls = 0;
        let mut told = [0; 2];
        let expects = |side| transcript.lines.iter().any(|l| matches!(l, Line::Told(to, _) if *to == side));
        for line in &transcript.lines {
            match line {
                Line::Says(side, bytes) => rig.say(*side, bytes),
                Line::Happens(event) => {
                    assert!(rig.happen(event), "{name}: {event:?} cannot happen here: {:?}", rig.effects);
                    if matches!(event, Event::Connected(..)) {
                        told[1] = 0;
                    }
                }
                Line::Control(text) => {
                    let found = rig.effects.controls.get(controls).map(|c| c.text.as_str());
                    assert_eq!(found, Some(text.as_str()), "{name}: control {controls}: {:?}", rig.effects);
                    controls += 1;
                }
                Line::Told(side, bytes) => {
                    let [client, server] = &mut told;
                    let mark = if *side == Side::Client { client } else { server };
                    let all = rig.effects.told(*side);
                    let found = all.get(*mark..).unwrap_or_default().escape_ascii().to_string();
                    assert_eq!(found, bytes.escape_ascii().to_string(), "{name}: {side:?} was told");
                    *mark = all.len();
                }
            }
        }
        let rest = rig.effects.controls.get(controls..).unwrap_or_default();
        assert!(rest.is_empty(), "{name}: the fixture does not mention {rest:?}");
        for (side, mark) in [Side::Client, Side::Server].into_iter().zip(told) {
            let all = rig.effects.told(side);
            let rest = all.get(mark..).unwrap_or_default().escape_ascii().to_string();
            assert!(
                !expects(side) || rest.is_empty(),
                "{name}: the fixture does not mention {side:?} being told {rest:?}"
            );
        }
        rig.effects
    }

    /// Runs the script without looking at expectations; `say` decides how bytes are cut.
    fn run(&self, transcript: &Transcript, mut say: impl FnMut(&mut Rig, usize, Side, &[u8])) -> Effects {
        let mut rig = self.rig(transcript);
        for (at, line) in transcript.lines.iter().enumerate() {
            match line {
                Line::Says(side, bytes) => say(&mut rig, at, *side, bytes),
                Line::Happens(event) => _ = rig.happen(event),
                Line::Control(_) | Line::Told(..) => {}
            }
        }
        rig.effects
    }

    /// Law 2.
    pub(crate) fn cuts(&self, name: &str, transcript: &Transcript, whole: &Effects) {
        for (line, len) in says(transcript) {
            for cut in 1..len {
                let effects = self.run(transcript, |rig, at, side, bytes| {
                    let (head, tail) =
                        bytes.split_at_checked(cut).filter(|_| at == line).unwrap_or((bytes, &[]));
                    rig.say(side, head);
                    rig.say(side, tail);
                });
                assert_eq!(&effects, whole, "{name}: line {line} cut at {cut} of {len} (law 2)");
            }
        }
        let effects =
            self.run(transcript, |rig, _, side, bytes| bytes.iter().for_each(|b| rig.say(side, &[*b])));
        assert_eq!(&effects, whole, "{name}: byte by byte (law 2)");
        for number in 0..64 {
            let mut seed = Seed::new(number);
            let effects = self.run(transcript, |rig, _, side, mut bytes| {
                while !bytes.is_empty() {
                    let (piece, rest) = bytes.split_at(1 + seed.below(bytes.len().min(40)));
                    rig.say(side, piece);
                    bytes = rest;
                }
            });
            assert_eq!(&effects, whole, "{name}: cut by seed {number} (law 2)");
        }
    }

    /// Law 9.
    pub(crate) fn plaintext(&self, name: &str, transcript: &Transcript, whole: &Effects) {
        let mut secured = None;
        for (at, line) in transcript.lines.iter().enumerate() {
            match line {
                Line::Control(text) => secured = text.strip_prefix("starttls ").or(secured),
                Line::Happens(Event::Secured(side, _)) if secured.take().is_some() => {
                    let before = transcript
                        .lines
                        .iter()
                        .take(at)
                        .rposition(|l| matches!(l, Line::Says(s, _) if s == side));
                    let effects = self.run(transcript, |rig, at, side, bytes| {
                        if Some(at) == before {
                            // In one read with the request, and what would be understood there.
                            rig.say(side, &[bytes, bytes, b"\r\ninjected\r\n"].concat());
                        } else {
                            rig.say(side, bytes);
                        }
                    });
                    assert_eq!(&effects, whole, "{name}: plaintext crossed TLS (law 9)");
                }
                _ => {}
            }
        }
    }

    /// Law 10: fails the server after each line it says, until it cannot be replaced any more.
    pub(crate) fn replay(&self, name: &str, transcript: &Transcript, whole: &Effects) {
        for (at, line) in transcript.lines.iter().enumerate() {
            let Line::Happens(connected @ Event::Connected(..)) = line else { continue };
            for survived in 0..=transcript.lines.len() {
                let mut rig = self.rig(transcript);
                let (before, after) = transcript.lines.split_at(at);
                rig.play(before);
                rig.happen(connected);
                let servers: Vec<Line> = after
                    .iter()
                    .skip(1)
                    .filter(|l| !matches!(l, Line::Control(_) | Line::Told(..)))
                    .take_while(|l| matches!(l, Line::Says(Side::Server, _)))
                    .take(survived)
                    .cloned()
                    .collect();
                rig.play(&servers);
                if !rig.replaceable() || servers.len() < survived {
                    break;
                }
                rig.happen(&Event::Failed);
                rig.play(after);
                let last = |effects: &Effects| effects.to_servers.last().cloned();
                // What the server that failed was asked for, TLS, the next one is asked for again.
                let again = |text: &str| matches!(text, "retry" | "starttls server");
                let controls = |effects: &Effects| {
                    effects.controls.iter().filter(|c| !again(&c.text)).cloned().collect::<Vec<_>>()
                };
                let same = last(&rig.effects) == last(whole)
                    && rig.effects.to_client == whole.to_client
                    && controls(&rig.effects) == controls(whole);
                let got = &rig.effects;
                assert!(
                    same,
                    "{name}: a server that failed after {survived} lines changed what the next one met (law 10)\nnow {got:?}\nbefore {whole:?}"
                );
            }
        }
    }

    /// Law 12.
    pub(crate) fn own_words(&self, name: &str, transcript: &Transcript) {
        for (at, line) in transcript.lines.iter().enumerate() {
            if !matches!(line, Line::Happens(Event::Connected(..))) {
                continue;
            }
            for why in WHYS {
                let mut rig = self.rig(transcript);
                rig.play(transcript.lines.get(..at).unwrap_or_default());
                assert!(rig.routing(), "{name}: no server is asked for before line {at}");
                let before = rig.effects.to_client.len();
                rig.happen(&Event::Unavailable(why));
                let words = rig.effects.to_client.len() > before;
                assert!(words || self.silent, "{name}: nothing is said when {why} (law 12)");
                assert!(words || rig.closed(), "{name}: neither a word nor an end when {why} (law 12)");
            }
        }
    }

    /// Laws 1, 4, 5 and 6: the rig panics on every breach that the engine names.
    pub(crate) fn total(&self, name: &str, transcript: &Transcript) {
        // No secrets: damage may make a key of what stands in debug output anyway.
        let script = Transcript { lines: transcript.lines.clone(), secrets: Vec::new() };
        for number in 0..256 {
            let _context = Context(format!("{name}: damaged by seed {number} (law 1)"));
            let mut seed = Seed::new(number);
            let mut bent = script.clone();
            if seed.below(3) == 0 && bent.lines.len() > 1 {
                let (a, b) = (seed.below(bent.lines.len()), seed.below(bent.lines.len()));
                bent.lines.swap(a, b);
            }
            for line in &mut bent.lines {
                if let Line::Says(_, bytes) = line
                    && seed.below(2) == 0
                {
                    seed.damage(bytes);
                }
            }
            _ = self.run(&bent, |rig, _, side, bytes| {
                let (head, tail) = bytes.split_at(seed.below(bytes.len() + 1));
                rig.say(side, head);
                rig.say(side, tail);
            });
        }
    }

    /// Laws 1, 2, 4, 5 and 6 again, over scripts that no fixture thought of.
    pub(crate) fn scripts(&self) {
        let lines = self.fixtures.iter().flat_map(|(_, transcript)| &transcript.lines);
        let words: Vec<&[u8]> = lines
            .filter_map(|line| if let Line::Says(_, bytes) = line { Some(&bytes[..]) } else { None })
            .collect();
        seeded(1000, &words, |data| oracle(|| (self.make)(), data));
    }

    /// Law 3: pours a mebibyte of each side's own words, and of noise, over the conversation at each point.
    pub(crate) fn bounded(&self, name: &str, transcript: &Transcript) {
        const FLOOD: usize = 1 << 20;
        let silent = Transcript { lines: transcript.lines.clone(), secrets: Vec::new() };
        for (stop, _) in says(transcript).chain([(transcript.lines.len(), 0)]) {
            let (before, after) = silent.lines.split_at(stop);
            let own = match after.first() {
                Some(Line::Says(_, bytes)) if !bytes.is_empty() => bytes.as_slice(),
                _ => b"\n",
            };
            for (side, words) in [Side::Client, Side::Server]
                .into_iter()
                .flat_map(|side| [own, b"A", b"AAAA AAAAAAAA AAAAAA\r\n"].map(|words| (side, words)))
            {
                let mut rig = self.rig(&silent);
                rig.play(before);
                let chunk = words.repeat(1 + 1024 / words.len());
                let live = memory::live();
                let mut poured = 0;
                while poured < FLOOD && !rig.closed() && !rig.relaying() {
                    rig.say(side, &chunk);
                    rig.forget();
                    poured += chunk.len();
                }
                let grown = usize::try_from(memory::live() - live).unwrap_or(0);
                let allowed = self.memory + 2 * self.limits.buffer;
                assert!(
                    grown <= allowed,
                    "{name}: {side:?} made the state grow by {grown} bytes, {allowed} are allowed (law 3)"
                );
            }
        }
    }
}

/// Where somebody says something, and how much.
fn says(transcript: &Transcript) -> impl Iterator<Item = (usize, usize)> {
    transcript.lines.iter().enumerate().filter_map(|(at, line)| match line {
        Line::Says(_, bytes) => Some((at, bytes.len())),
        _ => None,
    })
}
