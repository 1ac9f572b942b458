//! Operators, over all protocols of mail.

use super::farm::{Farm, Plan};
use super::talk::Talk;

#[test]
fn user_who_is_moved_comes_back_on_the_other_server_with_every_program() {
    let farm = Farm::planned(160, &Plan { siblings: true, ..Plan::default() });
    let mut idle = Talk::secured(&farm, "127.0.8.210");
    assert!(idle.ask(b"a LOGIN anna secret").starts_with("a OK "));
    let before = farm.home("anna");
    let names = [farm.dovecots[before].name(), farm.dovecots[1 - before].name()];
    let user = |farm: &Farm| farm.operate(&["users", "--user", "Anna@mail.example"])["users"][0].clone();
    assert_eq!((user(&farm)["server"].as_str(), user(&farm)["open"].as_u64()), (Some(&*names[0]), Some(1)));

    let moved = farm.operate(&["move-user", "ANNA", &names[1], "--kick"]);
    assert_eq!((moved["server"].as_str(), moved["kicked"].as_u64()), (Some(&*names[1]), Some(1)));
    assert_eq!(idle.rest(), [""; 0]);
    let there = &farm.dovecots[1 - before];
    for url in ["imaps://", "pop3s://", "imap://", "pop3://"] {
        farm.curl("127.0.8.211", url, "anna:secret", &[]).unwrap();
    }
    let services: Vec<String> = there.logins().into_iter().map(|login| login.service).collect();
    assert_eq!(services, ["imap", "pop3", "imap", "pop3"]);
    assert_eq!(farm.dovecots[before].logins().len(), 1);

    // A server that is drained keeps its users, and gets nobody else.
    for pool in ["imap", "pop3"] {
        farm.operate(&["drain", &format!("{pool}/{}", names[1])]);
    }
    for user in ["ben", "carla", "david", "emma"] {
        farm.curl("127.0.8.212", "imaps://", &format!("{user}:secret"), &[]).unwrap();
        assert_eq!(farm.home(user), before, "{user}");
    }
    farm.curl("127.0.8.211", "imaps://", "anna:secret", &[]).unwrap();
    assert_eq!((there.logins().len(), farm.dovecots[before].logins().len()), (5, 5));
    assert_eq!(user(&farm)["server"].as_str(), Some(&*names[1]));
}
