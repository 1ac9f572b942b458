//! One oracle for the fuzzer and for ordinary tests.

/// Takes `data` for every packet of the sequence, and checks what holds for all bytes.
///
/// # Panics
/// If something does not hold; that is the finding.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let _ = super::packet(data);
}
