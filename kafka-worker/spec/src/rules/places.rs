//! Kafka clusters and storages.

use std::net::Ipv6Addr;

use super::{MECHANISMS, Names, PROTOCOLS, above_zero};
use crate::{KafkaCluster, Storage};

/// Checks a Kafka cluster.
pub fn cluster(cluster: &KafkaCluster, names: Names) -> Vec<String> {
    let mut problems = Vec::new();
    let servers = names.of("kafkaCluster.bootstrapServers", "bootstrap-servers");
    if cluster.bootstrap_servers.is_empty() {
        problems.push(format!("{servers} names no server"));
    }
    for server in &cluster.bootstrap_servers {
        problems.extend(address(server, &servers));
    }
    let protocol = cluster.security_protocol.to_ascii_uppercase();
    let name = names.of("kafkaCluster.securityProtocol", "security-protocol");
    if !PROTOCOLS.contains(&protocol.as_str()) {
        let known = PROTOCOLS.join(", ");
        problems.push(format!(
            "{name} must be one of {known}, not {:?}",
            cluster.security_protocol
        ));
    }
    if ["SSL", "SASL_SSL"].contains(&protocol.as_str())
        && cluster.tls_secret.is_none()
        && cluster.ca_secret.is_none()
    {
        let needed = match names {
            Names::Flags => "--ca-secret or --tls-secret",
            Names::Fields => "caSecret or tlsSecret",
        };
        problems.push(format!("{name} {protocol} needs {needed}"));
    }
    if let Some(tls) = &cluster.tls_secret
        && tls.cert_key.is_some() != tls.key_key.is_some()
    {
        problems
            .push("spec.kafkaCluster.tlsSecret needs certKey and keyKey, or neither".to_owned());
    }
    match &cluster.sasl_secret {
        Some(secret) if !MECHANISMS.contains(&secret.mechanism.as_str()) => problems.push(format!(
            "{} must be one of {}, not {:?}",
            names.of("kafkaCluster.saslSecret.mechanism", "sasl-mechanism"),
            MECHANISMS.join(", "),
            secret.mechanism
        )),
        None if protocol.starts_with("SASL") => {
            let needed = match names {
                Names::Flags => "--sasl-secret",
                Names::Fields => "saslSecret",
            };
            problems.push(format!("{name} {protocol} needs {needed}"));
        }
        _ => {}
    }
    let connections = cluster.connection.connections_per_broker;
    problems.extend(above_zero(
        "spec.kafkaCluster.connection.connectionsPerBroker",
        connections,
    ));
    problems
}

/// Checks one `HOST:PORT`. The library reads a host as the text before the first colon.
fn address(server: &str, field: &str) -> Option<String> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => (server, ""),
    };
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.parse::<Ipv6Addr>().is_ok() || bare.parse::<Ipv6Addr>().is_ok() {
        return Some(format!(
            "{field} has the IPv6 address {server:?}, which is not supported: use a host name"
        ));
    }
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c.is_control() || ":/@".contains(c));
    (!is_port || !is_host).then(|| format!("{field} must have the form HOST:PORT, not {server:?}"))
}

/// Checks a storage. `field` is its path in the object.
pub fn storage(storage: &Storage, field: &str, names: Names) -> Vec<String> {
    let name = match names {
        Names::Flags => "--storage".to_owned(),
        Names::Fields => format!("{field}.storageType"),
    };
    let ty = storage.storage_type.as_str();
    let present = match ty {
        "pvc" => storage.pvc.is_some(),
        "s3" => storage.s3.is_some(),
        "azure" => storage.azure.is_some(),
        "gcs" => storage.gcs.is_some(),
        _ => return vec![format!("{name} must be pvc, s3, azure or gcs, not {ty:?}")],
    };
    let mut problems = Vec::new();
    if !present {
        problems.push(format!("{name} is {ty}, but {field}.{ty} is missing"));
    }
    if let (Some(pvc), "pvc") = (&storage.pvc, ty) {
        problems.extend(name_of_folder(
            &pvc.claim_name,
            &format!("{field}.pvc.claimName"),
        ));
        if let Some(path) = &pvc.sub_path {
            problems.extend(inside(path, &format!("{field}.pvc.subPath")));
        }
    }
    if let (Some(azure), "azure") = (&storage.azure, ty) {
        let ways = [
            ("credentialsSecret", azure.credentials_secret.is_some()),
            ("sasTokenSecret", azure.sas_token_secret.is_some()),
            (
                "servicePrincipalSecret",
                azure.service_principal_secret.is_some(),
            ),
            ("useWorkloadIdentity", azure.use_workload_identity),
        ];
        let ways: Vec<_> = ways
            .iter()
            .filter(|(_, used)| *used)
            .map(|(way, _)| *way)
            .collect();
        if ways.len() > 1 {
            problems.push(format!(
                "{field}.azure has {}, which exclude each other",
                ways.join(" and ")
            ));
        }
    }
    problems
}

/// Checks a name that becomes the name of a folder.
pub(super) fn name_of_folder(name: &str, field: &str) -> Option<String> {
    let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    (!is_name).then(|| format!("{field} is not a name: {name:?}"))
}

/// Checks a path that must not leave the folder that it is relative to.
fn inside(path: &str, field: &str) -> Option<String> {
    let leaves =
        path.starts_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..");
    leaves.then(|| format!("{field} must be a path inside the volume, not {path:?}"))
}
