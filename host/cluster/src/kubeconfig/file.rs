//! Reads one kubeconfig file as tolerantly as kubectl.
//!
//! The types are those of `k8s.io/client-go/tools/clientcmd/api/v1`, with Go's zero values. A field that is
//! absent, null or an empty text means the same. Fields that kubectl ignores are ignored.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use host_base::{Secret, files};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The maximum size of a kubeconfig, in bytes. A file with thousands of clusters has a few MiB.
const MAX_FILE: u64 = 32 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Kubeconfig {
    pub current_context: String,
    pub clusters: Vec<NamedCluster>,
    pub users: Vec<NamedUser>,
    pub contexts: Vec<NamedContext>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedCluster {
    pub name: String,
    pub cluster: ClusterEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedUser {
    pub name: String,
    pub user: UserEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedContext {
    pub name: String,
    pub context: ContextEntry,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContextEntry {
    pub cluster: String,
    pub user: String,
    pub namespace: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct ClusterEntry {
    pub server: String,
    pub tls_server_name: String,
    pub insecure_skip_tls_verify: bool,
    pub certificate_authority: String,
    pub certificate_authority_data: String,
    pub proxy_url: String,
    pub disable_compression: bool,
    pub extensions: Vec<Extension>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Extension {
    pub name: String,
    pub extension: Value,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct UserEntry {
    pub client_certificate: String,
    pub client_certificate_data: String,
    pub client_key: String,
    #[serde(deserialize_with = "secret")]
    pub client_key_data: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub token: Option<Secret>,
    #[serde(rename = "tokenFile")]
    pub token_file: String,
    #[serde(rename = "as")]
    pub impersonate: String,
    #[serde(rename = "as-uid")]
    pub impersonate_uid: String,
    #[serde(rename = "as-groups")]
    pub impersonate_groups: Vec<String>,
    #[serde(rename = "as-user-extra")]
    pub impersonate_extra: BTreeMap<String, Vec<String>>,
    pub username: String,
    #[serde(deserialize_with = "secret")]
    pub password: Option<Secret>,
    pub auth_provider: Option<AuthProvider>,
    pub exec: Option<ExecEntry>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuthProvider {
    pub name: String,
    pub config: BTreeMap<String, String>,
}

/// A credential plugin.
#[derive(Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ExecEntry {
    pub api_version: String,
    pub command: String,
    pub args: Vec<String>,
    pub env: Vec<ExecVariable>,
    pub install_hint: String,
    pub provide_cluster_info: bool,
    pub interactive_mode: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExecVariable {
    pub name: String,
    pub value: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.is_empty()).then(|| Secret::from(text)))
}

/// Leaves addresses out: the address of a server or of a proxy may contain a password.
impl std::fmt::Debug for ClusterEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterEntry").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for UserEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserEntry").finish_non_exhaustive()
    }
}

/// The reason why a kubeconfig file is unusable.
#[derive(Debug)]
pub(super) enum Unusable {
    File(io::Error),
    /// A syntax error, without any content of the file.
    Syntax(String),
}

impl Kubeconfig {
    /// Reads a file. Its paths are relative to its folder.
    pub(super) fn read(path: &Path) -> Result<Self, Unusable> {
        let bytes = files::read(path, MAX_FILE).map_err(Unusable::File)?;
        let text = decode(bytes).map_err(|reason| Unusable::Syntax(reason.to_owned()))?;
        let mut config = Self::parse(&text).map_err(Unusable::Syntax)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        config.resolve_paths(&folder);
        Ok(config)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        tolerant(text)
    }

    fn resolve_paths(&mut self, folder: &Path) {
        let resolve = |path: &mut String| {
            if !path.is_empty() && Path::new(path).is_relative() {
                let absolute: PathBuf = folder.join(&path);
                if let Some(absolute) = absolute.to_str() {
                    absolute.clone_into(path);
                }
            }
        };
        for entry in &mut self.clusters {
            resolve(&mut entry.cluster.certificate_authority);
        }
        for entry in &mut self.users {
            let user = &mut entry.user;
            resolve(&mut user.client_certificate);
            resolve(&mut user.client_key);
            resolve(&mut user.token_file);
            if let Some(exec) = &mut user.exec
                && exec.command.contains(std::path::MAIN_SEPARATOR)
            {
                // A command without a separator is searched in PATH.
                resolve(&mut exec.command);
            }
        }
    }
}

/// Reads YAML or JSON like kubectl: only the first document, with null meaning that the field is absent. The
/// error quotes nothing of the text.
pub(crate) fn tolerant<T: DeserializeOwned + Default>(text: &str) -> Result<T, String> {
    let mut bytes = text.as_bytes();
    let first = serde_saphyr::read_with_options::<_, Value>(&mut bytes, options()).next();
    let value = match first {
        None | Some(Ok(Value::Null)) => return Ok(T::default()),
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(quoted(&error)),
    };
    serde_json::from_value(without_absent(value)).or_else(|reason| {
        // Reading directly from the text accepts more values as text, such as a token of digits, and its
        // errors contain the line.
        let mut bytes = text.as_bytes();
        match serde_saphyr::read_with_options::<_, T>(&mut bytes, options()).next() {
            Some(Ok(config)) => Ok(config),
            Some(Err(error)) => Err(quoted(&error)),
            None => Err(without_values(&reason.to_string())),
        }
    })
}

/// Returns options that read YAML like Go: of duplicate keys, the last wins.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        // A snippet in an error would print lines of the file, which may contain a token.
        with_snippet: false,
    }
}

/// Removes null values, which Go treats like absent fields.
fn without_absent(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_absent(value)))
            .collect(),
        Value::Array(items) => items
            .into_iter()
            .filter(|item| !item.is_null())
            .map(without_absent)
            .collect(),
        other => other,
    }
}

fn quoted(error: &serde_saphyr::Error) -> String {
    without_values(&error.without_snippet().to_string())
}

/// Removes the parts of a parser's message that quote the file: text between `"` may be a secret.
fn without_values(message: &str) -> String {
    message
        .split('"')
        .enumerate()
        .map(|(index, part)| if index % 2 == 0 { part } else { "…" })
        .collect()
}

/// Decodes UTF-8, or UTF-16 with a byte order mark, which PowerShell writes.
fn decode(bytes: Vec<u8>) -> Result<String, &'static str> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, left_over) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().copied().map(unit).collect();
        match String::from_utf16(&units) {
            Ok(text) if left_over.is_empty() => Ok(text),
            _ => Err("it is not text in UTF-16"),
        }
    };
    match &*bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            String::from_utf8(rest.to_vec()).map_err(|_| "it is not text in UTF-8")
        }
        _ => String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8"),
    }
}

/// Go's reading of base64: unused bits may have any value, and line breaks are ignored. Here, other white
/// space is ignored as well and padding may be missing, because a YAML block may be folded in many ways.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the bytes of a field whose name ends in `-data`; none for an empty field. The error quotes
/// nothing.
pub(crate) fn data(field: &[u8]) -> Result<Vec<u8>, &'static str> {
    let text: Vec<u8> = field
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    TOLERANT.decode(text).map_err(|_| "it is not base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_be_folded_in_every_way() {
        for text in [
            "YSB0ZXh0",
            "YSB0\nZXh0\n",
            "YSB0\r\nZXh0",
            " YSB0 ZXh0 ",
            "YSB0\tZXh0",
        ] {
            assert_eq!(data(text.as_bytes()).unwrap(), b"a text", "{text:?}");
        }
        for text in ["YQ==", "YQ=\n=", "YQ", "YR=="] {
            assert_eq!(data(text.as_bytes()).unwrap(), b"a", "{text:?}");
        }
        assert_eq!(data(b" \n").unwrap(), b"");
        assert!(data(b"-----BEGIN").is_err());
    }

    #[test]
    fn absent_null_and_empty_are_the_same() {
        let absent =
            "clusters: [{cluster: {server: s}}]\nusers: [{user: {}}]\ncontexts: [{name: x}]\n";
        let null = "preferences: ~\nextensions: ~\ncurrent-context: ~\nclusters:\n- name: ~\n  cluster:\n    server: s\n    \
                    certificate-authority-data:\n    insecure-skip-tls-verify: ~\n    extensions: ~\nusers: [{name: ~, \
                    user: {token: ~, exec: ~, as-groups: ~, client-key-data: ~}}]\ncontexts: [{name: x, context: ~}, ~]\n";
        let empty = "current-context: ''\nclusters: [{name: '', cluster: {server: s, tls-server-name: '', proxy-url: '', \
                     certificate-authority: '', certificate-authority-data: ''}}]\nusers: [{name: '', user: {token: '', \
                     tokenFile: '', client-certificate: '', client-certificate-data: '', client-key: '', \
                     client-key-data: '', username: '', password: '', as: '', as-uid: ''}}]\n\
                     contexts: [{name: x, context: {cluster: '', user: '', namespace: ''}}]\n";
        for text in [absent, null, empty] {
            let config = Kubeconfig::parse(text).unwrap();
            assert_eq!(config.current_context, "");
            assert_eq!(config.clusters[0].cluster.server, "s");
            assert_eq!(config.clusters[0].cluster.tls_server_name, "");
            let user = &config.users[0].user;
            assert!(user.token.is_none() && user.exec.is_none() && user.client_key_data.is_none());
            assert_eq!(config.contexts.len(), 1);
            assert_eq!(config.contexts[0].context.namespace, "");
        }
        for text in ["", "---\n", "# nothing\n", "~", "{}"] {
            assert!(
                Kubeconfig::parse(text).unwrap().contexts.is_empty(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn only_the_first_document_counts_and_of_a_key_the_last() {
        let text = "current-context: a\ncurrent-context: b\n---\ncurrent-context: [\n";
        assert_eq!(Kubeconfig::parse(text).unwrap().current_context, "b");
    }

    #[test]
    fn a_variable_of_a_plugin_may_be_empty() {
        let text = "users: [{user: {exec: {command: c, env: [{name: A, value: ''}, {name: B}]}}}]";
        let config = Kubeconfig::parse(text).unwrap();
        let exec = config.users[0].user.exec.as_ref().unwrap();
        let names: Vec<_> = exec.env.iter().map(|it| (&*it.name, &*it.value)).collect();
        assert_eq!(names, [("A", ""), ("B", "")]);
    }

    #[test]
    fn a_file_of_powershell_is_read_and_half_a_character_is_not() {
        let text = "current-context: a";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (mark, rest) in [
            (&[0xff, 0xfe][..], &little[..]),
            (&[0xfe, 0xff], &big),
            (&[0xef, 0xbb, 0xbf], text.as_bytes()),
            (&[], text.as_bytes()),
        ] {
            assert_eq!(decode([mark, rest].concat()).unwrap(), text);
        }
        assert!(decode(vec![0xff, 0xfe, 0x61]).is_err());
        assert!(decode(vec![0xc3]).is_err());
    }

    #[test]
    fn no_secret_is_in_what_is_printed_for_debugging() {
        let text = "clusters: [{cluster: {server: 'https://me:canary@x'}}]\nusers: [{user: {token: canary, \
                    password: canary, client-key-data: canary, exec: {args: [canary]}}}]";
        let shown = format!("{:?}", Kubeconfig::parse(text).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
