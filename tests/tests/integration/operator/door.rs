//! The socket, and what is refused there.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use sekisho_admin::{AdminError, Doors, bind};
use sekisho_tests::Rig;
use serde_json::{Value, json};

use super::{Door, before, doors, farm, say};

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let servers = farm();
    let rig = Rig::start(&before(&servers, ""));
    let door = Door::of(&rig);
    let all = "known: one, two, three";
    for (target, body, status, help) in [
        ("/v1/servers/mail/four", json!({ "state": "drain" }), 404, all),
        ("/v1/servers/web/one", json!({ "state": "drain" }), 404, "known: mail"),
        ("/v1/servers/mail/one", json!({}), 400, ""),
        ("/v1/servers/mail/one", json!({ "state": "off" }), 400, ""),
        ("/v1/servers/mail/one", json!({ "weight": 257 }), 400, "send 0 to 256"),
        ("/v1/servers/mail/one", json!({ "weight": -1 }), 400, ""),
        ("/v1/servers/mail/one", json!({ "wieght": 1 }), 400, ""),
        ("/v1/servers/mail/one/kick", json!({ "now": true }), 400, ""),
        ("/v1/users/move", json!({ "user": "anna", "server": "four" }), 404, all),
        ("/v1/users/move", json!({ "user": "anna", "server": "one", "pool": "web" }), 404, "known: mail"),
        ("/v1/users/move", json!({ "user": "", "server": "one" }), 400, ""),
        ("/v1/users/move", json!({ "user": "a\u{0}b", "server": "one" }), 400, ""),
        ("/v1/users/move", json!({ "user": "anna" }), 400, ""),
        ("/v1/users/kick", json!({ "user": "anna", "domain": "staff" }), 404, "known: default"),
        ("/v1/users/move-all", json!({ "from": "four", "to": "one" }), 404, all),
        ("/v1/users", json!({}), 405, "send GET, HEAD"),
        ("/v1/everything", json!({}), 404, ""),
    ] {
        let (found, answer) = door.asked("POST", target, &body.to_string());
        assert_eq!(found, status, "{target} {body}: {answer}");
        assert!(help.is_empty() || answer["help"] == help, "{target} {body}: {answer}");
        assert!(answer["error"].is_string() && answer["help"].is_string(), "{answer}");
    }
    assert_eq!(door.asked("GET", "/v1/users/move", "").0, 405);
    assert_eq!(door.asked("GET", "/v1/users?usr=a", "").0, 400);
    assert!(door.homes().is_empty(), "nothing was changed");
}

#[test]
fn whatever_is_sent_is_answered_or_closed_and_nobody_is_kept_out() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let door = Door::of(&rig);
    let post = "POST /v1/users/kick HTTP/1.1\r\n";
    for (bytes, status) in [
        ("\u{16}\u{3}\u{1}".to_owned(), 400),
        ("GET /metrics HTTP/1.1\r\n\r\n".to_owned(), 404),
        (format!("GET /v1/vips HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(20_000)), 431),
        (format!("{post}Content-Length: 100000\r\n\r\n"), 413),
        (format!("{post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}"), 411),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"), 411),
        (format!("{post}Content-Length: 9\r\n\r\n{{\"user\": "), 400),
        (format!("{post}Content-Length: 3\r\n\r\n[1]"), 400),
        (format!("{post}Content-Length: 6000\r\n\r\n{}", "[".repeat(6000)), 400),
    ] {
        let (found, answer) = door.say(bytes.as_bytes());
        assert_eq!(found, status, "{bytes:.60}: {answer}");
        assert!(
            serde_json::from_str::<Value>(&answer).is_ok_and(|body| body["error"].is_string()),
            "{answer}"
        );
    }
    // As many as there are places, all of them silent: each is given up after its deadline.
    let idle: Vec<UnixStream> = (0..8).map(|_| UnixStream::connect(&door.socket).unwrap()).collect();
    assert_eq!(door.get("/v1/vips"), json!({ "vips": [] }));
    for mut stream in idle {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it was closed");
    }
    // Half a body, and then nothing more.
    let mut half = UnixStream::connect(&door.socket).unwrap();
    half.write_all(format!("{post}Content-Length: 9\r\n\r\n{{").as_bytes()).unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn socket_is_the_owners_alone_moves_with_a_change_and_is_taken_from_nobody() {
    let rig = Rig::start("[gateway]\nworkers = 1\n");
    let mut door = Door::of(&rig);
    let mode = std::fs::metadata(&door.socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
    assert!(matches!(bind(&doors(&door.socket)), Err(AdminError::InUse { .. })), "another gateway");
    let same = door.admin.prepare(&doors(&door.socket)).unwrap();
    door.admin.change(same).unwrap();
    assert_eq!(door.get("/v1/vips"), json!({ "vips": [] }));
    let other = door.folder.join("deeper/other.sock");
    let change = door.admin.prepare(&doors(&other)).unwrap();
    assert!(door.socket.exists(), "prepared is not done");
    door.admin.change(change).unwrap();
    assert!(!door.socket.exists());
    assert_eq!(say(&other, b"GET /v1/vips HTTP/1.1\r\n\r\n").0, 200);
    // Somebody has tidied up too well.
    std::fs::remove_file(&other).unwrap();
    let again = door.admin.prepare(&doors(&other)).unwrap();
    door.admin.change(again).unwrap();
    assert_eq!(say(&other, b"GET /v1/vips HTTP/1.1\r\n\r\n").0, 200);
    let off = door.admin.prepare(&Doors::default()).unwrap();
    door.admin.change(off).unwrap();
    assert!(!other.exists());
    assert_eq!(door.admin.address(), None, "a socket is no address");
}
