//! One test for each rule that the engine enforces.

use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use sekisho_api::{
    Blame, Connected, Conversation, Deadline, End, Facts, Fault, Input, Route, Side, Step, TlsFacts,
    Unavailable,
};

use crate::{Action, Engine, EngineLimits, Retry};

/// A conversation made of a function.
struct Answers<F>(F);

impl<F> fmt::Debug for Answers<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl<F: FnMut(Input<'_>) -> Result<Step, Fault> + Send> Conversation for Answers<F> {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        (self.0)(input)
    }
}

const LIMITS: EngineLimits = EngineLimits { buffer: 16, steps: 8, output: 32 };

fn engine(answer: impl FnMut(Input<'_>) -> Result<Step, Fault> + Send + 'static) -> Engine {
    let facts = Facts::plain("192.0.2.1:5000".parse().unwrap(), "192.0.2.80:7".parse().unwrap());
    Engine::new(Box::new(Answers(answer)), &facts, LIMITS)
}

fn server(attempt: u32) -> Connected {
    Connected { name: Arc::from("one"), tls: None, start_tls: false, attempt }
}

fn route() -> Step {
    Step::Route(0, Box::new(Route::new()))
}

/// Everything until the engine wants to read or is done, as text.
fn run(engine: &mut Engine) -> String {
    let mut lines = Vec::new();
    loop {
        match engine.next() {
            Action::Read { client, server, need } => {
                lines.push(format!(
                    "read {}{} {need:?}",
                    if client { "c" } else { "-" },
                    if server { "s" } else { "-" }
                ));
                break;
            }
            Action::Write(side, bytes) => lines.push(format!("{side:?}<{}", String::from_utf8_lossy(&bytes))),
            Action::Relay { to_server, to_client } => {
                lines.push(format!(
                    "relay {:?} {:?}",
                    String::from_utf8_lossy(&to_server),
                    String::from_utf8_lossy(&to_client)
                ));
                break;
            }
            Action::Close(end) => {
                lines.push(format!("close {}", end.name()));
                break;
            }
            other => {
                let stop = matches!(other, Action::Retry | Action::StartTls(_));
                lines.push(match other {
                    Action::Route(_) => "route".to_owned(),
                    other => format!("{other:?}").to_lowercase(),
                });
                if stop {
                    break;
                }
            }
        }
    }
    lines.join("; ")
}

/// Routes at the start and waits; `then` answers everything from the connected server on.
fn routed(mut then: impl FnMut(Input<'_>) -> Result<Step, Fault> + Send + 'static) -> Engine {
    let mut open = false;
    let mut engine = engine(move |input| match input {
        Input::Open(_) => Ok(route()),
        Input::Connected(_) => {
            open = true;
            then(input)
        }
        _ if open => then(input),
        _ => Ok(Step::Wait),
    });
    assert_eq!(run(&mut engine), "route; read c- Wait");
    engine.connected(server(1));
    engine
}

#[test]
fn relay_hands_over_what_both_sides_had_said() {
    let mut engine =
        routed(|input| Ok(if let Input::Server(b"hi") = input { Step::Relay } else { Step::Wait }));
    engine.offer(Side::Client, b"early");
    engine.offer(Side::Server, b"hi");
    assert_eq!(run(&mut engine), "relay \"early\" \"hi\"");
}

#[test]
fn overdraw_is_a_fault_of_the_gateway() {
    let mut engine = engine(|input| {
        Ok(if input.bytes().is_empty() { Step::NeedMore } else { Step::Drop(input.bytes().len() + 1) })
    });
    assert_eq!(run(&mut engine), "read c- NeedMore");
    engine.offer(Side::Client, b"x");
    assert_eq!(run(&mut engine), "close overdraw");
    assert!(matches!(engine.next(), Action::Close(End::Fault(Blame::Gateway, "overdraw"))));
}

#[test]
fn an_answer_without_effect_is_not_given_twice() {
    assert_eq!(run(&mut engine(|_| Ok(Step::Drop(0)))), "close no-progress");
}

#[test]
fn two_sides_that_wake_each_other_for_ever_are_stopped() {
    let mut flip = false;
    let mut engine = routed(move |input| {
        flip = !flip;
        Ok(if input.bytes().is_empty() || !flip { Step::Wait } else { Step::Drop(0) })
    });
    engine.offer(Side::Client, b"c");
    engine.offer(Side::Server, b"s");
    assert_eq!(run(&mut engine), "close no-progress");
}

#[test]
fn talking_without_listening_ends_in_a_fault() {
    let mut engine = engine(|_| Ok(Step::Reply(0, Bytes::from_static(b"0123456789"))));
    assert_eq!(
        run(&mut engine),
        "Client<0123456789; Client<0123456789; Client<0123456789; close output-flood"
    );
}

#[test]
fn a_head_that_fills_the_buffer_is_too_large() {
    let mut engine = engine(|_| Ok(Step::NeedMore));
    assert_eq!(run(&mut engine), "read c- NeedMore");
    assert_eq!(engine.offer(Side::Client, &[b'x'; 40]), 16);
    assert_eq!(engine.room(Side::Client), 0);
    assert!(matches!(engine.next(), Action::Close(End::Fault(Blame::Client, "head-too-large"))));
}

#[test]
fn waiting_with_a_full_buffer_is_back_pressure_and_no_fault() {
    let mut engine = routed(|_| Ok(Step::Wait));
    engine.offer(Side::Client, &[b'x'; 16]);
    assert_eq!(run(&mut engine), "read -s Wait");
}

#[test]
fn waiting_for_nobody_is_a_fault() {
    let mut engine = engine(|_| Ok(Step::Wait));
    engine.offer(Side::Client, &[b'x'; 16]);
    assert_eq!(run(&mut engine), "close conversation-stuck");
}

#[test]
fn bytes_for_a_server_that_is_not_there_are_a_fault() {
    for step in [Step::Pass(1), Step::Replace(1, Bytes::from_static(b"x"))] {
        let mut step = Some(step);
        let mut engine = engine(move |input| match input {
            Input::Client(b"x") => Ok(step.take().unwrap()),
            _ => Ok(Step::NeedMore),
        });
        engine.offer(Side::Client, b"x");
        assert_eq!(run(&mut engine), "close pass-without-server");
    }
    assert_eq!(run(&mut engine(|_| Ok(Step::Relay))), "close relay-without-server");
    assert_eq!(run(&mut engine(|_| Ok(Step::Commit))), "close commit-without-server");
}

#[test]
fn start_tls_discards_what_came_in_clear_and_waits_for_the_handshake() {
    let mut engine = engine(|input| {
        Ok(match input {
            Input::Client(bytes) if bytes.starts_with(b"TLS\n") => Step::StartTls(4),
            Input::Client(b"injected") => panic!("crossed TLS"),
            Input::Secured(Side::Client, facts) => Step::Reply(0, Bytes::from(facts.version)),
            _ => Step::NeedMore,
        })
    });
    engine.offer(Side::Client, b"TLS\ninjected");
    assert_eq!(run(&mut engine), "starttls(client)");
    assert_eq!(engine.offer(Side::Client, b"injected"), 0);
    engine.draining();
    assert_eq!(run(&mut engine), "read -- Wait");
    engine.secured(Side::Client, Arc::new(TlsFacts { version: "TLSv1.3", ..TlsFacts::default() }));
    assert_eq!(run(&mut engine), "Client<TLSv1.3; read c- NeedMore");
    engine.offer(Side::Client, b"TLS\n");
    assert_eq!(run(&mut engine), "close tls-twice");
}

#[test]
fn a_faults_words_reach_the_client_before_the_end() {
    let mut engine = engine(|_| Err(Fault::client("bad").telling("NO")));
    assert_eq!(run(&mut engine), "Client<NO; close bad");
}

#[test]
fn a_client_that_finished_sending_is_still_routed() {
    let mut engine = engine(|input| {
        Ok(match input {
            Input::Client(_) | Input::Ended(_) => Step::Wait,
            Input::Connected(_) => Step::Relay,
            _ => route(),
        })
    });
    engine.offer(Side::Client, b"all");
    engine.ended(Side::Client);
    assert_eq!(run(&mut engine), "route; read -- Wait");
    engine.connected(server(1));
    assert_eq!(run(&mut engine), "relay \"all\" \"\"");
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_head_has_left() {
    let mut engine =
        engine(|input| Ok(if matches!(input, Input::Ended(_)) { Step::Close } else { Step::NeedMore }));
    engine.offer(Side::Client, b"half");
    engine.ended(Side::Client);
    assert_eq!(run(&mut engine), "close client-left");
}

#[test]
fn a_conversation_that_ignores_the_clients_end_is_ended() {
    let mut engine = engine(|_| Ok(Step::NeedMore));
    engine.offer(Side::Client, b"half");
    engine.ended(Side::Client);
    assert_eq!(run(&mut engine), "close client-left");
}

#[test]
fn a_server_that_fails_before_the_commit_is_replaced_and_its_words_forgotten() {
    let mut engine = routed(|input| {
        Ok(match input {
            Input::Connected(c) => Step::Reply(0, Bytes::from(format!("login {}", c.attempt))),
            Input::Server(b"OK") => Step::Pass(2),
            Input::Server(_) => Step::NeedMore,
            Input::Ended(Side::Server) => Step::Close,
            _ => Step::Wait,
        })
    });
    assert_eq!(run(&mut engine), "Server<login 1; read cs Wait");
    engine.offer(Side::Server, b"O");
    assert_eq!(run(&mut engine), "read cs Wait");
    assert_eq!(engine.server_failed(), Retry::Again);
    assert_eq!(run(&mut engine), "retry");
    assert_eq!(run(&mut engine), "read c- Wait");
    engine.connected(server(2));
    engine.offer(Side::Server, b"O");
    engine.ended(Side::Server);
    assert_eq!(run(&mut engine), "Server<login 2; retry");
    engine.connected(server(3));
    engine.offer(Side::Server, b"OK");
    assert_eq!(run(&mut engine), "Server<login 3; Client<OK; read cs Wait");
    assert!(engine.committed());
    assert_eq!(engine.server_failed(), Retry::Final(End::ServerLeft));
    assert_eq!(run(&mut engine), "close server-left");
}

#[test]
fn a_server_that_breaks_the_protocol_before_the_commit_is_replaced() {
    let mut engine = routed(|input| match input {
        Input::Server(b"") | Input::Connected(_) => Ok(Step::NeedMore),
        Input::Server(_) => Err(Fault::server("not-ours")),
        _ => Ok(Step::Wait),
    });
    engine.offer(Side::Server, b"HTTP/1.1");
    assert_eq!(run(&mut engine), "retry");
}

#[test]
fn a_second_route_releases_the_first_server() {
    let mut engine = routed(|input| {
        Ok(if input.bytes() == b"again" { Step::Route(5, Box::default()) } else { Step::Wait })
    });
    assert_eq!(run(&mut engine), "read cs Wait");
    engine.offer(Side::Server, b"again");
    assert_eq!(run(&mut engine), "releaseserver { failed: false }; route; read c- Wait");
    assert_eq!(engine.room(Side::Server), 0);
}

#[test]
fn the_reason_of_a_close_is_what_led_to_it() {
    let refuse = |input: Input<'_>| {
        Ok(match input {
            Input::Open(_) => route(),
            Input::Unavailable(why) => Step::Reply(0, Bytes::from(why.name())),
            Input::Client(_) => Step::Wait,
            _ => Step::Close,
        })
    };
    let mut one = engine(refuse);
    run(&mut one);
    one.unavailable(Unavailable::Full);
    assert_eq!(run(&mut one), "Client<full; read c- Wait");
    one.draining();
    assert_eq!(run(&mut one), "close drained");
}

#[test]
fn a_deadline_leaves_one_word_and_then_closes() {
    let mut engine = engine(|input| {
        Ok(match input {
            Input::Expired(_) => Step::Reply(0, Bytes::from_static(b"too slow")),
            _ => Step::NeedMore,
        })
    });
    run(&mut engine);
    engine.expired(Deadline::Head);
    assert_eq!(run(&mut engine), "Client<too slow; close head-timeout");
}

#[test]
fn failed_server_is_told_from_one_that_is_no_longer_needed() {
    for (step, expected) in [
        (Step::Release(2), "releaseserver { failed: false }; read c- Wait"),
        (Step::Fail(2), "releaseserver { failed: true }; read c- Wait"),
    ] {
        let mut step = Some(step);
        let mut engine = routed(move |input| {
            Ok(if let Input::Server(b"no") = input { step.take().unwrap() } else { Step::Wait })
        });
        run(&mut engine);
        engine.offer(Side::Server, b"no");
        assert_eq!(run(&mut engine), expected);
    }
}

#[test]
fn strike_is_counted_before_the_conversation_goes_on() {
    let mut engine = engine(|input| {
        Ok(match input {
            Input::Client(b"wrong") => Step::Strike(5),
            Input::Client(b"") => Step::Reply(0, Bytes::from_static(b"no")),
            Input::Barred => Step::Reply(0, Bytes::from_static(b"go")),
            _ => Step::NeedMore,
        })
    });
    run(&mut engine);
    engine.offer(Side::Client, b"wrong");
    assert!(matches!(engine.next(), Action::Strike));
    engine.barred();
    assert_eq!(run(&mut engine), "Client<go; close max-strikes");
}

#[test]
fn a_token_is_asked_for_without_a_server_and_the_conversation_goes_on_with_it_or_without() {
    let engine = || {
        let mut engine = engine(|input| {
            Ok(match input {
                Input::Client(b"go") => Step::Issue(2, Box::default()),
                Input::Issued(token) => Step::Reply(0, Bytes::from(token.to_owned())),
                Input::Unavailable(_) => Step::Close,
                _ => Step::NeedMore,
            })
        });
        run(&mut engine);
        engine.offer(Side::Client, b"go");
        assert!(run(&mut engine).starts_with("issue(route"));
        engine.connected(server(1));
        engine
    };
    let mut answered = engine();
    answered.issued("AQEA");
    assert_eq!(run(&mut answered), "Client<AQEA; read c- NeedMore");
    let mut refused = engine();
    refused.unavailable(Unavailable::AllDown);
    assert_eq!(run(&mut refused), "close all-down");
}

#[test]
fn a_held_side_is_not_offered_and_the_other_goes_on() {
    let mut engine = routed(|input| {
        Ok(if input.bytes().is_empty() { Step::Wait } else { Step::Pass(input.bytes().len()) })
    });
    run(&mut engine);
    engine.hold(Side::Client, true);
    engine.offer(Side::Client, b"up");
    engine.offer(Side::Server, b"down");
    assert_eq!(run(&mut engine), "Client<down; read cs Wait");
    engine.hold(Side::Client, false);
    assert_eq!(run(&mut engine), "Server<up; read cs Wait");
}

#[test]
fn spare_room_never_exceeds_the_buffer() {
    let mut engine = engine(|_| Ok(Step::NeedMore));
    engine.offer(Side::Client, b"0123456789");
    let mut spare = engine.spare(Side::Client);
    assert_eq!(spare.remaining_mut(), 6);
    spare.put_slice(b"abcdef");
    assert_eq!(engine.room(Side::Client), 0);
}

#[test]
fn an_idle_conversation_keeps_no_buffer() {
    assert!(size_of::<Engine>() <= 280, "{}", size_of::<Engine>());
    let mut engine =
        routed(|input| Ok(if let Input::Client(b) = input { Step::Drop(b.len()) } else { Step::Wait }));
    engine.spare(Side::Client);
    assert_eq!(run(&mut engine), "read cs Wait");
    assert_eq!(
        engine.client.buffer.capacity() + engine.server.buffer.capacity() + engine.events.capacity(),
        0
    );
}

#[test]
fn nothing_that_travelled_is_printed() {
    let mut engine = engine(|_| Ok(Step::NeedMore));
    engine.offer(Side::Client, b"hunter2");
    let shown = format!("{engine:?} {:?}", Action::Write(Side::Server, Bytes::from_static(b"hunter2")));
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
}
