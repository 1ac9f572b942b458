//! Showing one input and carrying out the verb that answers it.

use bytes::Bytes;
use sekisho_api::{Deadline, End, Fault, Input, Side, Step};
use zeroize::Zeroize;

use crate::action::Action;
use crate::engine::{Engine, Event, Link, Spent};
use crate::half::{Eof, Half, Mood, Tls};

/// What the conversation is shown next.
pub(crate) enum Cue {
    Bytes(Side),
    Event(Event),
    Ended(Side),
}

impl Engine {
    /// What there is to show: the turn that has begun, then what is not bytes, then bytes, then ends.
    pub(crate) fn cue(&mut self) -> Option<Cue> {
        if self.client.tls == Tls::Starting || self.server.tls == Tls::Starting {
            return None;
        }
        if let Some(side) = self.turn {
            return Some(Cue::Bytes(side));
        }
        if let Some(event) = self.events.pop_front() {
            return Some(Cue::Event(event));
        }
        // The server first: what it says is mostly what a waiting client's bytes wait for.
        let sides = [(Side::Server, self.link == Link::Up), (Side::Client, true)];
        let there = || sides.into_iter().filter_map(|(side, there)| there.then_some(side));
        if let Some(side) = there().find(|&side| self.half(side).offerable()) {
            return Some(Cue::Bytes(side));
        }
        there().find(|&side| self.half(side).end_is_due()).map(Cue::Ended)
    }

    /// Shows `cue` and carries out the answer; `None` if the driver has nothing to do for it.
    pub(crate) fn play(&mut self, cue: Cue) -> Option<Action> {
        if self.turn.is_none() {
            self.cause = End::Done;
        }
        let (side, answer) = match cue {
            Cue::Bytes(side) => {
                let input = match side {
                    Side::Client => Input::Client(&self.client.buffer),
                    Side::Server => Input::Server(&self.server.buffer),
                };
                let answer = self.conversation.step(input);
                return self.carry_out(side, false, answer);
            }
            Cue::Ended(Side::Server) if !self.committed => return Some(self.retry()),
            Cue::Ended(side) => {
                self.half_mut(side).eof = Eof::Told;
                self.cause = if side == Side::Client { End::ClientLeft } else { End::ServerLeft };
                (side, self.conversation.step(Input::Ended(side)))
            }
            Cue::Event(event) => self.tell(event),
        };
        self.client.wake();
        self.server.wake();
        self.carry_out(side, true, answer)
    }

    fn tell(&mut self, event: Event) -> (Side, Result<Step, Fault>) {
        match event {
            Event::Open(facts) => (Side::Client, self.conversation.step(Input::Open(&facts))),
            Event::Connected(connected) => {
                self.link = Link::Up;
                (Side::Server, self.conversation.step(Input::Connected(&connected)))
            }
            Event::Unavailable(why) => {
                self.link = Link::None;
                self.cause = End::Unavailable(why);
                (Side::Client, self.conversation.step(Input::Unavailable(why)))
            }
            Event::Issued(token) => (Side::Client, self.conversation.step(Input::Issued(&token))),
            Event::Secured(side, facts) => (side, self.conversation.step(Input::Secured(side, &facts))),
            Event::Draining => {
                self.cause = End::Drained;
                (Side::Client, self.conversation.step(Input::Draining))
            }
        }
    }

    /// Carries out the answer about `side`. To what is not bytes (`event`) no bytes belong.
    fn carry_out(&mut self, side: Side, event: bool, answer: Result<Step, Fault>) -> Option<Action> {
        let step = match answer {
            Ok(step) => step,
            Err(fault) => return Some(self.fail(&fault)),
        };
        let (consumed, said) = measure(&step);
        let offered = if event { 0 } else { self.half(side).buffer.len() };
        if consumed > offered {
            return Some(self.fail(&Fault::gateway("overdraw")));
        }
        if let Some(label) = self.spend(&step, consumed, said) {
            return Some(self.fail(&Fault::gateway(label)));
        }
        match step {
            Step::NeedMore | Step::Wait => return self.pause(side, event, matches!(step, Step::NeedMore)),
            Step::Close => return Some(self.close(self.cause)),
            Step::Relay => return Some(self.relay()),
            _ => {}
        }
        self.turn = Some(side);
        self.half_mut(side).mood = Mood::Fresh;
        self.half_mut(side.other()).wake();
        let mut taken = self.half_mut(side).buffer.split_to(consumed);
        if !matches!(step, Step::Pass(_)) {
            // A password may stand in it, and nobody needs it any more.
            taken.zeroize();
        }
        match step {
            Step::Pass(_) => self.say(side, side.other(), taken.freeze()),
            Step::Replace(_, bytes) => self.say(side, side.other(), bytes),
            Step::Reply(_, bytes) => self.say(side, side, bytes),
            Step::Route(_, route) => {
                if self.link != Link::None {
                    self.route = Some(route);
                    return self.release(false);
                }
                self.link = Link::Routing;
                Some(Action::Route(route))
            }
            Step::Issue(..) if self.link != Link::None => {
                Some(self.fail(&Fault::gateway("issue-with-server")))
            }
            Step::Issue(_, route) => {
                self.link = Link::Issuing;
                Some(Action::Issue(route))
            }
            Step::Release(_) => self.release(false),
            Step::Fail(_) => self.release(true),
            Step::Strike(_) => Some(Action::Strike),
            Step::Commit if self.link == Link::Up => {
                self.committed = true;
                None
            }
            Step::Commit => Some(self.fail(&Fault::gateway("commit-without-server"))),
            Step::StartTls(_) => Some(self.start_tls(side)),
            Step::Drop(_) | Step::NeedMore | Step::Wait | Step::Relay | Step::Close => None,
        }
    }

    /// Charges an answer to what may be spent without anything moving; the law that it breaks, if any.
    fn spend(&mut self, step: &Step, consumed: usize, said: usize) -> Option<&'static str> {
        if consumed > 0 {
            self.spent = Spent::default();
        }
        let idle = consumed == 0
            && said == 0
            && match step {
                Step::Pass(_) | Step::Drop(_) | Step::Replace(..) | Step::Reply(..) | Step::Commit => true,
                Step::Release(_) | Step::Fail(_) => self.link == Link::None,
                _ => false,
            };
        let twice = idle && self.spent.idle;
        self.spent.idle = idle;
        self.spent.steps += 1;
        self.spent.output = self.spent.output.saturating_add(said);
        if twice || self.spent.steps > self.limits.steps {
            return Some("no-progress");
        }
        (self.spent.output > self.limits.output).then_some("output-flood")
    }

    /// Ends the turn of `side`.
    fn pause(&mut self, side: Side, event: bool, needs: bool) -> Option<Action> {
        self.turn = None;
        let limit = self.limits.buffer;
        let half = self.half_mut(side);
        let there = half.buffer.len();
        // What is not bytes can change what the bytes mean: they are shown again.
        if event && there > 0 {
            half.mood = Mood::Fresh;
            return None;
        }
        half.mood = match there {
            _ if needs => Mood::NeedMore { seen: there },
            // To wait on seeing nothing is no verdict on bytes that come later.
            0 => Mood::Fresh,
            _ => Mood::Wait,
        };
        if needs && there >= limit {
            let fault = match side {
                Side::Client => Fault::client("head-too-large"),
                Side::Server => Fault::server("answer-too-large"),
            };
            return Some(self.fail(&fault));
        }
        None
    }

    /// Says `bytes` to `to`, caused by what `from` sent.
    fn say(&mut self, from: Side, to: Side, bytes: Bytes) -> Option<Action> {
        if bytes.is_empty() {
            return None;
        }
        if to == Side::Server && self.link != Link::Up {
            return Some(self.fail(&Fault::gateway("pass-without-server")));
        }
        // INVARIANT: what a server said and a client saw cannot be said again by another server.
        if from == Side::Server && to == Side::Client {
            self.committed = true;
        }
        Some(Action::Write(to, bytes))
    }

    fn release(&mut self, failed: bool) -> Option<Action> {
        if self.link == Link::None {
            return None;
        }
        self.forget_server();
        // A turn of the server's goes on with the client: there is nobody else left.
        self.turn = Some(Side::Client);
        self.client.wake();
        Some(Action::ReleaseServer { failed })
    }

    fn start_tls(&mut self, side: Side) -> Action {
        if side == Side::Server && self.link != Link::Up {
            return self.fail(&Fault::gateway("tls-without-server"));
        }
        if self.half(side).tls == Tls::Up {
            return self.fail(&Fault::gateway("tls-twice"));
        }
        let half = self.half_mut(side);
        // Law 9: what came in clear behind the request is gone.
        let (eof, held) = (half.eof, half.held);
        *half = Half::new(false);
        (half.eof, half.held, half.tls) = (eof, held, Tls::Starting);
        self.turn = None;
        Action::StartTls(side)
    }

    fn relay(&mut self) -> Action {
        if self.link != Link::Up {
            return self.fail(&Fault::gateway("relay-without-server"));
        }
        self.committed = true;
        self.closing = Some(End::Done);
        Action::Relay {
            to_server: std::mem::take(&mut self.client.buffer),
            to_client: std::mem::take(&mut self.server.buffer),
        }
    }

    /// The last word after a deadline.
    pub(crate) fn expire(&mut self, deadline: Deadline) -> Action {
        self.last_word(Input::Expired(deadline), End::Expired(deadline))
    }

    /// The last word to a client that is not welcome any more.
    pub(crate) fn bar(&mut self) -> Action {
        self.last_word(Input::Barred, End::Limited("max-strikes"))
    }

    fn last_word(&mut self, input: Input<'_>, end: End) -> Action {
        // In the midst of a handshake there is no way to say anything.
        let mute = self.client.tls == Tls::Starting;
        let word = match (!mute).then(|| self.conversation.step(input)) {
            Some(Ok(Step::Reply(0, bytes))) => bytes,
            Some(Err(fault)) => fault.tell,
            _ => Bytes::new(),
        };
        let close = self.close(end);
        if word.is_empty() || word.len() > self.limits.output {
            return close;
        }
        Action::Write(Side::Client, word)
    }
}

/// How many bytes an answer consumes and how many it says of its own.
const fn measure(step: &Step) -> (usize, usize) {
    match step {
        Step::NeedMore | Step::Wait | Step::Commit | Step::Relay | Step::Close => (0, 0),
        Step::Pass(n)
        | Step::Drop(n)
        | Step::Route(n, _)
        | Step::Issue(n, _)
        | Step::Release(n)
        | Step::Fail(n)
        | Step::Strike(n)
        | Step::StartTls(n) => (*n, 0),
        Step::Replace(n, bytes) | Step::Reply(n, bytes) => (*n, bytes.len()),
    }
}
