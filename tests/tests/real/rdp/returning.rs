//! Who comes back, and where to.

use super::desktops::Desktops;
use super::{RDESKTOP, XFREERDP};

#[test]
fn user_returns_to_the_running_desktop_from_elsewhere_by_other_names_and_programs_and_after_a_restart() {
    let mut desktops = Desktops::start("returning", "", "method = 'least-connections'");
    let words = [&XFREERDP[..], &["/u:anna", "/p:secret"]].concat();
    let (client, home) = desktops.enter(&desktops.farm.near, "anna", &words);
    desktops.farm.picture("anna-first");
    // Beside her, so that least connections sends him to the other server.
    let otto = [&XFREERDP[..], &["/u:otto", "/p:secret"]].concat();
    let (other, elsewhere) = desktops.enter(&desktops.farm.near, "otto", &otto);
    desktops.farm.picture("otto");
    assert_ne!(home.server, elsewhere.server, "{}", desktops.log());
    drop(client);
    for (name, words) in [
        ("xfreerdp-domain", [&XFREERDP[..], &["/u:CORP\\anna", "/p:secret"]].concat()),
        ("rdesktop", [&RDESKTOP[..], &["-u", "anna", "-p", "secret", "10.99.0.1"]].concat()),
        // The server knows her by one name only, so the spelling stands in the cookie alone.
        ("xfreerdp-principal", [&XFREERDP[..], &[PRINCIPAL, "/u:anna", "/p:secret"]].concat()),
    ] {
        let (_client, desktop) = desktops.enter(&desktops.farm.far, "anna", &words);
        desktops.farm.picture(&format!("anna-{name}"));
        assert_eq!(desktop, home, "{name}: {}", desktops.log());
    }
    drop(other);
    desktops.farm.restart();
    assert_eq!(desktops.enter(&desktops.farm.far, "otto", &otto).1, elsewhere, "{}", desktops.log());
    assert_eq!(desktops.begun("anna"), [home]);
    assert_eq!(desktops.begun("otto"), [elsewhere]);
}

const PRINCIPAL: &str = "/load-balance-info:Cookie: mstshash=ANNA@corp.example";
