//! What stands in `config.json`, for one registry.

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

/// The document. Whatever is null or of another type than it should be counts as missing: this program asks for one
/// registry, and most of the file is about others, or about docker.
pub(super) struct Config(Map<String, Value>);

impl Config {
    /// An empty file is as good as none.
    ///
    /// # Errors
    /// The line where it stops to be JSON. Its content may be secret.
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

    /// The helper that has the login for `server`. As docker has it, one that is empty means this file.
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

    /// The login for `server` and a `repository` of it that stands in the file.
    ///
    /// # Errors
    /// When the only entries that there are can't be used.
    pub(super) fn login(&self, server: &str, repository: &str) -> Result<Option<Credentials>, ()> {
        let Some(auths) = self.entries("auths") else {
            return Ok(None);
        };
        let mut entries: Vec<_> = auths
            .iter()
            .filter_map(|(key, entry)| Some((rank(key, server, repository)?, entry)))
            .collect();
        // The sort is stable: of two that fit as well, the first one stays so.
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

/// How well an entry fits; none for one of another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The address of something else on the same host, which docker takes as well.
    OtherPath,
    /// The host, in another spelling or with the path of the API.
    Host,
    /// Exactly what the server is called.
    Name,
    /// A part of the server as podman writes it, by the length of its path.
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

/// Host and path of a server: `https://Registry.Example:443/v2/` is `registry.example` and `v2`.
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
