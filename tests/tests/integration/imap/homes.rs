//! Users who stay where they are, and when they do not.

use std::io::{Read, Write};
use std::net::TcpStream;

use sekisho_tests::{Desktop, Manner, Rig, desktop_request, numbered, until};

use super::{Client, farm, home, three};

#[test]
fn person_has_one_home_for_mail_and_desktop() {
    let servers = three();
    let desktops = ["one", "two", "three"].map(|name| Desktop::start(name, Manner::Confirms));
    let rig = Rig::start(&format!(
        "{}\n[vip.d]\nlisten = '127.0.0.1:0'\nprotocol = 'rdp'\npool = 'd'\npersist = ['user']\n\
         [pool.d]\nservers = {{ {} }}\n",
        farm("", "", &[&servers[0], &servers[1], &servers[2]]),
        numbered(desktops.iter().map(Desktop::address))
    ));
    for user in ["anna", "ben", "carla", "david"] {
        let mail = home(&rig, &format!("{user}@mail.example"));
        let mut desk = TcpStream::connect(rig.address("d")).unwrap();
        desk.write_all(&desktop_request(&format!("Cookie: mstshash=CORP\\{user}"), None)).unwrap();
        let mut answer = [0; 20];
        desk.read_exact(&mut answer).unwrap();
        assert_eq!(answer[19], mail.as_bytes()[0], "{user}: not at {mail}");
    }
}

#[test]
fn user_moves_once_when_the_server_dies_and_nobody_else_does() {
    let mut servers = three();
    let rig = Rig::start(&farm("", "", &[&servers[0], &servers[1], &servers[2]]));
    let users: Vec<String> = (0..9).map(|n| format!("user{n}")).collect();
    let homes: Vec<String> = users.iter().map(|user| home(&rig, user)).collect();
    servers[0].kill();
    let moved: Vec<String> = users.iter().map(|user| home(&rig, user)).collect();
    for (before, after) in homes.iter().zip(&moved) {
        assert!(before == after || before == "one");
        assert_ne!(after, "one");
    }
    servers[0].restart();
    assert_eq!(users.iter().map(|user| home(&rig, user)).collect::<Vec<_>>(), moved);
}

#[test]
fn clients_of_a_server_that_dies_come_back_elsewhere_and_the_counts_are_right() {
    let mut servers = three();
    let rig = Rig::start(&farm("", "", &[&servers[0], &servers[1], &servers[2]]));
    let held = |wanted: [u32; 3]| {
        until(&format!("{wanted:?} connections"), || {
            let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
            let held = ["s0", "s1", "s2"].map(|name| pool.server(name).unwrap().active());
            (held == wanted).then_some(())
        });
    };
    let mut clients: Vec<(String, String, Client)> = (0..60)
        .map(|n| {
            let (user, mut client) = (format!("user{n}"), Client::new(&rig));
            (user.clone(), client.log_in(&user), client)
        })
        .collect();
    held([20; 3]);
    servers[1].kill();
    for (user, place, client) in &mut clients {
        if place == "two" {
            assert_eq!(client.line(), "");
            *client = Client::new(&rig);
            *place = client.log_in(user);
            assert_ne!(place, "two");
        }
    }
    let at =
        |name: &str| u32::try_from(clients.iter().filter(|(_, place, _)| place == name).count()).unwrap();
    held([at("one"), 0, at("three")]);
    for (_, place, mut client) in clients {
        assert_eq!(client.who().0, place);
    }
    held([0; 3]);
}

#[test]
fn drained_server_keeps_its_users_and_gets_no_others() {
    let servers = three();
    let rig = Rig::start(&farm("", "", &[&servers[0], &servers[1], &servers[2]]));
    let place = home(&rig, "anna");
    let index = ["one", "two", "three"].iter().position(|name| *name == place).unwrap();
    let pool = rig.gateway().scheduler().pool("p").unwrap().clone();
    pool.server(&format!("s{index}")).unwrap().set_admin(sekisho_scheduler::Admin::Drain);
    assert_eq!(home(&rig, "ANNA"), place);
    for n in 0..6 {
        assert_ne!(home(&rig, &format!("new{n}")), place);
    }
}
