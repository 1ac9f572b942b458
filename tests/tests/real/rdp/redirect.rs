//! Deep mode for servers that take nobody without Network Level Authentication.

use sekisho_tests::until;

use super::farm::{Client, Farm};
use super::shadow::Shadow;

const VIP: &str = "tls = { mode = 'starttls', certificates = ['desktops.example.org.pem'] }\n\
                   [vip.desktops.rdp]\ndeep = 'redirect'\n\
                   [pool.desktops]\nmethod = 'least-connections'\nprobe = { kind = 'rdp', interval = '600s' }";

/// xfreerdp, which takes what it is offered, with the cookie that all send.
const XFREERDP: [&str; 5] = [
    "xfreerdp",
    "/v:10.99.0.1",
    "/cert:ignore",
    "/log-level:INFO",
    "/load-balance-info:Cookie: mstshash=same",
];

/// Two servers, and the gateway before them.
struct Farmed {
    farm: Farm,
    servers: [Shadow; 2],
}

impl Farmed {
    fn client(&self, user: &str, password: &str) -> Client {
        let options = [format!("/u:{user}"), format!("/p:{password}")];
        let options = options.each_ref().map(String::as_str);
        self.farm.client(&self.farm.near, &[&XFREERDP[..], &options].concat())
    }

    /// Starts a client, waits until a server shows it its screen, and gives the server's name.
    fn enter(&self, user: &str) -> (Client, &'static str) {
        let counts = || self.servers.each_ref().map(Shadow::activated);
        let before = counts();
        let mut client = self.client(user, "secret");
        let place = until(&format!("{user} enters"), || {
            if let Some(status) = client.program.ended() {
                panic!("{status}\n{}\n{}", client.said(), self.farm.log());
            }
            counts().iter().zip(before).position(|(now, before)| *now > before)
        });
        (client, self.servers[place].name)
    }
}

#[test]
fn users_who_send_one_cookie_are_led_to_servers_of_their_own_where_a_wrong_password_is_refused() {
    let servers = ["s1", "s2"].map(Shadow::start);
    let farm = Farm::start("redirect", &[&servers[0].machine, &servers[1].machine], VIP);
    let farmed = Farmed { farm, servers };
    let (anna, home) = farmed.enter("anna");
    let (otto, elsewhere) = farmed.enter("otto");
    farmed.farm.picture("redirect");
    assert_ne!(home, elsewhere);
    drop((anna, otto));
    for _ in 0..2 {
        assert_eq!(farmed.enter("otto").1, elsewhere);
        assert_eq!(farmed.enter("anna").1, home);
    }
    let mut refused = farmed.client("anna", "wrong");
    let status = until("a wrong password is refused", || refused.program.ended());
    assert!(!status.success());
    let server = farmed.servers.iter().find(|server| server.name == home).unwrap();
    until("the server says so", || (server.refused() > 0).then_some(()));
}
