//! CONNECT and TRACE, which are served where the configuration says so, and OPTIONS, which is everywhere.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::support::{Origin, Reply, Rig, Setup, test};

const CONNECT: &str = "CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n";

#[test]
fn neither_is_served_unless_allowed_and_the_connection_ends() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("", &[&origin]).await;
        for request in [CONNECT, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let mut client = rig.client().await;
            let answer = client.ask(request).await;
            assert_eq!((answer.status, answer.header("connection")), (405, vec!["close"]));
        }
        assert!(origin.seen().is_empty());
    });
}

#[test]
fn connect_that_is_agreed_to_is_a_tunnel_from_the_first_byte_behind_it() {
    test(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let servers = vec![listener.local_addr().unwrap()];
        let options = "allow-methods = ['CONNECT']";
        let rig = Rig::with(Setup { options, servers, ..Setup::default() }).await;
        let mut client = rig.client().await;
        client.send(format!("{CONNECT}early")).await;
        let (mut upstream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(upstream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("CONNECT db.example:5432 HTTP/1.1\r\n"), "{head}");
        let said = "HTTP/1.0 200 Connection established\r\nContent-Length: 3\r\nX-Own: 1\r\n\r\nhello";
        upstream.write_all(said.as_bytes()).await.unwrap();
        let answer = client.any_answer("HEAD").await;
        assert!(answer.head.starts_with("HTTP/1.1 200 Connection established\r\n"), "{}", answer.head);
        assert_eq!((answer.header("x-own"), answer.header("content-length")), (vec!["1"], vec![]));
        assert!(answer.header("upgrade").is_empty() && answer.header("transfer-encoding").is_empty());
        let mut early = [0; 5];
        upstream.read_exact(&mut early).await.unwrap();
        assert_eq!(&early, b"early");
        upstream.write_all(b" and bye").await.unwrap();
        drop(upstream);
        assert_eq!(client.rest().await, "hello and bye");
        drop(client);
        rig.quiet().await;
        let record = rig.records().remove(0);
        assert_eq!(record, "CONNECT db.example:5432 HTTP/1.1 200 s1 method in=5 out=13 tries=1 done");
    });
}

#[test]
fn connect_that_is_declined_is_an_answer_and_what_stands_behind_it_is_no_request() {
    test(async {
        let origin = Origin::new(|_| Reply::say("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")).await;
        let rig = Rig::new("allow-methods = ['CONNECT']", &[&origin]).await;
        let mut client = rig.client().await;
        client.send(format!("{CONNECT}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let answer = client.answer("CONNECT").await;
        assert_eq!((answer.status, answer.text(), answer.header("connection")), (403, "no", vec!["close"]));
        assert_eq!(client.rest().await, "");
        assert_eq!(origin.seen().len(), 1);
    });
}

#[test]
fn neither_has_a_body() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("allow-methods = ['CONNECT', 'TRACE']", &[&origin]).await;
        for framing in ["Content-Length: 1\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
            for line in ["CONNECT a:1", "TRACE /"] {
                let asked = format!("{line} HTTP/1.1\r\nHost: a\r\n{framing}");
                assert_eq!(rig.client().await.ask(asked).await.status, 400, "{line} {framing}");
            }
        }
        assert!(origin.seen().is_empty());
    });
}

#[test]
fn connect_names_a_host_with_a_port() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("allow-methods = ['CONNECT']", &[&origin]).await;
        for target in ["a", "a:", "/", "http://a:1/", "u@a:1", "a:0x1", "*"] {
            let asked = format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(rig.client().await.ask(asked).await.status, 400, "{target}");
        }
        assert!(origin.seen().is_empty());
    });
}

#[test]
fn trace_that_is_allowed_and_options_of_the_server_as_a_whole_go_through() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("allow-methods = 'TRACE'", &[&origin]).await;
        let mut client = rig.client().await;
        assert_eq!(client.ask("TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 200);
        assert_eq!(client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 200);
        let seen = origin.seen();
        assert_eq!((seen[0].line(), seen[1].line()), ("TRACE /x HTTP/1.1", "OPTIONS * HTTP/1.1"));
    });
}

#[test]
fn rule_for_every_path_is_one_for_connect() {
    test(async {
        let origin = Origin::named("a").await;
        let options = "allow-methods = ['CONNECT']\nrules = [{ path-prefix = '/', answer = 403 }]";
        let rig = Rig::new(options, &[&origin]).await;
        assert_eq!(rig.client().await.ask(CONNECT).await.status, 403);
        assert!(origin.seen().is_empty());
    });
}

#[test]
fn options_and_trace_go_as_far_as_they_may() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("allow-methods = 'TRACE'", &[&origin]).await;
        let mut client = rig.client().await;
        let mut ask = async |line: &str, left: &str| {
            client
                .ask(format!("{line} HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nMax-Forwards: {left}\r\n\r\n"))
                .await
        };
        let answer = ask("OPTIONS *", "0").await;
        assert_eq!((answer.status, answer.text()), (200, ""));
        assert!(answer.header("allow")[0].contains("OPTIONS"));
        let answer = ask("TRACE /x?y", "0").await;
        assert_eq!((answer.status, answer.header("content-type")), (200, vec!["message/http"]));
        assert_eq!(answer.text(), "TRACE /x?y HTTP/1.1\r\nhost: a\r\nmax-forwards: 0\r\n\r\n");
        assert!(origin.seen().is_empty());
        for (line, left) in [("OPTIONS /", "3"), ("TRACE /", "1"), ("OPTIONS /", "many"), ("GET /", "0")] {
            assert_eq!(ask(line, left).await.text(), "a", "{line} {left}");
        }
        let left: Vec<String> =
            origin.seen().iter().map(|seen| seen.header("max-forwards")[0].to_owned()).collect();
        assert_eq!(left, ["2", "0", "many", "0"]);
    });
}
