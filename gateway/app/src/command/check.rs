//! `sekisho check`: every problem of a configuration, or what it makes.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sekisho_api::Transport;
use sekisho_config::{Config, Loaded, Registry, VrrpMode};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::cli::CheckOptions;
use crate::failure::Failure;
use crate::table::Table;

/// Checks the file.
pub(crate) fn run(
    options: &CheckOptions,
    registry: &Registry,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let now = SystemTime::now();
    let Loaded { config, warnings } =
        sekisho_config::check_file(&options.file, registry, now).map_err(Failure::Configuration)?;
    if !warnings.is_empty() {
        writeln!(out, "{warnings}")?;
    }
    write!(out, "{}", summary(&config, now)?)?;
    if options.warnings_are_errors && !warnings.is_empty() {
        writeln!(out, "\n{} has warnings", options.file.display())?;
        return Ok(ExitCode::from(1));
    }
    writeln!(out, "\n{} is right", options.file.display())?;
    Ok(ExitCode::SUCCESS)
}

/// What the configuration makes.
fn summary(config: &Config, now: SystemTime) -> Result<String, Failure> {
    let mut text = format!("VIPs\n\n{}\nPools\n\n{}", vips(config), pools(config));
    let certificates = certificates(config, now)?;
    if !certificates.is_empty() {
        text.push_str(&format!("\nCertificates\n\n{certificates}"));
    }
    if !config.vrrp.is_empty() {
        text.push_str(&format!("\nAddresses that move\n\n{}", moving(config)));
    }
    Ok(text)
}

fn vips(config: &Config) -> Table<6> {
    let mut table = Table::new(["name", "protocol", "listens on", "TLS", "pools", "persistence"]);
    for vip in &config.vips {
        let transport = match vip.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Both => "tcp+udp",
        };
        let kernel = if vip.mode.is_l4() { "kernel, " } else { "" };
        let persist: Vec<&str> = vip.persist.iter().map(|persist| persist.kind().name()).collect();
        table.row([
            vip.name.to_string(),
            vip.protocol.to_owned(),
            format!(
                "{kernel}{transport} {}",
                few(vip.listen.iter().map(ToString::to_string), vip.listen.len())
            ),
            if vip.tls.is_some() { "yes" } else { "no" }.to_owned(),
            vip.pools.join(", "),
            persist.join(", "),
        ]);
    }
    table
}

fn pools(config: &Config) -> Table<4> {
    let mut table = Table::new(["name", "method", "probe", "servers"]);
    for pool in &config.pools {
        let servers = pool.spec.servers.iter().map(|server| format!("{} {}", server.name, server.address));
        table.row([
            pool.spec.name.to_string(),
            pool.spec.method.name().to_owned(),
            pool.probe.as_ref().map(|probe| probe.kind.to_owned()).unwrap_or_default(),
            few(servers, pool.spec.servers.len()),
        ]);
    }
    table
}

fn moving(config: &Config) -> Table<6> {
    let mut table = Table::new(["name", "group", "interface", "router", "priority", "addresses"]);
    for vrrp in &config.vrrp {
        let own = match vrrp.mode {
            VrrpMode::BuiltIn => {
                [vrrp.interface.clone(), vrrp.router_id.to_string(), vrrp.priority.to_string()]
            }
            VrrpMode::External => ["external", "", ""].map(str::to_owned),
        };
        let [interface, router, priority] = own;
        let addresses = vrrp.addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}"));
        table.row([
            vrrp.name.to_string(),
            vrrp.group.to_string(),
            interface,
            router,
            priority,
            few(addresses, vrrp.addresses.len()),
        ]);
    }
    table
}

/// The first few of a list that may be long, and how many there are.
fn few(items: impl Iterator<Item = String>, count: usize) -> String {
    const SHOWN: usize = 4;
    let mut text = items.take(SHOWN).collect::<Vec<_>>().join(", ");
    if count > SHOWN {
        text.push_str(&format!(", … ({count})"));
    }
    text
}

fn certificates(config: &Config, now: SystemTime) -> Result<Table<4>, Failure> {
    let mut table = Table::new(["VIP", "file", "names", "expires"]);
    for vip in &config.vips {
        for files in vip.tls.iter().flat_map(|tls| &tls.certificates) {
            let [names, expires] = certificate(&files.certificate, now)?;
            table.row([vip.name.to_string(), files.certificate.display().to_string(), names, expires]);
        }
    }
    Ok(table)
}

/// Names and expiry of the first certificate in a PEM file.
fn certificate(file: &Path, now: SystemTime) -> Result<[String; 2], Failure> {
    // The file was read when the configuration was checked; it may have changed since.
    let failed = |reason: String| Failure::File { file: file.to_owned(), reason };
    let der = CertificateDer::from_pem_file(file).map_err(|error| failed(error.to_string()))?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| failed(error.to_string()))?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names: Vec<String> =
        names.iter().flat_map(|extension| &extension.value.general_names).filter_map(name).collect();
    let until = parsed.validity().not_after;
    let seconds = now.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    let left = parsed.validity().not_after.timestamp().saturating_sub(seconds.unwrap_or(0));
    let until = until.to_datetime().date();
    let expires = match left / 86_400 {
        _ if left < 0 => format!("{until}, EXPIRED"),
        0 => format!("{until}, today"),
        1 => format!("{until}, in 1 day"),
        days => format!("{until}, in {days} days"),
    };
    Ok([few(names.iter().cloned(), names.len()), expires])
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => Some(std::net::IpAddr::from(v4).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|v6| std::net::IpAddr::from(v6).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_counted() {
        let ports = |count: usize| few((0..count).map(|n| n.to_string()), count);
        assert_eq!(ports(4), "0, 1, 2, 3");
        assert_eq!(ports(100), "0, 1, 2, 3, … (100)");
    }
}
