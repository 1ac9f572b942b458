//! The server learns who the client is.

use super::support::{Origin, Rig, Setup, test};

#[test]
fn each_client_keeps_its_own_fields_on_a_shared_server_connection() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("forwarded = \"append\"", &[&origin]).await;
        let (mut one, mut two) = (rig.client().await, rig.client().await);
        one.get("/", "X-Forwarded-For: 192.0.2.1\r\n").await;
        two.get("/", "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-For: 192.0.2.3\r\n").await;
        one.get("/", "").await;
        let seen = origin.seen();
        assert_eq!(seen[0].header("x-forwarded-for"), ["192.0.2.1, 127.0.0.1"]);
        assert_eq!(seen[1].header("x-forwarded-for"), ["192.0.2.2, 192.0.2.3, 127.0.0.1"]);
        assert_eq!(seen[2].header("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn spoofed_fields_of_an_untrusted_client_are_replaced() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::with(Setup {
            options: "forwarded-header = true",
            servers: vec![origin.address],
            tls: true,
            ..Setup::default()
        })
        .await;
        let spoof = "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil\r\n\
                     Forwarded: for=10.0.0.1\r\nX-Forwarded-Port: 1\r\n";
        rig.client().await.get("/", spoof).await;
        let seen = &origin.seen()[0];
        assert_eq!(seen.header("x-forwarded-for"), ["127.0.0.1"]);
        assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
        assert_eq!(seen.header("x-forwarded-host"), ["a.example"]);
        assert_eq!(seen.header("x-forwarded-port"), [rig.address.port().to_string()]);
        assert_eq!(seen.header("forwarded"), ["for=127.0.0.1;host=\"a.example\";proto=https"]);
    });
}

#[test]
fn trusted_proxy_is_believed() {
    test(async {
        let origin = Origin::named("a").await;
        let rig = Rig::new("trusted-networks = [\"127.0.0.0/8\"]", &[&origin]).await;
        rig.client().await.get("/", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n").await;
        let seen = &origin.seen()[0];
        assert_eq!(seen.header("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"]);
        assert_eq!(seen.header("x-forwarded-proto"), ["https"]);
    });
}

#[test]
fn field_that_servers_take_for_a_forwarding_field_passes_only_where_all_do() {
    test(async {
        let spoof = "X_Forwarded_For: 10.0.0.1\r\nX-Forwarded_Proto: https\r\nx_forwarded-host: evil\r\n\
                     X_Forwarded_Port: 1\r\nX_Forwarded_User: me\r\n";
        for (options, passed) in
            [("", 1), ("trusted-networks = [\"127.0.0.0/8\"]", 1), ("forwarded = \"off\"", 5)]
        {
            let origin = Origin::named("a").await;
            let rig = Rig::new(options, &[&origin]).await;
            rig.client().await.get("/", spoof).await;
            let seen = &origin.seen()[0];
            assert_eq!(seen.head.lines().filter(|line| line.contains('_')).count(), passed, "{}", seen.head);
        }
    });
}
