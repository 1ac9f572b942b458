//! What goes over the wire, as tshark reads it.

use std::process::{Command, Stdio};

use sekisho_tests::{program, until};

use super::site::{Site, VIP, VIP_V6};

/// Reads a capture: a line for each packet, with these fields.
fn fields(file: &str, filter: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new(program("tshark"));
    command.args(["-r", file, "-o", "ip.check_checksum:TRUE", "-Y", filter, "-T", "fields"]);
    for name in names {
        command.args(["-e", name]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn tshark_reads_adverts_and_announcements_without_complaint() {
    let mut site = Site::new("capture", 1);
    let folder = super::super::Folder::new("capture-file");
    let file = folder.path().join("wire.pcap");
    let file = file.to_str().unwrap();
    // Written by its own capturing part, which drops no rights and so may write here.
    let dumpcap = program("dumpcap");
    let log = folder.path().join("log");
    let words = [dumpcap.to_str().unwrap(), "-q", "-i", "br0", "-w", file];
    let mut capture = site.switch.run_beside(&log, &words);
    until("it is captured", || folder.read("log").contains("File:").then_some(()));

    site.nodes[0].serve();
    // It checks IPv4 as keepalived does.
    site.nodes[0].start("priority = 200");
    site.is_served_by(1);
    std::thread::sleep(std::time::Duration::from_secs(2));
    site.nodes[0].stop();
    capture.signal(rustix::process::Signal::INT);
    until("the capture ends", || capture.ended());

    let complaints = fields(file, "vrrp && _ws.expert", &["frame.number", "_ws.expert.message"]);
    assert!(complaints.is_empty(), "{complaints:?}");
    let names =
        ["vrrp.version", "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.checksum.status", "ip.ttl", "ipv6.hlim"];
    for (filter, hops) in [("vrrp && ip", ["255", ""]), ("vrrp && ipv6", ["", "255"])] {
        let adverts = fields(file, filter, &names);
        assert!(adverts.len() >= 10, "{filter}: {adverts:?}");
        for advert in &adverts {
            let priority = advert[2].as_str();
            assert!(matches!(priority, "200" | "0"), "{advert:?}");
            assert_eq!([&*advert[0], &*advert[1], &*advert[3]], ["3", "51", "1"], "{advert:?}");
            assert_eq!([&*advert[4], &*advert[5]], hops, "{advert:?}");
        }
        assert_eq!(adverts.last().unwrap()[2], "0", "the last one says that it stops");
    }
    let arps = fields(file, &format!("arp.isgratuitous && arp.src.proto_ipv4 == {VIP}"), &["arp.opcode"]);
    assert!(arps.len() >= 5 && arps.iter().all(|arp| arp[0] == "1"), "{arps:?}");
    let filter =
        format!("icmpv6.type == 136 && icmpv6.nd.na.target_address == {VIP_V6} && ipv6.dst == ff02::1");
    let advertised = fields(file, &filter, &["icmpv6.nd.na.flag.o", "icmpv6.checksum.status", "ipv6.hlim"]);
    let right = |fields: &Vec<String>| fields[1] == "1" && fields[2] == "255" && !fields[0].starts_with('0');
    assert!(advertised.len() >= 5 && advertised.iter().all(right), "{advertised:?}");
}
