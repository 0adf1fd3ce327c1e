use broker_manifest::{OptionForm, OptionKind, VerbOption};

use super::Host;
use crate::Result;
use crate::operations::{Act, ActRequest, OptionSetting, OptionValue, Report};

impl Host {
    /// Runs a verb of the engine as the host does for a command line. Options that are not in `settings` get
    /// the defaults of the manifest.
    ///
    /// # Errors
    /// Returns the error of the engine.
    ///
    /// # Panics
    /// Panics if the manifest has no such verb, or if the verb does not accept the settings. No command line
    /// can produce such a request.
    pub fn act<E: Act>(&self, verb: &str, settings: &[(&str, OptionValue)]) -> Result<Report> {
        let request = ActRequest {
            verb: verb.to_owned(),
            options: self.settings(verb, settings),
        };
        self.run(|| E::act(request))
    }

    fn settings(&self, verb: &str, given: &[(&str, OptionValue)]) -> Vec<OptionSetting> {
        let script = self.0.borrow();
        let Some(known) = script.manifest.as_ref().and_then(|m| m.verbs.get(verb)) else {
            panic!("the manifest has no verb {verb}");
        };
        for (name, value) in given {
            let option = known.options.iter().find(|option| option.name == *name);
            assert!(
                option.is_some_and(|option| fits(option.form(), value)),
                "the manifest does not let {verb} have {name} = {value:?}"
            );
        }
        let options = known.options.iter();
        options
            .filter_map(|option| {
                let given = given.iter().find(|(name, _)| option.name == *name);
                let value = given
                    .map(|(_, value)| value.clone())
                    .or_else(|| default(option));
                assert!(
                    value.is_some() || !option.is_required(),
                    "{verb} needs {}",
                    option.name
                );
                Some(OptionSetting {
                    name: option.name.clone(),
                    value: value?,
                })
            })
            .collect()
    }
}

fn fits(form: OptionForm<'_>, value: &OptionValue) -> bool {
    match (form.kind, value) {
        (OptionKind::Text, OptionValue::Text(text)) => form.allows(text),
        (OptionKind::File, OptionValue::Text(_))
        | (OptionKind::Integer, OptionValue::Integer(_))
        | (OptionKind::Boolean, OptionValue::Boolean(_)) => true,
        _ => false,
    }
}

/// Returns the default value of an option. The manifest was checked: the value fits the type.
fn default(option: &VerbOption) -> Option<OptionValue> {
    let text = option.default.as_ref();
    match option.kind {
        OptionKind::Text => text.map(|text| OptionValue::Text(text.clone())),
        OptionKind::Integer => text.and_then(|text| text.parse().ok().map(OptionValue::Integer)),
        OptionKind::File => None,
        OptionKind::Boolean => Some(OptionValue::Boolean(
            text.is_some_and(|text| text == "true"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
id = "acme/vault"
version = "1.0.0"
summary = "x"
[operations.detect]
[operations.act]
[verbs.shred]
help = "Destroy a backup"
[[verbs.shred.options]]
name = "name"
type = "text"
positional = true
help = "The backup"
[[verbs.shred.options]]
name = "passes"
type = "integer"
default = "3"
help = "How often"
[[verbs.shred.options]]
name = "force"
type = "boolean"
help = "All the same"
"#;

    struct Echo;

    impl Act for Echo {
        fn act(request: ActRequest) -> Result<Report> {
            Ok(Report::text(format!("{:?}", request.options)))
        }
    }

    #[test]
    fn a_verb_gets_what_was_given_and_the_defaults() {
        let report = Host::new(MANIFEST).act::<Echo>("shred", &[("name", "a".into())]);
        let setting = |name: &str, value| OptionSetting {
            name: name.to_owned(),
            value,
        };
        let expected = [
            setting("name", "a".into()),
            setting("passes", 3.into()),
            setting("force", false.into()),
        ];
        assert_eq!(report, Ok(Report::text(format!("{expected:?}"))));
    }

    #[test]
    #[should_panic(expected = "shred needs name")]
    fn what_is_required_must_be_given() {
        let _ = Host::new(MANIFEST).act::<Echo>("shred", &[]);
    }

    #[test]
    #[should_panic(expected = "does not let shred have name = OptionValue::Integer(1)")]
    fn what_is_given_must_fit_the_manifest() {
        let _ = Host::new(MANIFEST).act::<Echo>("shred", &[("name", 1.into())]);
    }
}
