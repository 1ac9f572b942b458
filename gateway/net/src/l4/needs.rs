//! What the machine must have for VIPs that the kernel serves.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use sekisho_config::{Config, Vip};

use super::choice::Choice;
use super::{claim, nft, service, text};
use crate::doctor::Diagnosis;
use crate::install::{NET_ADMIN, NetworkError};
use crate::live;
use crate::way::Family;

/// The VIPs of a configuration that the kernel serves.
pub(crate) fn serves(config: &Config) -> impl Iterator<Item = &Vip> {
    config.vips.iter().map(AsRef::as_ref).filter(|vip: &&Vip| vip.mode.is_l4())
}

/// Whether the kernel alone sends to a pool: no socket of the gateway's has a client's address there.
pub(crate) fn alone(config: &Config, pool: &str) -> bool {
    let mut users = config.vips.iter().filter(|vip| vip.pools.iter().any(|name| **name == *pool)).peekable();
    users.peek().is_some() && users.all(|vip| vip.mode.is_l4())
}

/// Whether the process may give rules to the kernel, and it forwards, and takes those of a configuration.
///
/// # Errors
/// What is missing, with the remedy.
pub fn check(config: &Config) -> Result<(), NetworkError> {
    if let Some(vip) = serves(config).next().filter(|_| live::capabilities() >> NET_ADMIN & 1 == 0) {
        return Err(NetworkError::NoRight(vip.name.to_string()));
    }
    if let Some((vip, switch)) = held_back(config).next() {
        return Err(NetworkError::NotForwarding { vip: vip.to_owned(), switch });
    }
    let services = service::services(config);
    if !services.is_empty() {
        let choices: Vec<Vec<Choice>> =
            services.iter().map(|service| service.families().map(Choice::example).collect()).collect();
        let served: Vec<_> = services.iter().zip(choices.iter().map(Vec::as_slice)).collect();
        nft(&["--check", "-f", "-"], &text::all(&served))?;
    }
    Ok(())
}

/// As [`check`], for a gateway that begins: whether no other one of the machine has such VIPs.
///
/// # Errors
/// As [`check`], and [`NetworkError::OthersRules`].
pub fn check_first(config: &Config) -> Result<(), NetworkError> {
    check(config)?;
    match serves(config).next() {
        Some(_) => claim().map(drop),
        None => Ok(()),
    }
}

/// VIPs whose packets the kernel does not forward, and the switch that lets it.
fn held_back(config: &Config) -> impl Iterator<Item = (&str, &'static str)> {
    [(Family::V4, "ipv4/ip_forward"), (Family::V6, "ipv6/conf/all/forwarding")].into_iter().filter_map(
        |(family, switch)| {
            let listens = |vip: &&Vip| vip.listen.iter().any(|address| Family::of(address.ip()) == family);
            let vip = serves(config).find(listens)?;
            (live::switch(switch) != Some(true)).then_some((&*vip.name, switch))
        },
    )
}

/// Addresses that packets are not sent to this machine for: they are of no interface, and none that moves.
pub(super) fn strange(config: &Config) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in serves(config).flat_map(|vip| &vip.listen).map(SocketAddr::ip) {
        let strange = !config.moves(address) && UdpSocket::bind((address, 0)).is_err();
        if strange && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// Whether rules, as `nft` lists them, take the clients of a VIP that the gateway itself serves: the kernel rewrites packets
/// before it looks for a socket.
pub(super) fn in_the_way(rules: &str, config: &Config) -> bool {
    let own = config.vips.iter().filter(|vip| !vip.mode.is_l4());
    let taken = |protocol: &str, address: &SocketAddr| {
        let map = format!("vips/{protocol}/");
        let element = format!(" {} . {} : goto ", address.ip().to_canonical(), address.port());
        rules.split("map ").any(|part| part.starts_with(&map) && part.contains(&element))
    };
    own.flat_map(|vip| vip.listen.iter().map(move |address| (vip.transport, address))).any(
        |(transport, address)| {
            transport.tcp() && taken("tcp", address) || transport.udp() && taken("udp", address)
        },
    )
}

/// What the doctor says of them.
pub(crate) fn examine(config: &Config, diagnosis: &mut Diagnosis) {
    if serves(config).next().is_none() {
        return;
    }
    for (vip, switch) in held_back(config) {
        diagnosis.find(
            format!("the kernel serves VIP `{vip}` and does not forward"),
            format!("sysctl -w net.{}=1", switch.replace('/', ".")),
        );
    }
    for address in strange(config) {
        diagnosis.find(
            format!("{address} is of no interface: nobody sends packets for it here"),
            "add it to an interface, or to `addresses` of a [vrrp.NAME]; where a router sends them here, all is right",
        );
    }
    if nft(&["list", "table", "inet", text::TABLE], "").is_err() {
        diagnosis
            .notes
            .push("The rules of VIPs with `mode = \"l4\"` are not in, as no gateway runs here".to_owned());
    }
}
