//! Clients that are told of new mail.

use super::farm::{Farm, Plan};

/// Two clients wait for mail, which a third leaves when every deadline but that of waiting is long over.
const IDLE: &str = r#"
import time
clients = [Started(), Secured()]
for client in clients:
    client.login("anna", "secret")
    client.select()
    assert "IDLE" in client.capabilities, client.capabilities
    client.send(b"x1 IDLE\r\n")
    print(client.readline().decode().strip())
time.sleep(3)
other = Secured()
other.login("ANNA", "secret")
other.append("INBOX", None, None, mail("new"))
for client in clients:
    line = client.readline()
    while line and b"EXISTS" not in line:
        line = client.readline()
    print(line.decode().strip())
    client.send(b"DONE\r\n")
    while not line.startswith(b"x1"):
        line = client.readline()
    client.logout()
"#;

#[test]
fn idle_for_longer_than_every_other_deadline_is_told_of_new_mail() {
    let vip =
        "timeouts = { handshake = '1s', head = '1s', connect = '1s', response = '1s', half-closed = '1s' }";
    let farm = Farm::planned(20, &Plan { vip, ..Plan::default() });
    assert_eq!(farm.python(IDLE, &[]), "+ idling\n+ idling\n* 1 EXISTS\n* 1 EXISTS");
    farm.home("anna");
}
