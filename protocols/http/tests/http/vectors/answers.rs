//! Answers of servers: malformed, or delivered in the one way in which they can be read.

use super::*;

/// The answers.
fn answers() -> Vec<Vector> {
    Vector::table(include_str!("../../../../../fixtures/http/answers.txt")).unwrap()
}

#[test]
fn table_says_of_each_answer_where_it_comes_from() {
    let table = answers();
    assert!(table.len() >= 120, "{}", table.len());
    for vector in &table {
        assert!(!vector.note("source").is_empty() && !vector.note("expect").is_empty(), "{}", vector.name);
    }
}

#[test]
fn every_answer_is_502_or_delivered_in_one_way_and_the_next_client_gets_its_own() {
    test(async {
        let mut problems = Vec::new();
        for vector in answers() {
            let bytes = vector.bytes.clone();
            let origin = Origin::new(move |seen| match seen.line().contains(" /lie ") {
                true => Reply::Last(bytes.clone()),
                false => Reply::ok("truth"),
            })
            .await;
            let rig = Rig::new("response-timeout = \"2s\"", &[&origin]).await;
            let method = if vector.note("asked").is_empty() { "GET" } else { vector.note("asked") };
            let mut client = rig.client().await;
            let answer = client
                .ask(format!("{method} /lie HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\n\r\n"))
                .await;
            let mut found = answer.status.to_string();
            if answer.status == 200 && !answer.body.is_empty() {
                let _ = write!(found, " \"{}\"", short(&answer.body.escape_ascii().to_string()));
            }
            if !answer.complete {
                found += " cut";
            }
            if found != vector.note("expect") {
                problems.push(format!("{}: {found}; not {}", vector.name, vector.note("expect")));
            }
            sound(&vector, &answer.head);
            // On the same connection, if it is kept, and on a new one.
            client.try_send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
            let next = client.answer("GET").await;
            assert!(next.status == 0 || next.text() == "truth", "{}: {next:?}", vector.name);
            assert_eq!(rig.client().await.get("/", "").await.text(), "truth", "{}", vector.name);
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    });
}

/// What must hold for every head that reaches a client, whatever the server said.
fn sound(vector: &Vector, head: &str) {
    let name = &vector.name;
    let lines: Vec<&str> = head.strip_suffix("\r\n\r\n").unwrap_or_default().split("\r\n").collect();
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\0'])), "{name}: {head:?}");
    let count = |field: &str| {
        let fields = lines.iter().filter_map(|line| line.split_once(':'));
        fields.filter(|(found, _)| found.eq_ignore_ascii_case(field)).count()
    };
    assert!(count("content-length") + count("transfer-encoding") <= 1, "{name}: {head}");
    for field in vector.notes("without") {
        assert_eq!(count(field), 0, "{name}: {head}");
    }
}
