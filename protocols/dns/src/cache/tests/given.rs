//! Who is given what is kept, and in which form.

use super::*;

/// A cache that keeps one answer of 300 seconds.
fn bench(asked: &Message) -> Bench {
    let bench = Bench::new();
    bench.offer(asked, &asked.answer().address(300));
    bench
}

#[test]
fn id_rd_cd_and_the_case_of_the_question_are_the_askers_own() {
    let first = ask("www.example").flags(RD);
    let mut bench = Bench::new();
    // A server that forgets to copy RD.
    bench.offer(&first, &first.answer().flags(ANSWER & !RD).address(300));
    bench.pass(10);
    let second = ask("wWw.eXaMpLe").id(0xabcd);
    let expected = second.answer().address(290).bytes();
    assert_eq!(bench.find(&second), Some(expected));
}

#[test]
fn every_ttl_but_that_of_opt_counts_down_and_none_below_one() {
    let asked = ask("www.example").opt(DO, &[]);
    let mut bench = Bench::new();
    let answer = |a, ns, b| asked.answer().address(a).with(1, NS, ns, &[0]).with(2, A, b, &[1; 4]).bytes();
    bench.offer_to(&asked, None, &answer(10, 20, 30));
    for passed in 0..10_u32 {
        let expected = answer(10 - passed, 20 - passed, 30 - passed);
        assert_eq!(bench.find(&asked), Some(expected), "after {passed} s");
        bench.pass(1);
    }
    assert_eq!(bench.find(&asked), None, "after 10 s");
}

#[test]
fn raised_and_bounded_ttls_are_told_as_they_are_kept() {
    let asked = ask("www.example");
    let settings =
        CacheSettings { min_ttl: Duration::from_secs(60), max_ttl: Duration::from_secs(100), ..settings() };
    let mut bench = Bench::with(&settings);
    bench.offer(&asked, &asked.answer().address(5).address(70).address(1_000));
    bench.pass(40);
    assert_eq!(bench.find(&asked), Some(asked.answer().address(20).address(30).address(60).bytes()));
}

#[test]
fn no_record_of_a_negative_answer_outlives_it() {
    let asked = ask("none.example");
    let mut bench = Bench::new();
    let answer = |ttl| asked.answer().flags(ANSWER | NXDOMAIN).soa(ttl, 60).with(1, 47, ttl, &[0]);
    bench.offer(&asked, &answer(3_600));
    bench.pass(20);
    assert_eq!(bench.find(&asked), Some(answer(40).bytes()));
}

#[test]
fn a_clock_that_goes_back_counts_as_no_time() {
    let asked = ask("www.example");
    let mut bench = bench(&asked);
    bench.now -= Duration::from_secs(5);
    assert_eq!(bench.find(&asked), Some(asked.answer().address(300).bytes()));
}

#[test]
fn questions_asked_in_another_manner_share_nothing() {
    let ways = [
        ask("www.example"),
        ask("www.example").flags(0),
        ask("www.example").flags(RD | CD),
        ask("www.example").flags(RD | AD),
        ask("www.example").kind(AAAA),
        // 65 and 97 are no letter in two cases.
        ask("www.example").kind(65),
        ask("www.example").kind(97),
        ask("ww.wexample"),
        ask("example"),
        ask("www.example").opt(0, &[]),
        ask("www.example").opt(DO, &[]),
        ask("www.example").opt(0x4000, &[]),
        ask("www.example").opt(0, &[(10, &[1; 8])]),
        ask("www.example").opt(0, &[(12, &[0; 20])]),
        ask("www.example").opt(0, &[(8, &ecs([192, 0, 2], 24, 0))]),
    ];
    for (i, kept) in ways.iter().enumerate() {
        let bench = bench(kept);
        for (j, asked) in ways.iter().enumerate() {
            assert_eq!(bench.find(asked).is_some(), i == j, "{kept:?} for {asked:?}");
        }
    }
}

#[test]
fn what_does_not_change_an_answer_does_not_split_the_cache() {
    let same = [
        ask("www.example").opt(DO, &[]),
        ask("WWW.EXAMPLE").id(9).opt(DO, &[]),
        ask("www.example").opt(DO, &[(11, &[])]),
    ];
    for kept in &same {
        let bench = bench(kept);
        for asked in &same {
            assert!(bench.find(asked).is_some(), "{kept:?} for {asked:?}");
        }
    }
    // Another cookie is the same as this one, padding of another length too.
    let bench = bench(&ask("www.example").opt(0, &[(10, &[1; 8]), (12, &[0; 3])]));
    assert!(bench.find(&ask("www.example").opt(0, &[(10, &[2; 24]), (12, &[0; 30])])).is_some());
}

#[test]
fn only_the_prefix_that_was_told_is_given_what_was_answered_to_it() {
    let prefix = |address: &str, bits| Some((address.parse().unwrap(), bits));
    let asked = ask("www.example");
    let told = prefix("192.0.2.0", 24);
    let bench = Bench::new();
    bench.offer_to(&asked, told, &asked.answer().address(300).bytes());
    assert!(bench.find_to(&asked, told).is_some());
    assert!(bench.find_to(&asked, prefix("192.0.2.77", 24)).is_some(), "the rest of the address is not told");
    for other in [
        None,
        prefix("192.0.3.0", 24),
        prefix("192.0.2.0", 25),
        prefix("192.0.0.0", 16),
        prefix("::ffff:192.0.2.0", 24),
        prefix("::", 0),
        prefix("0.0.0.0", 0),
    ] {
        assert_eq!(bench.find_to(&asked, other), None, "{other:?}");
    }
}

#[test]
fn a_key_that_two_questions_share_gives_neither_the_others_answer() {
    let kept = ask("www.example").opt(DO, &[(8, &ecs([192, 0, 2], 24, 0))]);
    let others = [
        ask("mail.example").opt(DO, &[]),
        ask("wwx.example").opt(DO, &[]),
        kept.clone().kind(AAAA),
        kept.clone().flags(0),
        kept.clone().flags(RD | CD),
        ask("www.example").opt(0, &[]),
        ask("www.example"),
    ];
    let told = Some(([192, 0, 2, 0].into(), 24));
    let bytes = kept.bytes();
    let answer = kept.answer().address(300).opt(DO, &[(8, &ecs([192, 0, 2], 24, 24))]).bytes();
    let bench = Bench::new();
    let key = bench.cache.key(&read(&bytes), told).unwrap();
    bench.cache.store(key, &read(&bytes), &answer, &answer, bench.now);
    let mut out = [0; 512];
    for other in others {
        let other = other.bytes();
        assert_eq!(bench.cache.find(key, &read(&other), told, bench.now, &mut out), None, "{other:?}");
        assert_eq!(bench.cache.find_stale(key, &read(&other), told, bench.now, &mut out), None, "{other:?}");
    }
    for subnet in [None, Some(([192, 0, 3, 0].into(), 24)), Some(([192, 0, 2, 0].into(), 23))] {
        assert_eq!(bench.cache.find(key, &read(&bytes), subnet, bench.now, &mut out), None, "{subnet:?}");
    }
    assert!(bench.cache.find(key, &read(&bytes), told, bench.now, &mut out).is_some());
}

#[test]
fn a_second_answer_takes_the_place_of_the_first() {
    let asked = ask("www.example");
    let bench = bench(&asked);
    let newer = asked.answer().with(0, A, 100, &[192, 0, 2, 2]);
    bench.offer(&asked, &newer);
    assert_eq!(bench.find(&asked), Some(newer.bytes()));
    assert_eq!(bench.cache.counts().entries, 1);
    assert_eq!(bench.cache.counts().evicted, 0);
}

#[test]
fn a_buffer_that_is_too_short_is_a_miss_and_one_that_just_fits_is_not() {
    let asked = ask("www.example");
    let bench = bench(&asked);
    let bytes = asked.bytes();
    let key = bench.cache.key(&read(&bytes), None).unwrap();
    let length = asked.answer().address(300).bytes().len();
    let find = |size| bench.cache.find(key, &read(&bytes), None, bench.now, &mut vec![0; size]);
    assert_eq!(find(length - 1), None);
    assert_eq!(find(length), Some(length));
}

#[test]
fn the_largest_message_is_kept_whole() {
    let asked = ask("www.example");
    let mut answer = asked.answer();
    while answer.bytes().len() + 16 <= 65_535 {
        answer = answer.address(300);
        // Doubling is faster than one record at a time.
        let copy = answer.records[0].clone();
        let room = (65_535 - answer.bytes().len()) / 16;
        answer.records[0].extend(copy.into_iter().take(room));
    }
    let bench = bench(&asked);
    bench.offer(&asked, &answer);
    assert_eq!(bench.find(&asked), Some(answer.bytes()));
}

#[test]
fn stale_answers_live_thirty_seconds_and_say_so_where_the_client_speaks_edns() {
    let stale = CacheSettings { stale: Duration::from_secs(100), ..settings() };
    for (rcode, code) in [(0, 3), (NXDOMAIN, 19)] {
        for edns in [None, Some(Opt::default())] {
            let asked = Message { opt: edns.clone(), ..ask("www.example") };
            let answer = |ttl| {
                let answer = asked.answer().flags(ANSWER | rcode);
                if rcode == 0 { answer.address(ttl) } else { answer.soa(ttl, 300) }
            };
            let mut bench = Bench::with(&stale);
            bench.offer(&asked, &answer(300));
            assert_eq!(bench.find_stale(&asked), Some(answer(300).bytes()), "it is fresh");
            bench.pass(300);
            assert_eq!(bench.find(&asked), None);
            let mut expected = answer(30);
            if let Some(opt) = &mut expected.opt {
                opt.options.push((15, vec![0, code]));
            }
            assert_eq!(bench.find_stale(&asked), Some(expected.bytes()), "{rcode} {edns:?}");
            bench.pass(99);
            assert!(bench.find_stale(&asked).is_some());
            bench.pass(1);
            assert_eq!(bench.find_stale(&asked), None);
        }
    }
}

#[test]
fn the_word_of_staleness_comes_behind_other_options_and_is_left_out_where_opt_is_not_last() {
    let asked = ask("www.example").opt(0, &[]);
    let mut bench = Bench::with(&CacheSettings { stale: Duration::from_secs(100), ..settings() });
    bench.offer(&asked, &asked.answer().address(5).opt(0, &[(15, &[0, 4]), (12, &[0; 3])]));
    bench.pass(10);
    let expected = asked.answer().address(30).opt(0, &[(15, &[0, 4]), (12, &[0; 3]), (15, &[0, 3])]);
    assert_eq!(bench.find_stale(&asked), Some(expected.bytes()));

    // Its OPT stands before an address.
    let record = |ttl: u8| [&[0, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4][..], &[192, 0, 2, 9]].concat();
    let answer = |ttl| {
        let mut bytes = asked.answer().address(ttl).bytes();
        bytes[11] += 1;
        [bytes, record(ttl as u8)].concat()
    };
    bench.offer_to(&asked, None, &answer(5));
    bench.pass(10);
    assert_eq!(bench.find_stale(&asked), Some(answer(30)));
}

#[test]
fn error_does_not_take_the_place_of_an_answer_that_may_still_be_given_stale() {
    let mut bench = Bench::with(&CacheSettings { stale: Duration::from_secs(100), ..settings() });
    let (asked, other) = (ask("a.test"), ask("b.test"));
    let failed = |asked: &Message| asked.answer().flags(ANSWER | 2);
    bench.offer(&asked, &asked.answer().address(60));
    bench.pass(70);
    bench.offer(&asked, &failed(&asked));
    assert_eq!(bench.find(&asked), None, "the error was kept");
    assert_eq!(bench.find_stale(&asked), Some(asked.answer().address(30).bytes()));
    // What stands in nobody's place is kept, and so is what comes when nothing is left to be given.
    bench.offer(&other, &failed(&other));
    assert!(bench.find(&other).is_some());
    bench.pass(100);
    bench.offer(&asked, &failed(&asked));
    assert!(bench.find(&asked).is_some());
    bench.offer(&asked, &asked.answer().address(60));
    assert_eq!(bench.find(&asked), Some(asked.answer().address(60).bytes()));
}

#[test]
fn errors_are_never_given_stale_and_nothing_is_where_the_setting_is_off() {
    let asked = ask("www.example");
    let mut on = Bench::with(&CacheSettings { stale: Duration::from_secs(100), ..settings() });
    on.offer(&asked, &asked.answer().flags(ANSWER | 2));
    assert!(on.find_stale(&asked).is_some(), "it is fresh");
    on.pass(5);
    assert_eq!(on.find_stale(&asked), None);

    let mut off = bench(&asked);
    off.pass(300);
    assert_eq!(off.find_stale(&asked), None);
}

#[test]
fn everything_is_counted_and_nothing_of_it_is_printed() {
    let asked = ask("www.example");
    let mut bench = Bench::with(&CacheSettings { stale: Duration::from_secs(100), ..settings() });
    let empty = bench.cache.counts().bytes;
    assert_eq!(bench.find(&asked), None);
    bench.offer(&asked, &asked.answer().address(300));
    bench.offer(&asked, &asked.answer().address(0));
    assert!(bench.find(&asked).is_some() && bench.find_stale(&asked).is_some());
    bench.pass(300);
    assert!(bench.find(&asked).is_none() && bench.find_stale(&asked).is_some());
    let counts = bench.cache.counts();
    assert_eq!((counts.hits, counts.misses, counts.stale, counts.stored), (2, 2, 1, 1));
    assert_eq!((counts.entries, counts.evicted), (1, 0));
    assert!(counts.bytes > empty);
    assert!(!format!("{:?}", bench.cache).contains("example"));
}
