//! What is kept, and for how long.

use super::*;

fn kept_for(asked: &Message, answer: &Message) -> u64 {
    Bench::kept_for(asked, answer, &settings())
}

#[test]
fn an_answer_is_fresh_for_its_smallest_ttl() {
    let asked = ask("www.example");
    assert_eq!(kept_for(&asked, &asked.answer().address(300)), 300);
    let several = asked.answer().address(300).with(1, NS, 60, &[0]).with(2, A, 200, &[1, 1, 1, 1]);
    assert_eq!(kept_for(&asked, &several), 60);
}

#[test]
fn the_ttl_of_opt_is_none() {
    let asked = ask("www.example").opt(DO, &[]);
    assert_eq!(kept_for(&asked, &asked.answer().address(300)), 300);
}

#[test]
fn lifetimes_are_bounded_above_and_raised_below() {
    let asked = ask("www.example");
    let settings =
        CacheSettings { max_ttl: Duration::from_secs(100), min_ttl: Duration::from_secs(10), ..settings() };
    for (ttl, kept) in [(5, 10), (50, 50), (500, 100), (i32::MAX as u32, 100)] {
        assert_eq!(Bench::kept_for(&asked, &asked.answer().address(ttl), &settings), kept, "{ttl}");
    }
}

#[test]
fn a_ttl_of_zero_or_with_its_top_bit_set_is_never_kept_even_where_ttls_are_raised() {
    let asked = ask("www.example");
    let settings = CacheSettings { min_ttl: Duration::from_secs(10), ..settings() };
    for ttl in [0, 1 << 31, u32::MAX] {
        let answer = asked.answer().address(300).address(ttl);
        assert_eq!(Bench::kept_for(&asked, &answer, &settings), 0, "{ttl}");
    }
}

#[test]
fn negative_answers_hold_as_long_as_their_soa_says_and_three_hours_at_most() {
    let asked = ask("none.example");
    for rcode in [0, NXDOMAIN] {
        let answer = asked.answer().flags(ANSWER | rcode);
        for (ttl, minimum, kept) in [(600, 60, 60), (60, 600, 60), (90_000, 90_000, 10_800), (600, 0, 0)] {
            assert_eq!(kept_for(&asked, &answer.clone().soa(ttl, minimum)), kept, "{rcode} {ttl} {minimum}");
        }
    }
}

#[test]
fn no_such_record_at_the_end_of_aliases_is_a_negative_answer() {
    let asked = ask("alias.example");
    let answer = asked.answer().with(0, CNAME, 600, &[0]);
    assert_eq!(kept_for(&asked, &answer.clone().soa(600, 30)), 30);
    assert_eq!(kept_for(&asked, &answer), 600, "aliases that lead elsewhere are data");
}

#[test]
fn negative_answers_without_a_soa_are_not_kept() {
    let asked = ask("none.example");
    assert_eq!(kept_for(&asked, &asked.answer()), 0);
    let no_name = asked.answer().flags(ANSWER | NXDOMAIN);
    assert_eq!(kept_for(&asked, &no_name), 0);
    assert_eq!(kept_for(&asked, &no_name.with(1, NS, 60, &[0])), 0);
}

#[test]
fn a_referral_is_kept_for_its_smallest_ttl() {
    let asked = ask("www.example");
    assert_eq!(kept_for(&asked, &asked.answer().with(1, NS, 900, &[0]).with(2, A, 600, &[1; 4])), 600);
    assert_eq!(kept_for(&asked, &asked.answer().with(1, NS, 90_000, &[0])), 10_800);
}

#[test]
fn servfail_and_refused_are_kept_for_seconds_and_other_errors_not_at_all() {
    let asked = ask("www.example");
    for (rcode, kept) in [(1, 0), (2, 5), (4, 0), (5, 5), (6, 0), (9, 0), (15, 0)] {
        assert_eq!(kept_for(&asked, &asked.answer().flags(ANSWER | rcode)), kept, "{rcode}");
    }
    for (set, kept) in [(0, 0), (30, 30), (600, 60)] {
        let settings = CacheSettings { error_ttl: Duration::from_secs(set), ..settings() };
        assert_eq!(Bench::kept_for(&asked, &asked.answer().flags(ANSWER | 2), &settings), kept, "{set}");
    }
}

#[test]
fn an_extended_response_code_is_not_taken_for_noerror() {
    let asked = ask("www.example").opt(0, &[]);
    let mut answer = asked.answer().address(300);
    answer.opt = Some(Opt { extended: 1, ..Opt::default() });
    assert_eq!(kept_for(&asked, &answer), 0);
}

#[test]
fn what_is_truncated_or_no_answer_or_to_another_question_is_not_kept() {
    let asked = ask("www.example");
    let answer = asked.answer().address(300);
    let bad = [
        answer.clone().flags(ANSWER | TC),
        answer.clone().flags(ANSWER & !0x8000),
        answer.clone().flags(ANSWER | 0x2000),
        answer.clone().kind(AAAA),
        Message { class: 3, ..answer.clone() },
        Message { name: wire_name("wwx.example"), ..answer.clone() },
        Message { name: wire_name("www.example.net"), ..answer.clone() },
    ];
    for bad in bad {
        assert_eq!(kept_for(&asked, &bad), 0, "{bad:?}");
    }
    let bench = Bench::new();
    let mut no_question = answer.bytes();
    no_question[5] = 0;
    bench.offer_to(&asked, None, &no_question);
    assert_eq!(bench.find(&asked), None);
}

#[test]
fn an_answer_that_cannot_be_walked_or_that_something_trails_is_not_kept() {
    let asked = ask("www.example").opt(0, &[]);
    let answer = asked.answer().address(300).with(2, TXT, 300, b"\x03abc");
    let whole = answer.bytes();
    for length in 0..whole.len() {
        let bench = Bench::new();
        bench.offer_to(&asked, None, &whole[..length]);
        assert_eq!(bench.find(&asked), None, "{length}");
    }
    assert_eq!(kept_for(&asked, &Message { trail: vec![0], ..answer.clone() }), 0);
    assert_eq!(kept_for(&asked, &answer), 300);
}

#[test]
fn signed_answers_are_not_kept() {
    let asked = ask("www.example");
    let answer = asked.answer().address(300).with(2, TSIG, 0, &[0; 20]);
    assert_eq!(kept_for(&asked, &answer), 0);
    let transaction = asked.answer().address(300).with(2, 24, 300, &[0; 20]);
    assert_eq!(kept_for(&asked, &transaction), 0, "SIG(0)");
}

#[test]
fn options_that_speak_to_one_client_or_of_one_server_are_not_kept() {
    let asked = ask("www.example").opt(0, &[]);
    for (code, kept) in [(3, 0), (10, 0), (11, 0), (12, 300), (15, 300), (18, 0), (65_001, 0)] {
        let answer = asked.answer().address(300).opt(0, &[(code, &[0, 1])]);
        assert_eq!(kept_for(&asked, &answer), kept, "option {code}");
    }
}

#[test]
fn an_opt_that_nobody_asked_for_is_not_kept() {
    let asked = ask("www.example");
    assert_eq!(kept_for(&asked, &asked.answer().address(300).opt(0, &[])), 0);
}

#[test]
fn queries_whose_answers_depend_on_more_than_the_cache_knows_have_no_key() {
    let plain = ask("www.example");
    let edns = plain.clone().opt(DO, &[]);
    let mut other_version = edns.clone();
    other_version.opt = Some(Opt { version: 1, ..Opt::default() });
    let unkeyed = [
        ("notify", plain.clone().flags(0x2000)),
        ("update", plain.clone().flags(0x2800)),
        ("status", plain.clone().flags(0x1000)),
        ("AXFR", plain.clone().kind(252)),
        ("IXFR", plain.clone().kind(251)),
        ("ANY", plain.clone().kind(255)),
        ("TKEY", plain.clone().kind(249)),
        ("type OPT", plain.clone().kind(41)),
        ("type 0", plain.clone().kind(0)),
        ("class CH", Message { class: 3, ..plain.clone() }),
        ("class ANY", Message { class: 255, ..plain.clone() }),
        ("TC", plain.clone().flags(RD | TC)),
        ("Z", plain.clone().flags(RD | 0x40)),
        ("an rcode", plain.clone().flags(RD | 1)),
        ("TSIG", plain.clone().with(2, TSIG, 0, &[0; 20])),
        ("an answer record", plain.clone().address(1)),
        ("an authority record", plain.clone().soa(1, 1)),
        ("an additional record", plain.clone().with(2, A, 1, &[0; 4])),
        ("trailing bytes", Message { trail: vec![0], ..plain.clone() }),
        ("trailing bytes behind OPT", Message { trail: vec![0], ..edns.clone() }),
        ("NSID", edns.clone().opt(0, &[(3, &[])])),
        ("an unknown option", edns.clone().opt(0, &[(65_001, &[])])),
        ("a client subnet of no known family", edns.clone().opt(0, &[(8, &[0, 9, 0, 0])])),
        ("EDNS version 1", other_version),
    ];
    let bench = Bench::new();
    for (what, message) in unkeyed {
        let bytes = message.bytes();
        assert_eq!(bench.cache.key(&read(&bytes), None), None, "{what}");
        // Not even where somebody has a key.
        bench.cache.store(7, &read(&bytes), &message.answer().address(60).bytes(), &[], bench.now);
        assert_eq!(bench.cache.find(7, &read(&bytes), None, bench.now, &mut [0; 512]), None, "{what}");
    }
    let header_only = [0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(bench.cache.key(&read(&header_only), None), None, "no question");
    for (what, message) in [("plain", plain), ("EDNS", edns)] {
        assert!(bench.cache.key(&read(&message.bytes()), None).is_some_and(|key| key != 0), "{what}");
    }
}

#[test]
fn a_client_subnet_must_be_the_one_that_was_sent_and_cover_it() {
    let sent = Some(([192, 0, 2, 0].into(), 24));
    let asked = ask("www.example").opt(0, &[(8, &ecs([192, 0, 2], 24, 0))]);
    let cases = [
        ("the whole of it", ecs([192, 0, 2], 24, 24), true),
        ("more", ecs([192, 0, 2], 24, 16), true),
        ("everybody", ecs([192, 0, 2], 24, 0), true),
        ("fewer", ecs([192, 0, 2], 24, 25), false),
        ("others", ecs([192, 0, 3], 24, 24), false),
        ("another length", ecs([192, 0, 0], 16, 16), false),
        ("nonsense", vec![0, 1, 24, 24, 192], false),
    ];
    for (what, option, kept) in cases {
        let bench = Bench::new();
        let answer = asked.answer().address(300).opt(0, &[(8, &option)]);
        bench.offer_to(&asked, sent, &answer.bytes());
        assert_eq!(bench.find_to(&asked, sent).is_some(), kept, "{what}");
        bench.offer_to(&asked, None, &answer.bytes());
        assert_eq!(bench.find_to(&asked, None), None, "{what}, none sent");
    }
    let bench = Bench::new();
    bench.offer_to(&asked, sent, &asked.answer().address(300).bytes());
    assert!(bench.find_to(&asked, sent).is_some(), "the server does not know of subnets");
}

#[test]
fn what_is_kept_is_what_the_client_got() {
    let bench = Bench::new();
    let asked = ask("www.example");
    let sent = Some(([192, 0, 2, 0].into(), 24));
    let said = asked.answer().address(300).opt(0, &[(8, &ecs([192, 0, 2], 24, 24))]).bytes();
    let given = asked.answer().address(300).bytes();
    let bytes = asked.bytes();
    let key = bench.cache.key(&read(&bytes), sent).unwrap();
    bench.cache.store(key, &read(&bytes), &said, &given, bench.now);
    assert_eq!(bench.find_to(&asked, sent), Some(given));
}
