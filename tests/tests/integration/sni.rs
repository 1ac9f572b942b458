use sekisho_tests::{Authority, HttpServer, Rig, folder, tls_client};

use super::request;

/// Two gateways in a row: the first routes by name without a key of its own, the second ends the TLS.
#[test]
fn name_in_the_hello_chooses_the_pool_and_nothing_is_decrypted() {
    let authority = Authority::new();
    let folder = folder("sni");
    let (red, blue) = (HttpServer::start("red"), HttpServer::start("blue"));
    let mut ends = String::new();
    for (name, server) in [("red", &red), ("blue", &blue)] {
        let pem = authority.issue(&[&format!("{name}.example.org")], &folder);
        ends += &format!(
            "[vip.{name}]\nlisten = '127.0.0.1:0'\nprotocol = 'http'\npool = '{name}'\n\
             tls = {{ certificates = ['{}'] }}\n[pool.{name}]\nservers = {{ {name} = '{}' }}\n",
            pem.display(),
            server.address()
        );
    }
    let ends = Rig::start_in(&ends, folder);
    let front = Rig::start(&format!(
        "[vip.front]\nlisten = '127.0.0.1:0'\nprotocol = 'sni'\npool = 'red'\npools = ['blue']\n\
         [vip.front.sni]\nroutes = {{ 'blue.example.org' = 'blue' }}\n\
         [pool.red]\nservers = {{ r = '{}' }}\n[pool.blue]\nservers = {{ b = '{}' }}\n",
        ends.address("red"),
        ends.address("blue")
    ));
    for name in ["red.example.org", "blue.example.org"] {
        let mut client = tls_client(&authority.client(), name, front.address("front")).unwrap();
        let (_, body) = request(&mut client, &format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n"));
        assert_eq!(format!("{body}.example.org"), name);
    }
}
