//! Finds deceptive names: those of this program and its engines, and names that look like them or like
//! installed engines.
//!
//! | name | reaction |
//! |---|---|
//! | publisher `kubectl-broker`, or one that looks like it or contains it | refused |
//! | name of a bundled engine, or one that looks like it | refused |
//! | word with a meaning in commands or other programs: `auto`, `kubectl`, `system` | refused |
//! | name that contains the name of a bundled engine: `hivemq-pro` | asked about |
//! | publisher or name that looks like an installed one, or one with a trusted key | asked about |
//!
//! Names consist of lower-case ASCII letters, digits and dashes, so they contain no letters of other scripts.

use broker_manifest::EngineId;

/// The publisher of the bundled engines.
const OURS: &str = "kubectl-broker";

/// Words with another meaning on the command line or in Kubernetes.
const WORDS: &[&str] = &[
    "all",
    "any",
    "auto",
    "backup",
    "broker",
    "builtin",
    "bundled",
    "cluster",
    "default",
    "engine",
    "engines",
    "host",
    "installed",
    "k8s",
    "kube-system",
    "kubectl",
    "kubectl-broker",
    "kubernetes",
    "latest",
    "local",
    "none",
    "official",
    "plugin",
    "plugins",
    "remote",
    "root",
    "system",
    "trusted",
    "verified",
];

/// The minimum length from which a name one typing error away counts as similar.
const LONG: usize = 5;

/// The reason why a name is refused: the name that it looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {what} `{given}` {}", if given == like { "is reserved".to_owned() } else { format!("looks like `{like}`, which is reserved") })]
pub struct Reserved {
    /// The refused part: `publisher` or `name`.
    pub what: &'static str,
    /// The refused text.
    pub given: String,
    /// The reserved name.
    pub like: String,
}

/// Checks that the name is not reserved for this program. `bundled` are the ids of the bundled engines.
///
/// # Errors
/// When a part of the name is reserved; the error names it.
pub fn check<'a>(
    id: &EngineId,
    bundled: impl IntoIterator<Item = &'a EngineId>,
) -> Result<(), Reserved> {
    let refuse = |what, given: &str, like: &str| {
        Err(Reserved {
            what,
            given: given.to_owned(),
            like: like.to_owned(),
        })
    };
    let publisher = id.publisher();
    if skeleton(publisher).contains(&skeleton(OURS)) || is_like(publisher, OURS) {
        return refuse("publisher", publisher, OURS);
    }
    for (what, given) in [("publisher", publisher), ("name", id.name())] {
        if let Some(word) = WORDS.iter().find(|word| skeleton(word) == skeleton(given)) {
            return refuse(what, given, word);
        }
    }
    let bundled = bundled.into_iter().map(EngineId::name);
    for known in bundled.chain([OURS]) {
        if is_like(id.name(), known) {
            return refuse("name", id.name(), known);
        }
    }
    Ok(())
}

/// Returns facts that a user must know about a name before the engine is installed: the names that it
/// resembles. `known` are installed engines, and `publishers` those with trusted keys.
#[must_use]
pub fn similar<'a>(
    id: &EngineId,
    bundled: impl IntoIterator<Item = &'a EngineId>,
    known: impl IntoIterator<Item = &'a EngineId>,
    publishers: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let mut found = Vec::new();
    let (publisher, name) = (id.publisher(), id.name());
    for bundled in bundled {
        if skeleton(name).contains(&skeleton(bundled.name())) {
            found.push(format!(
                "[look-alike] its name contains that of the bundled engine {}, but it is not from kubectl-broker",
                bundled.name()
            ));
        }
    }
    for known in known {
        if is_like(name, known.name()) && known != id {
            found.push(format!(
                "[look-alike] it could be mistaken for {known}, which is installed"
            ));
        } else if is_other(publisher, known.publisher()) {
            found.push(format!(
                "[look-alike] its publisher could be mistaken for that of {known}, which is installed"
            ));
        }
    }
    for trusted in publishers {
        if is_other(publisher, trusted) {
            found.push(format!(
                "[look-alike] its publisher could be mistaken for {trusted}, whose key is trusted"
            ));
        }
    }
    found
}

/// Returns true for a different name that looks similar.
fn is_other(given: &str, known: &str) -> bool {
    given != known && is_like(given, known)
}

/// Returns true if people could confuse the names: they look the same, or are one typing error apart.
fn is_like(given: &str, known: &str) -> bool {
    let near = |one: &str, other: &str| {
        one.len().min(other.len()) >= LONG && strsim::osa_distance(one, other) <= 1
    };
    let (one, other) = (skeleton(given), skeleton(known));
    one == other || near(&one, &other) || near(given, known)
}

/// Reduces a name to its visual form. Digits and pairs become the letters that they look like, dashes are
/// dropped, and repeated letters are merged.
fn skeleton(name: &str) -> String {
    let letters = name.chars().filter_map(|c| match c {
        '-' | '_' => None,
        '0' => Some('o'),
        '1' | 'i' | 'j' => Some('l'),
        '2' => Some('z'),
        '3' => Some('e'),
        '4' => Some('a'),
        '5' => Some('s'),
        '6' | '9' | 'q' => Some('g'),
        '7' => Some('t'),
        '8' => Some('b'),
        'v' => Some('u'),
        other => Some(other),
    });
    let letters: String = letters.collect();
    let mut shape = letters
        .replace("rn", "m")
        .replace("cl", "d")
        .replace("uu", "w");
    let mut last = None;
    shape.retain(|c| last.replace(c) != Some(c));
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EngineId {
        text.parse().expect("an id")
    }

    fn bundled() -> Vec<EngineId> {
        [
            "aws",
            "backuprequest",
            "hivemq",
            "kafka",
            "operator",
            "sidecar",
            "strategy",
        ]
        .map(|name| id(&format!("{OURS}/{name}")))
        .into()
    }

    #[test]
    fn names_that_look_like_ours_are_reserved() {
        for text in [
            "kubectl-broker/vault",
            "kubectl-br0ker/vault",
            "kubect1-broker/vault",
            "kubectlbroker/vault",
            "kubectl--broker/vault",
            "kubectl-brooker/vault",
            "kubectl-borker/vault",
            "kubectl-broker-inc/vault",
            "the-kubectl-broker/vault",
            "kubecti-broker/vault",
            "kubectl/vault",
            "kubernetes/vault",
            "acme/auto",
            "acme/aut0",
            "acme/local",
            "auto/vault",
            "evil/hivemq",
            "evil/hive-mq",
            "evil/h1vemq",
            "evil/hivernq",
            "evil/hivvemq",
            "evil/hivemmq",
            "evil/hivem",
            "evil/hiveqm",
            "evil/kafka",
            "evil/kafca",
            "evil/s1decar",
            "evil/sidecars",
            "evil/stratergy",
            "evil/backup-request",
            "evil/kubectl-broker",
        ] {
            assert!(check(&id(text), &bundled()).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_others_are_free() {
        for text in [
            "acme/vault",
            "acme/auth",
            "acme/hostile",
            "acme/objects",
            "example/ledger",
            "acme/redis",
            "acme/postgres",
            "hivemq/snapshots",
            "strimzi/connect",
            "acme/brokerage",
        ] {
            assert_eq!(check(&id(text), &bundled()), Ok(()), "{text}");
        }
    }

    fn said(text: &str) -> usize {
        let known = [id("acme/vault")];
        similar(&id(text), &bundled(), &known, ["globex"]).len()
    }

    #[test]
    fn what_looks_like_something_that_is_there_is_asked_about() {
        for text in [
            "evil/vault",
            "evil/vau1t",
            "evil/valut",
            "evil/va-ult",
            "acrne/ledger",
            "acme1/vaults",
            "gl0bex/ledger",
            "globexx/ledger",
            "evil/hivemq-pro",
        ] {
            assert_eq!(said(text), 1, "{text}");
        }
        for text in ["acme/vault", "acme/ledger", "globex/ledger", "evil/ledger"] {
            assert_eq!(said(text), 0, "{text}");
        }
    }
}
