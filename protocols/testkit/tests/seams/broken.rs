//! Each breaks one law, and the kit must say which.

use std::fmt;

use bytes::Bytes;
use sekisho_api::{
    Conversation, Facts, Fault, Head, HeadConversation, Input, Key, KeyKind, Route, Step, Unavailable,
};

/// A line is a key; the fixture that all of them meet.
const FIXTURE: &str = r#"
    secret: hunter2
    C: hunter2\nmore
    = route user=hunter2
    ! connected one
    S: ready\n
    = relay
"#;

/// A conversation made of a function and a state that may show.
struct Broken<S, F>(S, F);

impl<S: fmt::Debug, F> fmt::Debug for Broken<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<S, F> Conversation for Broken<S, F>
where
    S: fmt::Debug + Send,
    F: FnMut(&mut S, Input<'_>) -> Result<Step, Fault> + Send,
{
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        (self.1)(&mut self.0, input)
    }
}

/// Runs the laws over a correct conversation but for what `twist` answers first.
fn laws<S>(twist: impl Fn(&mut S, &Input<'_>) -> Option<Step> + Copy + Send + 'static)
where
    S: fmt::Debug + Default + Send + 'static,
{
    let make = move || {
        let mut routed = false;
        Broken(S::default(), move |state: &mut S, input: Input<'_>| {
            if let Some(step) = twist(state, &input) {
                return Ok(step);
            }
            Ok(match input {
                Input::Open(_) => Step::NeedMore,
                Input::Client(_) if routed => Step::Wait,
                Input::Client(bytes) => match bytes.iter().position(|&b| b == b'\n') {
                    Some(end) => {
                        routed = true;
                        let key = Key::new(KeyKind::USER, &bytes[..end]);
                        Step::Route(0, Box::new(Route::new().with_key(key)))
                    }
                    None => Step::NeedMore,
                },
                Input::Connected(_) => Step::NeedMore,
                Input::Server(bytes) if bytes.contains(&b'\n') => Step::Relay,
                Input::Server(_) => Step::NeedMore,
                Input::Ended(_) if routed => Step::Wait,
                Input::Draining => Step::Wait,
                Input::Unavailable(_) => Step::Reply(0, Bytes::from_static(b"sorry")),
                _ => Step::Close,
            })
        })
    };
    sekisho_testkit::conversation(move || Box::new(make())).fixture("line", FIXTURE).laws();
}

#[test]
fn a_correct_conversation_keeps_every_law() {
    laws::<()>(|(), _| None);
}

#[derive(Debug)]
struct Hasty;

impl HeadConversation for Hasty {
    fn head(&self, bytes: &[u8], _: &Facts) -> Result<Head, Fault> {
        // The classic mistake: what is there is taken for all there is.
        let line = bytes.split(|&b| b == b'\n').next().unwrap_or(bytes);
        Ok(Head::Route(Route::new().with_key(Key::new(KeyKind::USER, line))))
    }

    fn refusal(&self, _: Unavailable) -> Bytes {
        Bytes::from_static(b"sorry")
    }
}

#[test]
#[should_panic(expected = "law 2")]
fn an_answer_that_depends_on_the_cut_is_found() {
    sekisho_testkit::head(Hasty)
        .fixture("line", "C: hello\\n\n= route user=hello\n! connected one\n= relay")
        .laws();
}

#[test]
#[should_panic(expected = "law 3")]
fn a_state_that_grows_with_what_is_sent_is_found() {
    laws::<Kept>(|kept, input| {
        kept.0.extend(input.bytes().repeat(4));
        None
    });
}

#[derive(Default)]
struct Kept(Vec<u8>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

#[test]
#[should_panic(expected = "broke a law: overdraw")]
fn consuming_more_than_there_is_is_found() {
    laws::<()>(|(), input| matches!(input, Input::Server(b"ready\n")).then_some(Step::Drop(7)));
}

#[test]
#[should_panic(expected = "broke a law: no-progress")]
fn an_answer_that_changes_nothing_for_ever_is_found() {
    laws::<()>(|(), input| matches!(input, Input::Server(_)).then_some(Step::Pass(0)));
}

#[test]
#[should_panic(expected = "law 10")]
fn an_answer_that_depends_on_the_attempt_is_found() {
    laws::<()>(|(), input| match input {
        Input::Connected(connected) if connected.attempt == 1 => Some(Step::NeedMore),
        Input::Connected(_) => Some(Step::Reply(0, Bytes::from_static(b"again"))),
        _ => None,
    });
}

#[test]
#[should_panic(expected = "law 11")]
fn a_key_in_debug_output_is_found() {
    laws::<Vec<u8>>(|seen, input| {
        seen.clear();
        seen.extend_from_slice(input.bytes());
        None
    });
}

#[test]
#[should_panic(expected = "law 12")]
fn silence_about_a_missing_server_is_found() {
    laws::<()>(|(), input| matches!(input, Input::Unavailable(_)).then_some(Step::Close));
}

#[test]
#[should_panic(expected = "law 9")]
fn plaintext_that_crosses_tls_is_found() {
    let make = || {
        let mut tail = 0;
        Broken((), move |(): &mut (), input: Input<'_>| {
            Ok(match input {
                Input::Client(bytes) if bytes.starts_with(b"TLS\n") => {
                    tail = bytes.len() - 4;
                    Step::StartTls(4)
                }
                Input::Secured(..) => Step::Reply(0, Bytes::from(format!("{tail}"))),
                Input::Ended(_) => Step::Close,
                _ => Step::NeedMore,
            })
        })
    };
    sekisho_testkit::conversation(move || Box::new(make()))
        .fixture("tls", "C: TLS\\n\n= starttls client\n! secured client\n> client \"0\"")
        .laws();
}
