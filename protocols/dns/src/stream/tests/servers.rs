//! What servers may do.

use std::collections::HashSet;
use std::time::Duration;

use sekisho_api::settings::{Node, Value};
use sekisho_api::{Failure, Observation};
use tokio::io::AsyncWriteExt;

use super::messages::{answer, framed, id, message, name, query, rcode, read, records, write};
use super::origin::{Origin, echo};
use super::rig::{Rig, test, text};

const SERVFAIL: u8 = 2;

#[test]
fn clients_share_one_connection_under_ids_that_are_not_theirs() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        let mut clients = Vec::new();
        for n in 0..40 {
            let mut client = rig.client().await;
            write(&mut client, &query(5, &format!("n{n}"))).await;
            clients.push(client);
        }
        for (n, client) in clients.iter_mut().enumerate() {
            let got = read(client).await.unwrap();
            assert_eq!((id(&got), name(&got)), (5, format!("n{n}")));
        }
        assert_eq!(origin.seen.connections.get(), 1);
        let ids: HashSet<u16> = origin.seen.queries.borrow().iter().map(|query| id(query)).collect();
        assert_eq!(ids.len(), 40);
        drop(clients);
        rig.quiet().await;
    });
}

#[test]
fn answer_to_something_else_is_dropped_and_the_true_one_delivered() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            while let Some(query) = seen.next(&mut stream).await {
                let good = answer(&query);
                let mut other_id = good.clone();
                other_id[0] ^= 0x55;
                let mut other_name = good.clone();
                other_name[13] ^= 3;
                for bad in [other_id, other_name, query, good] {
                    write(&mut stream, &bad).await;
                }
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        assert_eq!(name(&rig.ask(&query(1, "true")).await.unwrap()), "true");
        rig.quiet().await;
        assert_eq!(rig.core.servers[0].saw(Observation::Strayed), 3);
    });
}

#[test]
fn queries_of_a_connection_that_breaks_are_sent_once_more() {
    test(async {
        let origin = Origin::new(|number, mut stream, seen| async move {
            if number == 0 {
                seen.next(&mut stream).await;
                return;
            }
            echo(stream, seen).await;
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        let mut client = rig.client().await;
        for n in 0..10 {
            write(&mut client, &query(n, "again")).await;
        }
        for _ in 0..10 {
            assert_eq!(rcode(&read(&mut client).await.unwrap()), 0);
        }
        drop(client);
        rig.quiet().await;
    });
}

#[test]
fn server_that_always_closes_ends_in_servfail() {
    test(async {
        let origin =
            Origin::new(|_, mut stream, seen| async move { drop(seen.next(&mut stream).await) }).await;
        let rig = Rig::new(&[&origin]).await;
        assert_eq!(rcode(&rig.ask(&query(1, "x")).await.unwrap()), SERVFAIL);
        rig.quiet().await;
        assert_eq!(origin.queries(), 2);
        assert_eq!(rig.core.servers[0].saw(Observation::Failed(Failure::Reset)), 2);
    });
}

#[test]
fn server_whose_framing_breaks_is_left_and_the_query_sent_again() {
    test(async {
        let origin = Origin::new(|number, mut stream, seen| async move {
            if number > 0 {
                return echo(stream, seen).await;
            }
            seen.next(&mut stream).await;
            stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
            assert_eq!(read(&mut stream).await, None);
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        assert_eq!(rcode(&rig.ask(&query(1, "x")).await.unwrap()), 0);
        rig.quiet().await;
        assert_eq!(rig.core.servers[0].saw(Observation::Failed(Failure::Malformed)), 1);
    });
}

#[test]
fn noise_from_a_server_is_dropped_message_by_message() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            while let Some(query) = seen.next(&mut stream).await {
                let good = answer(&query);
                for cut in 12..good.len() {
                    write(&mut stream, &good[..cut]).await;
                }
                for at in 2..good.len() {
                    let mut damaged = good.clone();
                    damaged[at] = !damaged[at];
                    damaged[0] ^= 1;
                    write(&mut stream, &damaged).await;
                }
                write(&mut stream, &good).await;
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        for n in 0..5 {
            let asked = query(n, "true");
            assert_eq!(rig.ask(&asked).await.unwrap(), answer(&asked));
        }
        rig.quiet().await;
    });
}

#[test]
fn update_is_not_sent_twice() {
    test(async {
        let origin =
            Origin::new(|_, mut stream, seen| async move { drop(seen.next(&mut stream).await) }).await;
        let rig = Rig::new(&[&origin]).await;
        assert_eq!(rcode(&rig.ask(&message(1, 5, "zone", 6)).await.unwrap()), SERVFAIL);
        assert_eq!(origin.queries(), 1);
    });
}

#[test]
fn server_that_closes_after_each_answer_goes_unnoticed() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            if let Some(query) = seen.next(&mut stream).await {
                write(&mut stream, &answer(&query)).await;
                stream.shutdown().await.unwrap();
                // What came behind it is read, or the answer would be lost with a reset.
                while read(&mut stream).await.is_some() {}
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        for _ in 0..3 {
            let mut client = rig.client().await;
            let queries: Vec<u8> = (0..30).flat_map(|n| framed(&query(n, "one"))).collect();
            client.write_all(&queries).await.unwrap();
            for _ in 0..30 {
                assert_eq!(rcode(&read(&mut client).await.unwrap()), 0);
            }
        }
        rig.quiet().await;
    });
}

#[test]
fn idle_connection_that_the_server_closed_goes_unnoticed() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            if let Some(query) = seen.next(&mut stream).await {
                write(&mut stream, &answer(&query)).await;
            }
        })
        .await;
        let rig = Rig::new(&[&origin]).await;
        for n in 0..5 {
            assert_eq!(rcode(&rig.ask(&query(n, "x")).await.unwrap()), 0);
            rig.until(|| origin.seen.open.get() == 0).await;
        }
        assert_eq!(origin.seen.connections.get(), 5);
    });
}

#[test]
fn refused_connection_costs_nobody_an_answer() {
    test(async {
        let (nobody, origin) = (Origin::nobody().await, Origin::echo().await);
        let rig = Rig::new(&[&nobody, &origin]).await;
        let mut client = rig.client().await;
        for n in 0..20 {
            write(&mut client, &query(n, "x")).await;
            // An UPDATE has been seen by nobody.
            write(&mut client, &message(n, 5, "zone", 6)).await;
        }
        for _ in 0..40 {
            assert_eq!(rcode(&read(&mut client).await.unwrap()), 0);
        }
        assert_eq!(origin.queries(), 40);
    });
}

#[test]
fn no_server_is_said_at_once() {
    test(async {
        let nobody = Origin::nobody().await;
        let rig = Rig::new(&[&nobody, &nobody]).await;
        assert_eq!(rcode(&rig.ask(&query(1, "x")).await.unwrap()), SERVFAIL);
        let rig = Rig::new(&[]).await;
        assert_eq!(rcode(&rig.ask(&query(1, "x")).await.unwrap()), SERVFAIL);
        rig.quiet().await;
    });
}

#[test]
fn silent_server_is_passed_over_and_the_first_answer_wins() {
    test(async {
        let (silent, origin) = (Origin::silent().await, Origin::echo().await);
        let rig = Rig::with(&[&silent, &origin], &[], Some(Duration::from_millis(900))).await;
        assert_eq!(rcode(&rig.ask(&query(1, "x")).await.unwrap()), 0);
        assert_eq!((silent.queries(), origin.queries()), (1, 1));
        assert_eq!(rig.core.servers[0].saw(Observation::Repeated), 1);
        // Its own time goes on, and so does the count against it.
        rig.quiet().await;
        assert_eq!(rig.core.servers[0].unanswered(), 1);
    });
}

#[test]
fn silence_of_all_servers_ends_in_servfail_and_their_connections_are_left() {
    test(async {
        let silent = Origin::silent().await;
        let rig = Rig::with(&[&silent], &[], Some(Duration::from_millis(200))).await;
        assert_eq!(rcode(&rig.ask(&query(1, "x")).await.unwrap()), SERVFAIL);
        rig.until(|| silent.seen.open.get() == 0).await;
        assert_eq!(rcode(&rig.ask(&query(2, "x")).await.unwrap()), SERVFAIL);
        assert_eq!(silent.seen.connections.get(), 2);
        rig.quiet().await;
    });
}

#[test]
fn server_that_is_told_its_clients_has_a_connection_for_each_of_them() {
    test(async {
        let origin = Origin::echo().await;
        let rig = Rig::new(&[&origin]).await;
        rig.core.telling.set(true);
        let (mut one, mut two) = (rig.client().await, rig.client().await);
        for n in 0..3 {
            for client in [&mut one, &mut two] {
                write(client, &query(n, "x")).await;
                assert_eq!(rcode(&read(client).await.unwrap()), 0);
            }
        }
        assert_eq!(origin.seen.connections.get(), 2);
        drop(one);
        rig.until(|| origin.seen.open.get() == 1).await;
        drop(two);
        rig.until(|| origin.seen.open.get() == 0).await;
        rig.quiet().await;
    });
}

#[test]
fn equal_queries_are_asked_once_and_all_answered_as_they_asked() {
    test(async {
        let origin = Origin::new(|_, mut stream, seen| async move {
            let mut held = Vec::new();
            while let Some(query) = seen.next(&mut stream).await {
                let go = name(&query) == "go";
                held.push(query);
                for query in held.drain(..if go { held.len() } else { 0 }) {
                    write(&mut stream, &records(&query, &[None], 10)).await;
                }
            }
        })
        .await;
        let rig = Rig::full(&[&origin], &[], &[("cache", text("1 MiB"))], None).await;
        let names = ["equal", "EQUAL", "eQuAl", "equal"];
        let mut clients = Vec::new();
        for (n, name) in (0..).zip(names) {
            let mut client = rig.client().await;
            write(&mut client, &message(n, 0, name, 16)).await;
            // Behind it comes another one: once that has arrived, this one waits.
            write(&mut client, &message(90, 0, &format!("n{n}"), 16)).await;
            rig.until(|| origin.queries() == usize::from(n) + 2).await;
            clients.push(client);
        }
        rig.ask(&message(1, 0, "go", 16)).await.unwrap();
        for (n, client) in (0..).zip(&mut clients) {
            let mut got = [read(client).await.unwrap(), read(client).await.unwrap()];
            got.sort_by_key(|message| id(message));
            assert_eq!((id(&got[0]), &*name(&got[0])), (n, names[usize::from(n)]));
        }
        let asked: Vec<String> = origin.seen.queries.borrow().iter().map(|query| name(query)).collect();
        assert_eq!(asked.iter().filter(|name| name.eq_ignore_ascii_case("equal")).count(), 1, "{asked:?}");
        assert_eq!(asked.len(), 6);
    });
}

#[test]
fn those_who_wait_for_an_equal_query_hear_of_its_failure() {
    test(async {
        let silent = Origin::silent().await;
        let response = Some(Duration::from_millis(200));
        let rig = Rig::full(&[&silent], &[], &[("cache", text("1 MiB"))], response).await;
        let mut client = rig.client().await;
        for n in 0..5 {
            write(&mut client, &query(n, "equal")).await;
        }
        for _ in 0..5 {
            assert_eq!(rcode(&read(&mut client).await.unwrap()), SERVFAIL);
        }
        assert_eq!(silent.queries(), 1);
        drop(client);
        rig.quiet().await;
    });
}

#[test]
fn answer_that_the_pool_calls_a_failure_is_asked_elsewhere_and_delivered_at_last() {
    test(async {
        let failing = || {
            Origin::new(|_, mut stream, seen| async move {
                while let Some(query) = seen.next(&mut stream).await {
                    let mut failed = answer(&query);
                    failed[3] = SERVFAIL;
                    write(&mut stream, &failed).await;
                }
            })
        };
        let (bad, worse, good) = (failing().await, failing().await, Origin::echo().await);
        let retry = Value::List(vec![Node { span: 0..0, value: text("servfail") }]);
        let pool = [("retry-on", retry)];
        let rig = Rig::full(&[&bad, &good], &[], &pool, None).await;
        for n in 0..4 {
            assert_eq!(rcode(&rig.ask(&query(n, "x")).await.unwrap()), 0);
        }
        let rig = Rig::full(&[&bad, &worse], &[], &pool, None).await;
        let got = rig.ask(&query(7, "x")).await.unwrap();
        assert_eq!((id(&got), rcode(&got)), (7, SERVFAIL));
        assert_eq!(worse.queries(), 1);
        rig.quiet().await;
    });
}
