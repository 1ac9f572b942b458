//! Deep mode for servers that take TLS: the gateway learns who it is before it chooses.

use super::XFREERDP;
use super::desktops::Desktops;

/// With TLS of the gateway's own to the client and to the server.
const VIP: &str = "tls = { mode = 'starttls', certificates = ['desktops.example.org.pem'] }\n\
                   [vip.desktops.rdp]\ndeep = 'replay'";
const POOL: &str = "method = 'least-connections'\nprobe = { kind = 'rdp', interval = '60s' }\n\
                    tls = { mode = 'starttls', verify = false }";

/// What all send for a cookie, and what is none.
const COOKIE: &str = "/load-balance-info:Cookie: mstshash=same";
const NONE: &str = "/load-balance-info:tsv://Desktops";

#[test]
fn users_who_send_one_cookie_or_none_are_told_apart_and_each_returns_to_the_desktop_that_runs() {
    let desktops = Desktops::start("replay", VIP, POOL);
    let (near, far) = (&desktops.farm.near, &desktops.farm.far);
    let xfreerdp = |cookie, user| [&XFREERDP[..], &[cookie, user, "/p:secret"]].concat();
    let anna = desktops.enter(near, "anna", &xfreerdp(COOKIE, "/u:anna"));
    let otto = desktops.enter(near, "otto", &xfreerdp(COOKIE, "/u:otto"));
    desktops.farm.picture("replay");
    assert_ne!(anna.1.server, otto.1.server, "{}", desktops.log());
    let [anna, otto] = [anna.1, otto.1];

    // Both are gone, and come back in the other order.
    for cookie in [COOKIE, NONE, "/load-balance-info:Cookie: mstshash=anna"] {
        let (_one, desktop) = desktops.enter(far, "otto", &xfreerdp(cookie, "/u:CORP\\otto"));
        assert_eq!(desktop, otto, "{cookie}\n{}", desktops.log());
        let (_two, desktop) = desktops.enter(far, "anna", &xfreerdp(cookie, "/u:anna"));
        assert_eq!(desktop, anna, "{cookie}\n{}", desktops.log());
    }
    let rdesktop = ["rdesktop", "-a", "32", "-g", "640x480", "-u", "otto", "-p", "secret", "10.99.0.1"];
    assert_eq!(desktops.enter(near, "otto", &rdesktop).1, otto, "{}", desktops.log());
    assert_eq!([desktops.begun("anna"), desktops.begun("otto")], [[anna], [otto]]);
}
