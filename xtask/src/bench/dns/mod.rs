//! The DNS loads: a real server behind, dnsperf and h2load in front, and a paced client of our own.
//!
//! Other than for the loads of HTTP and TCP, a subject has two threads for its work and no core of its own: its
//! peer needs two (one that listens, one for the answers), and so Sekisho is given two workers.

mod answers;
mod check;
mod paced;
mod server;
mod tool;

pub(super) use answers::Answers;
pub(super) use check::check;
pub(super) use paced::at_rate;
pub(super) use server::Ground;

/// What carries questions to a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// UDP.
    Udp,
    /// UDP, to the front with the packet cache.
    UdpCached,
    /// TCP, pipelined.
    Tcp,
    /// TLS (RFC 7858), pipelined.
    Tls,
    /// HTTP/2 (RFC 8484), by POST.
    Https,
}

/// The zone of the server behind.
pub(super) const ZONE: &str = "bench.example";

/// How many names are asked for: few enough to be cached, many enough to be spread.
const NAMES: usize = 1_000;

/// A name that is asked for.
fn name(number: usize) -> String {
    format!("w{}.{ZONE}", number % NAMES)
}

/// A question for the address of a name (RFC 1035, section 4).
fn question(id: u16, name: &str) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    // Recursion desired; one question.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or_default());
        message.extend(label.as_bytes());
    }
    // The root; type A, class IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// Whether `answer` is a good one to `question`: its id, QR set, no error, the same question, one record.
fn answered(question: &[u8], answer: &[u8]) -> bool {
    let (Some((id, _)), Some(asked)) = (question.split_first_chunk::<2>(), question.get(12..)) else {
        return false;
    };
    let [first, second, high, low, 0, 1, 0, 1] = *answer.first_chunk::<8>().unwrap_or(&[0; 8]) else {
        return false;
    };
    [first, second] == *id
        && high & 0x80 != 0
        && low & 0x0f == 0
        && answer.get(12..).is_some_and(|rest| rest.starts_with(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_only_with_its_question_and_a_record() {
        let question = question(7, "w1.bench.example");
        let mut answer = question.clone();
        answer[2] |= 0x80;
        assert!(!answered(&question, &answer), "no record");
        answer[7] = 1;
        assert!(answered(&question, &answer));
        answer[3] |= 2;
        assert!(!answered(&question, &answer), "SERVFAIL");
        assert!(!answered(&question, &question) && !answered(&question, &[]));
    }
}
