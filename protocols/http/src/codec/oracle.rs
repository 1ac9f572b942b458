//! One oracle for the fuzzer and for ordinary tests.

/// Takes `data` for what a client says and for what a server answers, and checks what holds for all bytes.
///
/// # Panics
/// If something does not hold; that is the finding.
#[doc(hidden)]
pub fn wire_oracle(data: &[u8]) {
    super::server::oracle(data);
    super::client::oracle(data);
}

#[cfg(test)]
mod tests {
    use sekisho_testkit::Vector;

    use super::*;

    #[test]
    fn whatever_is_read_holds_what_holds_for_all_bytes() {
        let requests = Vector::table(include_str!("../../../../fixtures/http/requests.txt")).unwrap();
        let answers = Vector::table(include_str!("../../../../fixtures/http/answers.txt")).unwrap();
        let vectors: Vec<Vec<u8>> = requests.into_iter().chain(answers).map(|vector| vector.bytes).collect();
        for bytes in &vectors {
            wire_oracle(bytes);
        }
        let words: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).filter(|bytes| bytes.len() < 200).collect();
        // Each on its own and damaged, and several behind each other.
        let mut lines = |data: &[u8]| {
            let mut rest = data;
            let mut all = Vec::new();
            while let [_, length, behind @ ..] = rest {
                let (piece, behind) = behind.split_at(usize::from(*length).min(behind.len()));
                wire_oracle(piece);
                all.extend_from_slice(piece);
                rest = behind;
            }
            wire_oracle(&all);
        };
        sekisho_testkit::seeded(3000, &words, &mut lines);
        let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz/http");
        assert!(sekisho_testkit::regressions(found, wire_oracle) > 0);
    }
}
