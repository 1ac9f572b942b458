//! Messages with bytes changed, cut and put in, on both sides: no harm, and nobody gets an answer to another's question.

use std::sync::Mutex;

use super::*;

/// The same numbers every time (splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % bound as u64) as usize
    }

    /// Changes one to three things about a message, behind its first so many bytes.
    fn mangle(&mut self, message: &mut Vec<u8>, behind: usize) {
        for _ in 0..=self.below(3) {
            let room = message.len().saturating_sub(behind);
            let at = behind.min(message.len()) + self.below(room + 1);
            let byte = [0, 1, 12, 41, 63, 64, 0xc0, 0xff, self.below(256) as u8][self.below(9)];
            match self.below(5) {
                0 => message.truncate(at),
                1 => message.insert(at, byte),
                2 => message.extend(vec![byte; self.below(200)]),
                _ => {
                    if let Some(place) = message.get_mut(at) {
                        *place = byte;
                    }
                }
            }
        }
    }
}

/// A query with an OPT that has a client subnet and a cookie in it, or without one.
fn asked(draws: &mut Draws, number: usize) -> Vec<u8> {
    let asked = query(number as u16, &format!("n{}.example", draws.below(500)));
    match draws.below(2) {
        0 => asked,
        _ => with_opt(asked, 4_096, DO, &[(8, &[0, 1, 16, 0, 192, 0]), (10, b"12345678")]),
    }
}

/// Everything that rewrites, keeps and shares messages at once.
const EVERYTHING: Words<'_> = Words {
    vip: "timeouts = { response = '1s' }",
    dns: "retry = false",
    pool: "",
    pool_dns: "client-subnet = 'add'\ncache = { size = '1 MiB', stale = '1h' }\nretry-on = ['servfail']",
};

/// That it answers this question, under its id.
fn belongs(answer: &[u8], asked: &[u8]) {
    assert!(answer.len() >= 12 && answer[..2] == asked[..2] && answer[2] & 0x80 != 0, "{answer:02x?}");
    let end = question_end(asked);
    let same = answer.len() >= end && answer[12..end].eq_ignore_ascii_case(&asked[12..end]);
    assert!(same || answer[4..6] == [0, 0] && rcode(answer) != 0, "{answer:02x?} for {asked:02x?}");
}

#[test]
fn five_thousand_mangled_answers_are_dropped_or_belong_to_their_questions() {
    let draws = Mutex::new(Draws(1));
    let server = DnsServer::start(move |seen, reply| {
        let mut draws = draws.lock().unwrap();
        let opt = seen.message[question_end(&seen.message)..].to_vec();
        let mut answer = dns_answer(&seen.message, draws.below(3) as u32, "text");
        answer[11] = u8::from(!opt.is_empty());
        answer.extend(opt);
        let truth = answer.clone();
        // Mostly behind the question, or nothing but the question's check would be met.
        let behind = [0, 2, 12, question_end(&seen.message)][draws.below(4)];
        draws.mangle(&mut answer, behind);
        reply.send(&answer);
        reply.send(&truth);
    });
    let gate = Gate::start(&[&server], EVERYTHING);
    let (client, mut stream) = (gate.udp(), gate.tcp());
    let mut draws = Draws(2);
    let mut told = 0;
    for number in 0..5_000 {
        let asked = asked(&mut draws, number);
        let answer = client.ask(&asked);
        belongs(&answer, &asked);
        told += usize::from(rcode(&answer) == NOERROR);
        if number % 10 == 0 {
            belongs(&stream.ask(&asked), &asked);
        }
    }
    assert!(server.asked() > 1_000 && told > 3_000, "{} asked, {told} told", server.asked());
}

#[test]
fn mangled_queries_over_tcp_are_answered_or_end_their_own_connection_only() {
    let server = DnsServer::start(|seen, reply| {
        // What is no query of the usual kind is met with silence.
        if seen.message.len() > 20 && seen.message[5] == 1 && seen.message[2] & 0x78 == 0 {
            reply.send(&dns_answer(&seen.message, 60, "text"));
        }
    });
    let gate = Gate::start(&[&server], EVERYTHING);
    let mut good = gate.tcp();
    let mut draws = Draws(3);
    for round in 0..250 {
        let mut bad = gate.tcp();
        for number in 0..20 {
            let mut message = asked(&mut draws, number);
            draws.mangle(&mut message, 0);
            // The gateway may have closed it.
            let _ = bad.0.write_all(&framed(&message));
        }
        let asked = query(round, &format!("good{round}.example"));
        assert_eq!(good.ask(&asked), dns_answer(&asked, 60, "text"), "round {round}");
    }
    for seen in server.seen() {
        assert!(seen.message.len() >= 12 && seen.message[2] & 0x80 == 0, "{:02x?}", seen.message);
    }
}
