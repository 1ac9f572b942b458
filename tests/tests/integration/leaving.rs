//! What an operator says while another process takes the gateway's place.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use sekisho_admin::{Admin, Doors, InForce, Nodes, Steering, Upgrade, bind};
use sekisho_tests::Rig;

const POOL: &str = "[pool.web]\nservers = { one = '127.0.0.1:9' }\n[gateway]\nworkers = 1\n";
const DRAIN: &str = "POST /v1/servers/web/one HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"state\":\"drain\"}";
const POOLS: &str = "GET /v1/pools HTTP/1.1\r\n\r\n";

/// A gateway's admin socket in a folder of its own, which is gone with the test.
struct Site {
    rig: Rig,
    folder: std::path::PathBuf,
}

impl Site {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sekisho-leaving-{name}-{}", std::process::id()));
        Self { rig: Rig::start(POOL), folder }
    }

    fn admin(&self, steering: Steering, name: &str) -> (Admin, std::path::PathBuf) {
        let socket = self.folder.join(name);
        let bound = bind(&Doors { admin: Some(socket.clone()), ..Doors::default() }).unwrap();
        let (nodes, upgrade, view) = (Nodes::default(), Upgrade::default(), self.rig.gateway().view());
        (Admin::start_steered(steering, nodes, upgrade, view, sekisho::builtin(), bound).unwrap(), socket)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn say(socket: &Path, words: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(words.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn change_that_the_other_process_would_not_hear_of_is_refused_and_looking_is_not() {
    let site = Site::new("refused");
    let steering = Steering::new(InForce::default(), |_| false);
    let (_admin, socket) = site.admin(steering.clone(), "socket");
    steering.leave(true);
    let refused = say(&socket, DRAIN);
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("takes this one's place"), "{refused}");
    assert!(say(&socket, POOLS).starts_with("HTTP/1.1 200 "));
    // The other process has not come to serve.
    steering.leave(false);
    assert!(say(&socket, DRAIN).starts_with("HTTP/1.1 200 "));
}

#[test]
fn whoever_comes_after_the_process_has_left_is_let_in_by_the_other_one_alone() {
    let site = Site::new("alone");
    for round in 0..50 {
        let (mut admin, socket) = site.admin(Steering::default(), &format!("socket-{round}"));
        let other = UnixListener::from(admin.hand().unwrap().admin.unwrap().1);
        admin.leave(false);
        let _client = UnixStream::connect(&socket).unwrap();
        // Long enough for a door that is still open.
        std::thread::sleep(Duration::from_millis(2));
        assert!(other.accept().is_ok(), "round {round}: the process that has left let somebody in");
    }
}
