//! Whether the server at the other end is still there, where it says nothing.

use std::time::{Duration, Instant};

/// How a silent server is asked for a sign of life (RFC 9113, section 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// After so much silence while it owes an answer; zero: never.
    pub(crate) interval: Duration,
    /// How long it may take to give the sign.
    pub(crate) timeout: Duration,
    /// After so much more silence, once it has given one.
    pub(crate) repeat: Duration,
}

/// The look-out of one connection. It is pure: time comes in, and so does what else it has to know.
#[derive(Debug)]
pub(super) struct Pulse {
    rhythm: Rhythm,
    /// Bytes that had come at the last look.
    read: u64,
    /// When a look last found that some had, or that the server owed nothing.
    since: Instant,
    /// When it was asked for the sign that is still to come.
    asked: Option<Instant>,
    /// It has given one in this silence.
    gave: bool,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing is to be done before then.
    Rest(Instant),
    /// It is to be asked, and looked for again then.
    Ask(Instant),
    /// It is gone.
    Dead,
}

impl Pulse {
    /// A server that was heard a moment ago; none where it is never asked.
    pub(super) fn new(rhythm: Rhythm, now: Instant) -> Option<Self> {
        let asks = !rhythm.interval.is_zero();
        asks.then_some(Self { rhythm, read: 0, since: now, asked: None, gave: false })
    }

    /// The sign has come.
    pub(super) fn given(&mut self, now: Instant) {
        (self.asked, self.gave, self.since) = (None, true, now);
    }

    /// Looks. `read`: bytes that have come in all; `owes`: requests are under way; `doubted`: it was silent for long
    /// before the first of them.
    pub(super) fn look(&mut self, read: u64, owes: bool, doubted: bool, now: Instant) -> Found {
        let came = read - std::mem::replace(&mut self.read, read);
        if came > SIGN || (came > 0 && self.asked.is_none() && !self.gave) || !owes {
            (self.asked, self.gave, self.since) = (None, false, now);
        }
        if let Some(asked) = self.asked {
            let until = asked + self.rhythm.timeout;
            return if now < until { Found::Rest(until) } else { Found::Dead };
        }
        let silence = if self.gave { self.rhythm.repeat } else { self.rhythm.interval };
        if owes && (doubted || now >= self.since + silence) {
            self.asked = Some(now);
            return Found::Ask(now + self.rhythm.timeout);
        }
        // What comes is found by looking: the more often, the sooner a silence is known for what it is.
        Found::Rest(now + (self.rhythm.interval / LOOKS).max(SHORTEST))
    }
}

/// A frame with the sign: what a server sends for that alone breaks no silence.
const SIGN: u64 = 17;
/// Looks in an interval.
const LOOKS: u32 = 4;
const SHORTEST: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const RHYTHM: Rhythm = Rhythm {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        repeat: Duration::from_secs(300),
    };

    /// Looks every second from the first to the last, and says at which one something was to be done.
    fn looks(
        pulse: &mut Pulse,
        start: Instant,
        seconds: std::ops::Range<u32>,
        read: u64,
    ) -> Vec<(u32, bool)> {
        let look = |second| match pulse.look(read, true, false, start + SECOND * second) {
            Found::Rest(_) => None,
            Found::Ask(_) => Some((second, true)),
            Found::Dead => Some((second, false)),
        };
        seconds.filter_map(look).collect()
    }

    #[test]
    fn server_that_owes_an_answer_and_is_silent_is_asked_and_dead_if_it_does_not_say_so() {
        let start = Instant::now();
        let mut pulse = Pulse::new(RHYTHM, start).unwrap();
        assert_eq!(looks(&mut pulse, start, 1..16, 0), [(10, true), (15, false)]);
    }

    #[test]
    fn whatever_comes_shows_that_it_lives() {
        let start = Instant::now();
        let mut pulse = Pulse::new(RHYTHM, start).unwrap();
        assert_eq!(looks(&mut pulse, start, 1..9, 0), []);
        assert_eq!(looks(&mut pulse, start, 9..19, 1), [], "one byte broke the silence");
        assert_eq!(looks(&mut pulse, start, 19..20, 1), [(19, true)]);
        assert_eq!(looks(&mut pulse, start, 20..30, 1000), [], "as good as the sign");
        assert_eq!(looks(&mut pulse, start, 30..31, 1000), [(30, true)]);
    }

    #[test]
    fn silent_server_that_gives_the_sign_is_not_asked_again_soon() {
        let start = Instant::now();
        let mut pulse = Pulse::new(RHYTHM, start).unwrap();
        assert_eq!(looks(&mut pulse, start, 1..12, 0), [(10, true)]);
        pulse.given(start + SECOND * 12);
        assert_eq!(looks(&mut pulse, start, 12..318, SIGN), [(312, true), (317, false)]);
    }

    #[test]
    fn server_that_owes_nothing_is_left_alone_and_asked_at_once_if_it_was_for_long() {
        let start = Instant::now();
        let mut pulse = Pulse::new(RHYTHM, start).unwrap();
        for second in 1..100 {
            let found = pulse.look(0, false, false, start + SECOND * second);
            assert!(matches!(found, Found::Rest(_)), "{second}: {found:?}");
        }
        let (now, until) = (start + SECOND * 100, start + SECOND * 105);
        assert_eq!(pulse.look(0, true, true, now), Found::Ask(until));
        assert_eq!(pulse.look(0, true, false, until), Found::Dead);
    }

    #[test]
    fn interval_of_nothing_asks_nobody() {
        assert!(Pulse::new(Rhythm { interval: Duration::ZERO, ..RHYTHM }, Instant::now()).is_none());
    }
}
