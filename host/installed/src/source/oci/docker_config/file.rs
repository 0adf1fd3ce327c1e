//! Reads the entries of `config.json` for one registry.

use serde_json::{Map, Value};

use super::Credentials;
use super::entry;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Docker's own registry, under every name that tools write.
const DOCKER: [&str; 4] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];

/// The document. Null and values of a wrong type count as missing. This program needs one registry, and most
/// of the file is about others, or about docker.
pub(super) struct Config(Map<String, Value>);

impl Config {
    /// Parses the document. An empty file counts as none.
    ///
    /// # Errors
    /// The line of the syntax error. The content may be secret.
    pub(super) fn read(text: &[u8]) -> Result<Self, usize> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        if text.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(Value::Null) => Ok(Self(Map::new())),
            Ok(_) => Err(1),
            Err(error) => Err(error.line()),
        }
    }

    /// Returns the helper that has the login for `server`. Like in docker, an empty name means this file.
    pub(super) fn helper(&self, server: &str) -> Option<&str> {
        let helpers = self.entries("credHelpers");
        let (wanted, _) = place(server);
        let exact = helpers.and_then(|all| all.get(server)?.as_str());
        let found = exact.or_else(|| {
            let mut same_host = helpers?.iter().filter(|(key, _)| place(key).0 == wanted);
            same_host.find_map(|(_, helper)| helper.as_str())
        });
        let found = found.or_else(|| entry::field(&self.0, "credsStore")?.as_str());
        found.filter(|helper| !helper.is_empty())
    }

    /// Returns the login in the file for `server` and one `repository` of it.
    ///
    /// # Errors
    /// When all matching entries are invalid.
    pub(super) fn login(&self, server: &str, repository: &str) -> Result<Option<Credentials>, ()> {
        let Some(auths) = self.entries("auths") else {
            return Ok(None);
        };
        let mut entries: Vec<_> = auths
            .iter()
            .filter_map(|(key, entry)| Some((rank(key, server, repository)?, entry)))
            .collect();
        // The sort is stable: of two equal matches, the first one in the file stays first.
        entries.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
        let mut is_damaged = false;
        for (_, entry) in entries {
            match entry::read(entry) {
                Ok(Some(login)) => return Ok(Some(login)),
                Ok(None) => {}
                Err(()) => is_damaged = true,
            }
        }
        if is_damaged { Err(()) } else { Ok(None) }
    }

    fn entries(&self, name: &str) -> Option<&Map<String, Value>> {
        entry::field(&self.0, name)?.as_object()
    }
}

/// How well an entry matches. Entries of other servers have no rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The URL of something else on the same host, which docker accepts as well.
    OtherPath,
    /// The host, in another spelling or with the path of the API.
    Host,
    /// The exact name of the server.
    Name,
    /// A part of the server as podman writes it, ranked by the length of its path.
    Namespace(usize),
}

fn rank(key: &str, server: &str, repository: &str) -> Option<Rank> {
    if key == server {
        return Some(Rank::Name);
    }
    let (host, path) = place(key);
    if host != place(server).0 {
        return None;
    }
    let within = |path: &str| {
        let rest = repository.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    Some(match path {
        "" | "v1" | "v2" => Rank::Host,
        path if within(path) => Rank::Namespace(path.len()),
        _ => Rank::OtherPath,
    })
}

/// Returns host and path of a server: `https://Registry.Example:443/v2/` gives `registry.example` and `v2`.
fn place(server: &str) -> (String, &str) {
    let (scheme, rest) = server.split_once("://").unwrap_or(("https", server));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    let default = if scheme.eq_ignore_ascii_case("http") {
        ":80"
    } else {
        ":443"
    };
    let host = host.strip_suffix(default).unwrap_or(&host);
    let host = if DOCKER.contains(&host) {
        DOCKER[0]
    } else {
        host
    };
    (host.to_owned(), path.trim_matches('/'))
}
