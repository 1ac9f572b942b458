use sekisho_tests::Authority;

use super::{Folder, Nginx, Sekisho, run, web};

#[test]
fn curl_and_openssl_speak_both_versions_resume_and_are_refused_older_ones() {
    let (authority, folder) = (Authority::new(), Folder::new("tls"));
    authority.issue(&["www.example.org"], folder.path());
    let ca = authority.write(folder.path()).display().to_string();
    let listen = "127.0.4.31:7430";
    let servers = [Nginx::start("www1", "127.0.4.31:7431")];
    let vip = "tls = { certificates = ['www.example.org.pem'] }\npersist = ['cookie']";
    let _sekisho = Sekisho::start_in(folder, &web(listen, &servers, vip, ""), listen);
    let url = "https://www.example.org:7430/";
    let resolve = "www.example.org:7430:127.0.4.31";
    for version in [&["--tlsv1.2", "--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let mut arguments = vec!["--silent", "--include", "--cacert", &ca, "--resolve", resolve, url];
        arguments.extend(version);
        let output = run("curl", &arguments);
        let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
        assert!(output.status.success() && text.ends_with("www1\n"), "{version:?}: {output:?}");
        assert!(text.contains("set-cookie: ") && text.contains("; secure"), "{text}");
    }
    let old = ["--silent", "--cacert", &ca, "--resolve", resolve, "--tlsv1.0", "--tls-max", "1.1", url];
    assert!(!run("curl", &old).status.success(), "TLS 1.1 was accepted");
    let session = ["s_client", "-connect", listen, "-servername", "www.example.org", "-tls1_2", "-reconnect"];
    let output = run("openssl", &session);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.matches("Reused, TLSv1.2").count() >= 4, "{text}");
}
