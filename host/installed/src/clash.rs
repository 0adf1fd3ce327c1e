//! Engines share one command line, so no engine may change the meaning of another one's flag.

use std::collections::BTreeMap;

use broker_manifest::{EngineOption, Manifest, OptionKind, VerbOption};

use super::PluginError;

/// The meaning of a flag on the command line. Two engines may have the same flag if its meaning is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Flag<'a> {
    /// A flag for the port of an endpoint. All commands have it.
    Port,
    /// A flag of operations.
    Option {
        kind: OptionKind,
        choices: &'a [String],
        default: Option<&'a str>,
    },
}

/// Checks that the flags of an engine don't conflict with those of another.
///
/// # Errors
/// When a flag would have two meanings; the error names the first one.
pub(super) fn check(new: &Manifest, other: &Manifest) -> Result<(), PluginError> {
    let refuse = |flag: &str| PluginError::Clash {
        id: new.id.to_string(),
        other: other.id.to_string(),
        what: format!("the flag `--{flag}`"),
    };
    let theirs = flags(other);
    for (name, flag) in flags(new) {
        if theirs.get(name).is_some_and(|known| *known != flag) {
            return Err(refuse(name));
        }
    }
    // The flag of a port is on every command, including the verbs of other engines.
    for (ports, verbs) in [(new, other), (other, new)] {
        let ports = flags(ports);
        let is_port = |option: &&VerbOption| ports.get(&*option.name) == Some(&Flag::Port);
        let mut options = verbs.verbs.values().flat_map(|verb| &verb.options);
        if let Some(option) = options.find(is_port) {
            return Err(refuse(&option.name));
        }
    }
    Ok(())
}

fn flags(manifest: &Manifest) -> BTreeMap<&str, Flag<'_>> {
    let options = manifest.options.iter().map(|option| {
        let EngineOption {
            name,
            kind,
            choices,
            default,
            ..
        } = option;
        let flag = Flag::Option {
            kind: *kind,
            choices,
            default: default.as_deref(),
        };
        (name.as_str(), flag)
    });
    let endpoints = manifest.endpoints.values();
    let ports = endpoints.filter_map(|endpoint| Some((endpoint.port_flag()?, Flag::Port)));
    options.chain(ports).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(id: &str, more: &str) -> Manifest {
        let text = format!(
            "id = \"{id}\"\nversion = \"1.0.0\"\nsummary = \"x\"\n[operations.detect]\n[operations.list]\n[operations.act]\n{more}\n[verbs.x]\nhelp = \"x\"\n"
        );
        Manifest::from_toml(&text).expect("a valid manifest")
    }

    fn option(name: &str, kind: &str) -> String {
        format!(
            "[[options]]\nname = \"{name}\"\ntype = \"{kind}\"\noperations = [\"list\"]\nhelp = \"x\"\n"
        )
    }

    fn port(flag: &str) -> String {
        format!(
            "[endpoints.a]\nselect = \"pod\"\nport = {{ flag = \"{flag}\", numbers = [1] }}\nallow = [\"GET /a\"]\n"
        )
    }

    fn verb(name: &str) -> String {
        format!(
            "[verbs.y]\nhelp = \"x\"\n[[verbs.y.options]]\nname = \"{name}\"\ntype = \"text\"\nhelp = \"x\"\n"
        )
    }

    fn clash(one: &str, other: &str) -> bool {
        let (one, other) = (manifest("acme/one", one), manifest("acme/two", other));
        let there = check(&one, &other).is_err();
        assert_eq!(check(&other, &one).is_err(), there);
        there
    }

    #[test]
    fn the_same_flag_may_be_of_two_engines_if_it_is_the_same_to_both() {
        assert!(!clash(
            &option("depth", "integer"),
            &option("depth", "integer")
        ));
        assert!(!clash(&port("vault-port"), &port("vault-port")));
        assert!(!clash(&verb("depth"), &option("depth", "integer")));
    }

    #[test]
    fn a_flag_that_would_mean_two_things_is_a_clash() {
        assert!(clash(&option("depth", "integer"), &option("depth", "text")));
        assert!(clash(&port("depth"), &option("depth", "integer")));
        assert!(clash(&port("depth"), &verb("depth")));
    }
}
