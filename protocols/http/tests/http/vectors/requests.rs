use super::*;

/// One server that answers all, behind one gateway.
pub(super) async fn rig() -> (Rig, Origin) {
    let origin =
        Origin::new(|seen| match seen.header("expect").iter().any(|value| value.ends_with("100-continue")) {
            true => Reply::Interim(
                b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
            ),
            false => Reply::ok(""),
        })
        .await;
    (Rig::new("", &[&origin]).await, origin)
}

/// What must hold for every request that reaches a server, whatever was sent.
fn sound(name: &str, seen: &[Seen]) {
    for seen in seen {
        let count = |field| seen.header(field).len();
        assert!(count("content-length") + count("transfer-encoding") <= 1, "{name}: {}", seen.head);
        assert!(seen.header("transfer-encoding").iter().all(|coding| *coding == "chunked"), "{name}");
        assert_eq!(count("host"), 1, "{name}: {}", seen.head);
        let lines = seen.head.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
        assert!(lines.clone().all(|line| !line.contains(['\r', '\n', '\0'])), "{name}: {:?}", seen.head);
        for line in lines.skip(1) {
            let field = line.split_once(": ").unwrap_or_else(|| panic!("{name}: {line:?}")).0;
            assert!(!field.is_empty() && !field.contains([' ', '\t']), "{name}: {line:?}");
        }
    }
}

/// What the vector says about the fields of the first request that the server saw.
fn fields(vector: &Vector, seen: &[Seen]) {
    let name = &vector.name;
    for with in vector.notes("with") {
        let (field, value) = with.split_once(':').unwrap();
        let value = value.trim_start();
        let found: Vec<String> =
            seen[0].header(field).iter().map(|value| plain(&value.replace('\t', "\\t"))).collect();
        let fits = match value.strip_suffix('*') {
            Some(prefix) => found.len() == 1 && found[0].starts_with(prefix),
            None => found == [value],
        };
        assert!(fits, "{name}: {field} is {found:?}");
    }
    for field in vector.notes("without") {
        assert!(seen[0].header(field).is_empty(), "{name}: {}", seen[0].head);
    }
}

#[test]
fn table_is_large_and_says_of_each_vector_where_it_comes_from() {
    let table = requests();
    assert!(table.len() >= 300, "{}", table.len());
    for vector in &table {
        assert!(!vector.note("source").is_empty() && !vector.note("expect").is_empty(), "{}", vector.name);
        assert!(!vector.bytes.is_empty(), "{}", vector.name);
    }
}

#[test]
fn every_vector_is_refused_or_read_in_one_way() {
    test(async {
        let (rig, origin) = rig().await;
        let mut problems = Vec::new();
        for vector in requests() {
            let (found, seen) = outcome(&rig, &origin, &[&vector.bytes]).await;
            sound(&vector.name, &seen);
            if found == vector.note("expect") {
                fields(&vector, &seen);
            } else {
                problems.push(format!("{}: {found}; not {}", vector.name, vector.note("expect")));
            }
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    });
}

/// Each split of each short vector in this share of the table. Each vector has the time of a test of its own: all of
/// them take seconds on an idle machine, and many times as long on a busy one.
fn splits(share: usize) {
    for vector in requests().into_iter().skip(share).step_by(4).filter(|vector| vector.bytes.len() <= 400) {
        test(async {
            let (rig, origin) = rig().await;
            for at in 1..vector.bytes.len() {
                let (first, second) = vector.bytes.split_at(at);
                let (found, seen) = outcome(&rig, &origin, &[first, second]).await;
                assert_eq!(found, vector.note("expect"), "{} cut at {at}", vector.name);
                sound(&vector.name, &seen);
            }
        });
    }
}

#[test]
fn every_split_of_a_vector_has_its_outcome_1() {
    splits(0);
}

#[test]
fn every_split_of_a_vector_has_its_outcome_2() {
    splits(1);
}

#[test]
fn every_split_of_a_vector_has_its_outcome_3() {
    splits(2);
}

#[test]
fn every_split_of_a_vector_has_its_outcome_4() {
    splits(3);
}
