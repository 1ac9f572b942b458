//! Network Level Authentication is between client and server.

use sekisho_tests::until;

use super::farm::Farm;
use super::shadow::Shadow;

const XFREERDP: [&str; 6] =
    ["xfreerdp", "/v:10.99.0.1", "/cert:ignore", "/sec:nla", "/u:anna", "/log-level:INFO"];

#[test]
fn right_password_opens_the_screen_and_a_wrong_one_is_refused_by_the_server_itself() {
    let shadow = Shadow::start("s1");
    // It has one client at a time, and a probe is one.
    let pool = "[pool.desktops]\nprobe = { kind = 'rdp', interval = '600s' }";
    let farm = Farm::start("nla", &[&shadow.machine], pool);
    let mut refused = farm.client(&farm.near, &[&XFREERDP[..], &["/p:wrong"]].concat());
    let status = until("a wrong password is refused", || refused.program.ended());
    assert!(!status.success());
    let count = until("the server says so", || Some(shadow.refused()).filter(|count| *count > 0));
    let mut client = farm.client(&farm.near, &[&XFREERDP[..], &["/p:secret"]].concat());
    until("the screen opens", || (shadow.activated() == 1).then_some(()));
    farm.picture("nla");
    assert!(client.program.ended().is_none(), "{}", client.said());
    assert_eq!(shadow.refused(), count);
}
