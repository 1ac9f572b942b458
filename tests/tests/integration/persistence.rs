use sekisho_tests::{HttpServer, LineServer, Rig, folder};

use super::{connect_from, greeting, https, lines, request};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";

#[test]
fn client_keeps_its_server_over_a_restart_of_the_gateway() {
    let servers = ["one", "two", "three", "four"].map(LineServer::start);
    let folder = folder("persistence");
    let state = folder.join("state");
    let configuration = format!(
        "[gateway]\nstate-directory = '{}'\n\
         [vip.v]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'p'\npersist = ['source-ip']\n\
         [pool.p]\nmethod = 'round-robin'\nservers = {{ {} }}\n",
        state.display(),
        lines(&servers)
    );
    let homes = |rig: &Rig| -> Vec<String> {
        let home = |host| greeting(&connect_from(&format!("127.0.0.{host}"), rig.address("v")));
        (2..12).map(home).collect()
    };
    let mut rig = Rig::start(&configuration);
    let before = homes(&rig);
    rig.stop().wait();
    let mut rig = Rig::start(&configuration);
    // In another order first, so that the method alone would not come to the same.
    assert_eq!(greeting(&connect_from("127.0.0.11", rig.address("v"))), before[9]);
    assert_eq!(homes(&rig), before);
    rig.stop().wait();
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn client_is_on_the_server_of_the_same_name_at_every_vip_of_a_domain() {
    let names = ["one", "two", "three"];
    let (plain, web) = (names.map(LineServer::start), names.map(HttpServer::start));
    let rig = Rig::start(&format!(
        "[vip.lines]\nlisten = '127.0.0.1:0'\nprotocol = 'tcp'\npool = 'lines'\npersist = ['source-ip']\n\
         [vip.web]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = 'web'\npersist = ['source-ip']\n\
         [pool.lines]\nservers = {{ {} }}\n[pool.web]\nservers = {{ {} }}\n",
        lines(&plain),
        https(&web)
    ));
    let line = |from: &str| greeting(&connect_from(from, rig.address("lines")));
    let page = |from: &str| request(&mut connect_from(from, rig.address("web")), GET).1;
    for host in 2..8 {
        let from = format!("127.0.0.{host}");
        // Whichever VIP is met first decides for the other.
        let both = if host % 2 == 0 {
            (line(&from), page(&from))
        } else {
            let page = page(&from);
            (line(&from), page)
        };
        assert_eq!(both.0, both.1, "{from}");
        // A turn of the method in between, so that equal turns are no explanation.
        line("127.0.0.100");
    }
}
