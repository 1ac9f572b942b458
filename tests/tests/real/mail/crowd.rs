//! Many who are logged in and wait, and a server that is killed under them.

use std::collections::BTreeMap;

use sekisho_tests::until;

use super::farm::{Farm, Plan};
use super::talk::Talk;

const USERS: usize = 500;
/// Who logs in side by side.
const HANDS: usize = 4;

/// A client that waits for mail. It tries again when it is told to: what is with a server that dies is not told to
/// another one.
fn idle(farm: &Farm, user: &str) -> Talk {
    let mut client = Talk::secured(farm, "127.0.8.170");
    until(&format!("{user} is logged in"), || {
        let answer = client.ask(format!("a LOGIN {user} secret").as_bytes());
        assert!(answer.starts_with("a OK ") || answer.starts_with("a NO [UNAVAILABLE]"), "{answer}");
        answer.starts_with("a OK ").then_some(())
    });
    assert!(client.ask(b"b SELECT INBOX").starts_with("b OK "));
    assert_eq!(client.ask(b"c IDLE"), "+ idling");
    client
}

/// These users' clients, by user.
fn crowd(farm: &Farm, users: &[String]) -> BTreeMap<String, Talk> {
    let hands: Vec<Vec<String>> =
        (0..HANDS).map(|hand| users.iter().skip(hand).step_by(HANDS).cloned().collect()).collect();
    std::thread::scope(|scope| {
        let hands: Vec<_> = hands
            .into_iter()
            .map(|users| {
                scope.spawn(move || {
                    users.into_iter().map(|user| (user.clone(), idle(farm, &user))).collect::<Vec<_>>()
                })
            })
            .collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    })
}

/// The servers that somebody has been on, by user.
fn places(farm: &Farm) -> BTreeMap<String, Vec<usize>> {
    let mut places = BTreeMap::<String, Vec<usize>>::new();
    for (number, dovecot) in farm.dovecots.iter().enumerate() {
        for login in dovecot.logins() {
            places.entry(login.user).or_default().push(number);
        }
    }
    places
}

#[test]
fn everybody_on_a_server_that_is_killed_moves_once_and_the_counts_are_right() {
    let mut farm = Farm::planned(120, &Plan { dovecots: 3, crowded: true, ..Plan::default() });
    let mut clients = crowd(&farm, &(0..USERS).map(|n| format!("user{n}")).collect::<Vec<_>>());
    let active = |farm: &Farm| -> Vec<usize> {
        let of = |name| format!("sekisho_server_active{{pool=\"imap\",server=\"{name}\"}}");
        farm.dovecots.iter().map(|dovecot| farm.metric(&of(dovecot.name())) as usize).collect()
    };
    let before = places(&farm);
    assert!(before.values().all(|places| places.len() == 1), "{before:?}");
    let on = |places: &BTreeMap<String, Vec<usize>>, number| {
        places.values().filter(|places| places.last() == Some(&number)).count()
    };
    let expected: Vec<usize> = (0..3).map(|number| on(&before, number)).collect();
    assert_eq!(
        (expected.iter().sum::<usize>(), expected.iter().all(|&n| n > 0)),
        (USERS, true),
        "{expected:?}"
    );
    until("every connection is counted", || (active(&farm) == expected).then_some(()));

    farm.dovecots[0].kill();
    let lost: Vec<String> =
        before.iter().filter(|(_, places)| places == &&[0]).map(|(user, _)| user.clone()).collect();
    for user in &lost {
        assert_eq!(clients.remove(user).unwrap().rest(), [""; 0]);
    }
    clients.extend(crowd(&farm, &lost));
    let after = places(&farm);
    for (user, places) in &after {
        let moved = lost.contains(user);
        assert_eq!(places.len(), 1 + usize::from(moved), "{user}");
        assert!(!moved || places[1] != 0, "{user}");
    }
    let expected: Vec<usize> = (0..3).map(|number| on(&after, number)).collect();
    until("every connection is counted, and none twice", || (active(&farm) == expected).then_some(()));
    assert_eq!(farm.metric("sekisho_connections"), USERS as f64);
    let domain = |name| format!("sekisho_persistence_{name}{{domain=\"default\"}}");
    assert_eq!(farm.metric(&domain("entries")), USERS as f64);
    assert_eq!(farm.metric(&domain("moves_total")), lost.len() as f64);
    let users = farm.operate(&["users", "--limit", "1000"]);
    let users = users["users"].as_array().unwrap();
    assert_eq!(users.len(), USERS);
    for user in users {
        let place = farm.dovecots[*after[user["user"].as_str().unwrap()].last().unwrap()].name();
        assert_eq!((user["open"].as_u64(), user["server"].as_str()), (Some(1), Some(&*place)), "{user}");
    }

    // Nobody is asked to move back, and those who come again stay.
    farm.dovecots[0].restart();
    until("it is well again", || {
        (farm.metric("sekisho_server_up{pool=\"imap\",server=\"d1\"}") == 1.0).then_some(())
    });
    for user in lost.iter().take(5) {
        clients.insert(user.clone(), idle(&farm, user));
    }
    assert_eq!(farm.metric(&domain("moves_total")), lost.len() as f64);
    drop(clients);
    until("all are gone", || (active(&farm) == [0; 3]).then_some(()));
}
