mod asked;
mod hostile;
mod identifiers;
mod login;
mod written;

/// Packets as real programs sent them; each file says which.
pub(super) const ASKED: [(&str, &str); 2] = [
    ("xfreerdp", include_str!("../../../../tests/deep/freerdp-connect-initial.txt")),
    ("rdesktop", include_str!("../../../../tests/deep/rdesktop-connect-initial.txt")),
];
pub(super) const GRANTED: [(&str, &str); 2] = [
    ("xrdp", include_str!("../../../../tests/deep/xrdp-connect-response.txt")),
    ("freerdp-shadow", include_str!("../../../../tests/deep/shadow-connect-response.txt")),
];
/// With domain and user as they stand there.
pub(super) const LOGINS: [(&str, &str, &str); 4] = [
    ("SALES", "alice", include_str!("../../../../tests/deep/freerdp-client-info.txt")),
    ("", "carla@company.example", include_str!("../../../../tests/deep/freerdp-upn-client-info.txt")),
    ("", "SALES\\alice", include_str!("../../../../tests/deep/rdesktop-client-info.txt")),
    ("LAB", "bob", include_str!("../../../../tests/deep/rdesktop-domain-client-info.txt")),
];

pub(super) fn bytes(text: &str) -> Vec<u8> {
    sekisho_testkit::hex(text).expect("hexadecimal")
}

/// Every packet of those above.
pub(super) fn recorded() -> Vec<Vec<u8>> {
    let texts = ASKED.iter().chain(&GRANTED).map(|(_, text)| *text).chain(LOGINS.iter().map(|login| login.2));
    texts.map(bytes).collect()
}
