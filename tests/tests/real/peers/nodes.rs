//! Two nodes of this program.

use sekisho_tests::Authority;

use super::super::{Folder, until};
use super::{COOKIE, Node, SOURCE, curl, secret, servers};

/// Clients of each kind.
const CLIENTS: usize = 40;

/// The server that each client of each kind meets at this node.
fn homes(node: &Node, jars: &Folder) -> Vec<String> {
    let host = &node.host;
    let cookie = (0..CLIENTS).map(|n| {
        let jar = jars.path().join(n.to_string()).display().to_string();
        // The jar goes by the host's name, and the address is the node's.
        let there = format!("site.example:{COOKIE}:{host}:{COOKIE}");
        let url = format!("http://site.example:{COOKIE}/");
        curl(&["--cookie", &jar, "--cookie-jar", &jar, "--connect-to", &there, &url])
    });
    let user = (0..CLIENTS).map(|n| node.user(&format!("user{n}")));
    let source = (0..CLIENTS)
        .map(|n| curl(&["--interface", &format!("127.0.74.{}", n + 1), &format!("http://{host}:{SOURCE}/")]));
    cookie.chain(user).chain(source).collect()
}

#[test]
fn clients_of_each_kind_keep_their_servers_over_failover_and_back() {
    let folder = Folder::new("peers-keep");
    let (secret, servers) = (secret(&folder, "the secret of both nodes"), servers("127.0.71.9"));
    let mut one = Node::new("gw1", "127.0.71.1", "gw2 = '127.0.71.2:7414'", &secret, &servers, "");
    let two = Node::new("gw2", "127.0.71.2", "gw1 = '127.0.71.1:7414'", &secret, &servers, "");
    one.is_joined("gw2");
    two.is_joined("gw1");
    let before = homes(&one, &folder);
    let distinct: std::collections::HashSet<_> = before.iter().collect();
    assert_eq!(distinct.len(), 3, "clients are spread");
    two.knows(2 * CLIENTS);
    one.kill();
    assert_eq!(homes(&two, &folder), before, "failover");
    // It knows nothing of its own: all it has is what the other one tells.
    one.start();
    one.is_joined("gw2");
    one.knows(2 * CLIENTS);
    assert_eq!(homes(&one, &folder), before, "and back");
    let digest = |node: &Node| node.metric("sekisho_peer_table_digest{domain=\"default\"}");
    until("both hold the same", || (digest(&one)? == digest(&two)?).then_some(()));
    let differences = "sekisho_peer_differences{peer=\"gw1\"}";
    assert_eq!(two.metric(differences), Some(0.0), "{}", two.log());
}

#[test]
fn what_the_other_nodes_hold_is_shown_beside_what_this_one_does() {
    let folder = Folder::new("peers-compare");
    let (secret, servers) = (secret(&folder, "the secret of both nodes"), servers("127.0.71.29"));
    let one = Node::new("gw1", "127.0.71.21", "gw2 = '127.0.71.22:7414'", &secret, &servers, "");
    let two = Node::new("gw2", "127.0.71.22", "gw1 = '127.0.71.21:7414'", &secret, &servers, "");
    one.is_joined("gw2");
    (0..CLIENTS).for_each(|n| _ = one.user(&format!("user{n}")));
    for (node, other) in [(&one, "gw2"), (&two, "gw1")] {
        let shows = |name: &str| node.metric(&format!("{name}{{peer=\"{other}\",domain=\"default\"}}"));
        until("the other one's entries are shown", || {
            (shows("sekisho_peer_remote_entries")? as usize == CLIENTS).then_some(())
        });
        until("they are the same", || (shows("sekisho_peer_table_alike")? > 0.5).then_some(()));
        let ahead = node.metric(&format!("sekisho_peer_clock_ahead_seconds{{peer=\"{other}\"}}")).unwrap();
        assert!(ahead.abs() < 60.0, "{ahead}");
        assert!(!node.log().contains("The clocks"), "{}", node.log());
    }
}

#[test]
fn nodes_that_would_choose_differently_say_so() {
    let folders = [Folder::new("peers-differ-1"), Folder::new("peers-differ-2")];
    let servers = servers("127.0.71.19");
    let secrets =
        [secret(&folders[0], "one secret, long enough"), secret(&folders[1], "another one, long enough")];
    let one = Node::new("gw1", "127.0.71.11", "gw2 = '127.0.71.12:7414'", &secrets[0], &servers, "");
    let two = Node::new("gw2", "127.0.71.12", "gw1 = '127.0.71.11:7414'", &secrets[1], &servers[..2], "");
    for (node, other) in [(&one, "gw2"), (&two, "gw1")] {
        node.is_joined(other);
        let line = format!("sekisho_peer_differences{{peer=\"{other}\"}}");
        until("what differs is counted", || (node.metric(&line)? == 2.0).then_some(()));
        until("it is logged", || node.log().contains("Nodes differ in what must agree").then_some(()));
        assert!(node.log().contains("secret, pool `web`"), "{}", node.log());
    }
}

#[test]
fn nodes_prove_each_other_over_tls_and_take_nobody_else() {
    let folders = [Folder::new("peers-tls-1"), Folder::new("peers-tls-2"), Folder::new("peers-tls-3")];
    let (secret, servers) = (secret(&folders[0], "the secret of all nodes"), servers("127.0.71.39"));
    let (authority, other) = (Authority::new(), Authority::new());
    let tls = |authority: &Authority, folder: &Folder| {
        let certificate = authority.issue(&["nodes.example"], folder.path());
        let ca = authority.write(folder.path());
        format!(
            "tls = {{ certificate = '{}', ca = '{}', server-name = 'nodes.example' }}\n",
            certificate.display(),
            ca.display()
        )
    };
    let (near, far) = ("gw1 = '127.0.71.31:7414'", "gw2 = '127.0.71.32:7414', gw3 = '127.0.71.33:7414'");
    let one = Node::new("gw1", "127.0.71.31", far, &secret, &servers, &tls(&authority, &folders[0]));
    let two = Node::new("gw2", "127.0.71.32", near, &secret, &servers, &tls(&authority, &folders[1]));
    let stranger = Node::new("gw3", "127.0.71.33", near, &secret, &servers, &tls(&other, &folders[2]));
    one.is_joined("gw2");
    two.is_joined("gw1");
    let home = one.user("alice");
    two.knows(1);
    assert_eq!(two.user("alice"), home);
    until("the stranger has been told why", || stranger.log().contains("A peer is not there").then_some(()));
    assert_eq!(stranger.metric("sekisho_peer_up{peer=\"gw1\"}"), Some(0.0));
    assert_eq!(one.metric("sekisho_peer_up{peer=\"gw3\"}"), Some(0.0));
    stranger.knows(0);
}
