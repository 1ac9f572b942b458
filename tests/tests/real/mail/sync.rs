//! Mailboxes that are the same here and there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::farm::{Farm, messages};

/// Leaves mail of several sizes: longer than any buffer, with bytes that are no characters, with lines that look like
/// the end of a command.
const LEAVE: &str = r#"
client = Secured()
client.login("anna", "secret")
bodies = [b"short\r\n", bytes(range(128, 256)) + b"\r\n", b"x1 OK done\r\n* BYE\r\n" * 9, b"0123456789abcdef\r\n" * 60000]
for number, body in enumerate(bodies):
    client.append("INBOX", None, None, mail(f"number {number}", body))
client.logout()
"#;

/// The bodies by subject.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |path| {
        let bytes: Vec<u8> = std::fs::read(path).unwrap().into_iter().filter(|&byte| byte != b'\r').collect();
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let head = String::from_utf8_lossy(&bytes[..end]);
        let subject = head.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
        (subject, bytes[end + 2..].to_vec())
    };
    messages(folder).into_iter().map(read).collect()
}

#[test]
fn mailbox_is_the_same_everywhere_when_two_programs_have_synchronised_it_both_ways() {
    let farm = Farm::start(30);
    farm.python(LEAVE, &[]);
    let (one, two) = (farm.folder("one"), farm.folder("two"));
    let there = farm.dovecots[farm.home("anna")].mail("anna");
    farm.mbsync("ANNA", true, &one);
    farm.offlineimap("anna@mail.example", false, &two);
    let left = contents(&there);
    assert_eq!(left.keys().collect::<Vec<_>>(), ["number 0", "number 1", "number 2", "number 3"]);
    assert_eq!((contents(&one), contents(&two)), (left.clone(), left));
    // Each of them takes something away and brings something.
    for (place, gone) in [(&one, "number 0"), (&two, "number 2")] {
        let find = |path: &PathBuf| {
            std::fs::read(path).unwrap().windows(gone.len()).any(|text| text == gone.as_bytes())
        };
        let path = messages(place).into_iter().find(find).unwrap();
        let brought = path.with_file_name(format!("1.{}.local:2,S", gone.len()));
        std::fs::remove_file(path).unwrap();
        std::fs::write(brought, format!("Subject: instead of {gone}\n\nTo be kept.\n")).unwrap();
    }
    farm.mbsync("anna", false, &one);
    farm.offlineimap("anna", true, &two);
    farm.mbsync("anna", true, &one);
    let now = contents(&there);
    let expected = ["instead of number 0", "instead of number 2", "number 1", "number 3"];
    assert_eq!(now.keys().collect::<Vec<_>>(), expected);
    assert_eq!((contents(&one), contents(&two)), (now.clone(), now));
    farm.home("anna");
}

#[test]
fn users_of_a_dead_dovecot_move_alone() {
    let mut farm = Farm::start(40);
    let log_in =
        |farm: &Farm, user: &str| farm.curl("127.0.8.130", "imaps://", &format!("{user}:secret"), &[]);
    for user in ["anna", "ben", "carla", "david"] {
        assert!(log_in(&farm, user).is_ok(), "{user}");
    }
    let homes = ["anna", "ben", "carla", "david"].map(|user| farm.home(user));
    assert!(homes.contains(&0) && homes.contains(&1), "{homes:?}");
    farm.dovecots[0].kill();
    for user in ["anna", "ben", "carla", "david"] {
        assert!(log_in(&farm, user).is_ok(), "{user}");
        assert!(farm.dovecots[1].has(user));
    }
}
