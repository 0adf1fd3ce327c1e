//! Manages for which operations `auto` chooses an installed engine: only those that the user selected.

use std::collections::{BTreeMap, BTreeSet};

use broker_manifest::{EngineId, Manifest, Operation, Verb};

use super::plugins::plugin;
use super::{Installed, Lockfile, Plugin, PluginError, Plugins, SignatureState, consent, today};

/// A request to make an engine the default for operations, or to end that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultRequest {
    /// The operations; `None` means all that the engine supports.
    pub operations: Option<BTreeSet<Operation>>,
    /// True if the engine should no longer be the default.
    pub remove: bool,
}

/// The result of a request.
#[derive(Clone, Debug)]
pub struct DefaultChange {
    /// Id of the engine.
    pub id: EngineId,
    /// The installed version.
    pub installed: Installed,
    /// All operations that the engine is the default for now.
    pub defaults: BTreeSet<Operation>,
    /// The engines that were the default for some of these operations before.
    pub instead_of: Vec<EngineId>,
}

impl Plugins<'_> {
    /// Makes an installed engine the default for operations, or ends that. Each operation has one default
    /// engine, so another one loses it.
    ///
    /// # Errors
    /// When the engine is not installed, is unusable, or does not support an operation.
    pub async fn set_default(
        &self,
        id: &EngineId,
        request: &DefaultRequest,
    ) -> Result<DefaultChange, PluginError> {
        let changing = self.lock().await?;
        let mut lockfile = self.store.lockfile()?;
        let known = plugin(&lockfile, id)?.clone();
        let mut defaults = if known.is_accepted(id) {
            known.defaults.clone()
        } else {
            BTreeSet::new()
        };
        if request.remove {
            let all = || known.defaults.clone();
            let gone = request.operations.clone().unwrap_or_else(all);
            defaults.retain(|operation| !gone.contains(operation));
        } else {
            let file = self.store.engine(id, &known.current)?;
            today::check(&self.store, self.keys, id, &known.current)?;
            let able = consent::defaultable(file.manifest());
            let wanted = request.operations.as_ref().unwrap_or(&able);
            if let Some(operation) = wanted.iter().find(|it| !able.contains(it)) {
                return Err(PluginError::NotItsOperation {
                    id: id.clone(),
                    operation: *operation,
                    able: able.into_iter().collect(),
                });
            }
            defaults.extend(wanted);
        }
        let instead_of = give_way(&mut lockfile, id, &defaults);
        lockfile.plugins.insert(
            id.clone(),
            Plugin::new(id, known.current.clone(), known.previous, defaults.clone()),
        );
        changing.commit(&lockfile)?;
        Ok(DefaultChange {
            id: id.clone(),
            installed: known.current,
            defaults,
            instead_of,
        })
    }
}

/// Removes the operations from all other engines, and returns the engines that had one of them.
pub(super) fn give_way(
    lockfile: &mut Lockfile,
    id: &EngineId,
    operations: &BTreeSet<Operation>,
) -> Vec<EngineId> {
    let mut gave_way = Vec::new();
    let others = lockfile
        .plugins
        .iter_mut()
        .filter(|(other, _)| *other != id);
    for (other, plugin) in others {
        if plugin.defaults.is_disjoint(operations) {
            continue;
        }
        let left = plugin.defaults.difference(operations).copied().collect();
        plugin.set_defaults(other, left);
        gave_way.push(other.clone());
    }
    gave_way
}

/// Returns the operations that an engine may stay the default for in another version. `from` is `None` if the
/// previous version is unreadable.
pub(super) fn continued(from: Option<&Manifest>, to: &Manifest) -> BTreeSet<Operation> {
    let mut able = consent::defaultable(to);
    // `act` stands for every verb, and nobody has agreed to a verb that is new or changed.
    if from.is_none_or(|from| adds_verbs(&from.verbs, &to.verbs)) {
        able.remove(&Operation::Act);
    }
    able
}

/// Returns true if a verb is new or differs.
fn adds_verbs(before: &BTreeMap<String, Verb>, after: &BTreeMap<String, Verb>) -> bool {
    after
        .iter()
        .any(|(name, verb)| before.get(name) != Some(verb))
}

/// Returns the operations that an engine stays the default for in another version. Further operations of the
/// new version are not added. Without proof that both versions have the same publisher, none stay.
pub(super) fn kept(
    before: &Plugin,
    id: &EngineId,
    to: &Installed,
    able: &BTreeSet<Operation>,
) -> BTreeSet<Operation> {
    let is_signed =
        |version: &Installed| matches!(version.signature, SignatureState::Signed { .. });
    let from = &before.current;
    // A signature that counts today was checked with a key that the user trusts for this publisher.
    let is_same_publisher =
        is_signed(to) || !is_signed(from) && (from.source == to.source || from.digest == to.digest);
    if !(before.is_accepted(id) && is_same_publisher) {
        return BTreeSet::new();
    }
    before.defaults.intersection(able).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(signature: SignatureState, source: &str) -> Installed {
        Installed {
            version: semver::Version::new(1, 0, 0),
            source: source.parse().expect("a reference"),
            pinned: source.parse().expect("a reference"),
            digest: host_base::Sha256::digest(format!("{signature}{source}").as_bytes()),
            size: 1,
            signature,
            capabilities: BTreeSet::new(),
            installed: jiff::Timestamp::UNIX_EPOCH,
            line: 0,
        }
    }

    fn signed(key: &str) -> SignatureState {
        SignatureState::Signed {
            key: key.to_owned(),
        }
    }

    fn id(text: &str) -> EngineId {
        text.parse().expect("an id")
    }

    fn operations(of: &[Operation]) -> BTreeSet<Operation> {
        of.iter().copied().collect()
    }

    #[test]
    fn another_version_stays_a_default_while_its_publisher_is_sure() {
        use SignatureState::Unsigned;
        let id = id("acme/vault");
        let able = operations(&[Operation::List, Operation::Create, Operation::Restore]);
        let had = operations(&[Operation::List, Operation::Delete]);
        let stays = |from: Installed, to: Installed| {
            let before = Plugin::new(&id, from, None, had.clone());
            let kept = kept(&before, &id, &to, &able);
            // The result has neither more than before nor more than the engine supports.
            assert!(kept.is_empty() || kept == operations(&[Operation::List]));
            !kept.is_empty()
        };
        let here = "oci://r.example/acme/vault:1";
        let there = "vault.wasm";
        assert!(stays(
            installed(signed("a"), here),
            installed(signed("b"), there)
        ));
        assert!(stays(installed(Unsigned, here), installed(Unsigned, here)));
        assert!(stays(
            installed(Unsigned, here),
            installed(signed("a"), there)
        ));
        assert!(!stays(
            installed(Unsigned, here),
            installed(Unsigned, there)
        ));
        assert!(!stays(
            installed(signed("a"), here),
            installed(Unsigned, here)
        ));
        let weaker = installed(SignatureState::Unverified, here);
        assert!(!stays(installed(signed("a"), here), weaker));
    }

    #[test]
    fn a_verb_that_is_new_or_another_one_ends_the_default_for_all() {
        let verb = |help: &str| Verb {
            help: help.to_owned(),
            destructive: false,
            saves: false,
            many_files: false,
            options: Vec::new(),
        };
        let verbs = |of: &[(&str, &str)]| -> BTreeMap<String, Verb> {
            let named = of.iter().map(|&(name, help)| (name.to_owned(), verb(help)));
            named.collect()
        };
        let before = verbs(&[("shred", "Shred it"), ("melt", "Melt it")]);
        assert!(!adds_verbs(&before, &before));
        assert!(!adds_verbs(&before, &verbs(&[("melt", "Melt it")])));
        assert!(adds_verbs(&before, &verbs(&[("melt", "Melt all")])));
        assert!(adds_verbs(&before, &verbs(&[("burn", "Burn it")])));
        let destructive = Verb {
            destructive: true,
            ..verb("Melt it")
        };
        let after = BTreeMap::from([("melt".to_owned(), destructive)]);
        assert!(adds_verbs(&before, &after));
    }

    #[test]
    fn one_engine_is_the_default_for_an_operation() {
        let there = || installed(SignatureState::Unsigned, "x.wasm");
        let mut lockfile = Lockfile::default();
        for (name, defaults) in [
            ("acme/a", operations(&[Operation::List, Operation::Create])),
            ("acme/b", operations(&[Operation::Delete])),
        ] {
            let plugin = Plugin::new(&id(name), there(), None, defaults);
            lockfile.plugins.insert(id(name), plugin);
        }
        let wanted = operations(&[Operation::List]);
        assert_eq!(
            give_way(&mut lockfile, &id("acme/c"), &wanted),
            [id("acme/a")]
        );
        let left = &lockfile.plugins[&id("acme/a")];
        assert_eq!(left.defaults, operations(&[Operation::Create]));
        assert!(left.is_accepted(&id("acme/a")));
    }
}
