use super::{Folder, Running, Sekisho, nginx, run};

/// A real nginx that serves the files of a folder.
fn files(folder: &Folder, address: &str) -> Running {
    let types =
        "types { text/plain txt; application/json json; image/png png; } charset utf-8; access_log off;";
    nginx(folder, address, types, &format!("listen {address}; root {};", folder.path().display()))
}

/// Lines that are alike and yet differ.
fn lines(count: usize) -> String {
    (0..count).map(|n| format!("{n}: the traveller {} is on the road\n", n * n % 8191)).collect()
}

#[test]
fn curl_gets_the_same_bytes_in_every_coding_and_version() {
    let (listen, server) = ("127.0.4.161:7450", "127.0.4.161:7451");
    let folder = Folder::new("compression-files");
    let bodies = [("large.txt", lines(200_000)), ("page.json", lines(100)), ("small.txt", lines(3))];
    for (name, body) in &bodies {
        folder.write(name, body);
    }
    let picture = lines(1000);
    folder.write("picture.png", &picture);
    let _nginx = files(&folder, server);
    let configuration = format!(
        "[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n[vip.web.http]\ncompression = {{}}\n\
         [pool.web]\nservers = {{ files = '{server}' }}\n"
    );
    let sekisho = Sekisho::start("compression", &configuration, listen);
    let get = |way: &str, coding: &str, name: &str| {
        let (accept, url) = (format!("Accept-Encoding: {coding}"), format!("http://{listen}/{name}"));
        let written = "\n%{size_download} %header{content-encoding} %header{vary}";
        let arguments = ["--silent", "--compressed", "--write-out", written, way, "--header", &accept, &url];
        let output = run("curl", &arguments);
        assert!(output.status.success(), "{output:?}\n{}", sekisho.log());
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, facts) = text.rsplit_once('\n').map(|(b, f)| (b.to_owned(), f.to_owned())).unwrap();
        let (size, coded) = facts.split_once(' ').map(|(s, c)| (s.parse().unwrap(), c.to_owned())).unwrap();
        (body, size, coded)
    };
    for way in ["--http1.1", "--http2-prior-knowledge"] {
        for coding in ["gzip", "br", "zstd"] {
            for (name, body) in &bodies {
                let (got, size, coded): (_, usize, _) = get(way, coding, name);
                assert!(got == *body, "{way} {coding} {name}: {} bytes instead of {}", got.len(), body.len());
                let expected =
                    if body.len() < 1024 { " ".to_owned() } else { format!("{coding} accept-encoding") };
                assert_eq!(coded, expected, "{way} {name}");
                assert!(coded == " " || size * 2 < body.len(), "{way} {coding} {name}: {size} bytes");
            }
            let (got, _, coded) = get(way, coding, "picture.png");
            assert!(got == picture && coded == " ", "{way} {coding}: {coded}");
        }
        let (got, _, coded) = get(way, "identity", "large.txt");
        assert!(got == bodies[0].1 && coded == " accept-encoding", "{way}: {coded}");
    }
}

#[test]
fn page_of_the_operators_own_is_what_curl_shows_when_servers_are_down() {
    let (listen, server) = ("127.0.4.162:7450", "127.0.4.162:7451");
    let folder = Folder::new("error-pages");
    folder.write("busy.html", "<h1>{status} {reason}</h1>\n");
    let files_of_server = Folder::new("error-pages-files");
    let nginx = files(&files_of_server, server);
    let configuration = format!(
        "[vip.web]\nlisten = '{listen}'\nprotocol = 'http'\npool = 'web'\n\
         [vip.web.http.error-pages]\n4xx = 'busy.html'\n5xx = 'busy.html'\nintercept = true\n\
         [pool.web]\nservers = {{ files = '{server}' }}\n"
    );
    let sekisho = Sekisho::start_in(folder, &configuration, listen);
    let url = format!("http://{listen}/nowhere.txt");
    let show = |arguments: &[&str]| {
        let always = ["--silent", "--write-out", "%{http_code} %{content_type}", &url];
        let output = run("curl", &[&always, arguments].concat());
        assert!(output.status.success(), "{output:?}\n{}", sekisho.log());
        String::from_utf8(output.stdout).unwrap()
    };
    for way in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(show(&[way]), "<h1>404 Not Found</h1>\n404 text/html; charset=utf-8");
    }
    drop(nginx);
    for way in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(show(&[way]), "<h1>503 Service Unavailable</h1>\n503 text/html; charset=utf-8");
        let head = show(&[way, "--head"]);
        assert!(head.to_lowercase().contains("content-length: 33\r\n"), "{head}");
        assert!(head.ends_with("\r\n\r\n503 text/html; charset=utf-8"), "{head}");
    }
}
