//! Servers, as they are and as the operator wants them.

use sekisho_tests::{LineServer, Rig, until};
use serde_json::json;

use super::super::{connect_from, echo, greeting, lines};
use super::{Client, Door, another, before, farm};

#[test]
fn drained_server_keeps_its_users_until_they_are_moved_and_gets_no_others() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let home = Client::new(&rig, "anna").server();
    let path = format!("/v1/servers/mail/{home}");
    let server = door.post(&path, &json!({ "state": "drain" }));
    assert_eq!((&server["state"], &server["wanted"]), (&json!("draining"), &json!("drain")));
    assert_eq!(Client::new(&rig, "anna").server(), home);
    for n in 0..6 {
        assert_ne!(Client::new(&rig, &format!("new{n}")).server(), home);
    }
    let to = another(&home);
    let all = door.post("/v1/users/move-all", &json!({ "from": home, "to": to }));
    assert_eq!(all, json!({ "moved": 1, "kicked": 0 }));
    assert_eq!(Client::new(&rig, "anna").server(), to);
    door.post(&path, &json!({ "state": "ready", "weight": 256 }));
    assert_eq!(door.post(&path, &json!({ "weight": 7 }))["state"], "up");
    let pools = door.get("/v1/pools");
    let listed = pools["pools"][0]["servers"].as_array().unwrap();
    let weight = listed.iter().find(|server| server["name"] == *home).unwrap()["weight"].clone();
    assert_eq!(weight, 7);
}

#[test]
fn server_in_maintenance_is_left_at_once_by_those_who_are_kicked() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let mut client = Client::new(&rig, "anna");
    let home = client.server();
    door.post(&format!("/v1/servers/mail/{home}"), &json!({ "state": "maintenance" }));
    assert_eq!(client.server(), home, "whoever is connected stays");
    door.post(&format!("/v1/servers/mail/{home}/kick"), &json!({}));
    assert!(client.0.ended());
    assert_ne!(Client::new(&rig, "anna").server(), home);
}

#[test]
fn vips_and_pools_are_listed_with_what_they_serve() {
    let server = LineServer::start("one");
    let rig = Rig::start(&format!(
        "[vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\npersist = ['source-ip']\n\
         [pool.p]\nprobe = {{ kind = 'tcp', interval = '100ms' }}\nservers = {{ {} }}\n",
        lines(std::slice::from_ref(&server))
    ));
    let door = Door::of(&rig);
    let mut client = connect_from("127.0.0.1", rig.address("v"));
    assert_eq!(greeting(&client), "one");
    assert!(echo(&mut client));
    let vip = &door.rows("/v1/vips", "vips")[0];
    assert_eq!(
        (&vip["name"], &vip["protocol"], &vip["connections"]),
        (&json!("v"), &json!("tcp"), &json!(1))
    );
    assert_eq!((&vip["persist"], &vip["pools"]), (&json!(["source-ip"]), &json!(["p"])));
    let server = until("a probe", || {
        let server = door.rows("/v1/pools", "pools")[0]["servers"][0].clone();
        (server["last_probe"]["ok"] == true).then_some(server)
    });
    assert_eq!(
        (&server["state"], &server["health"], &server["active"]),
        (&json!("up"), &json!("up"), &json!(1))
    );
    assert!(door.rows("/v1/users", "users").is_empty(), "an address is no user");
}
