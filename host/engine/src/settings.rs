use broker_manifest::{OptionForm, OptionKind};
use serde::{Deserialize, Serialize};

/// The value of one of an engine's own options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionSetting {
    /// Name of the option.
    pub name: String,
    /// Value of the option.
    pub value: OptionValue,
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionValue {
    /// A text, or the content of a file.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A Boolean.
    Boolean(bool),
}

impl OptionValue {
    /// Returns the value of an option that the user did not give. Its default fits its type: invalid
    /// manifests were refused before.
    #[must_use]
    pub fn default_of(form: OptionForm<'_>) -> Option<Self> {
        match form.kind {
            OptionKind::Text => form.default.map(|text| Self::Text(text.to_owned())),
            OptionKind::Integer => {
                let number = form.default.and_then(|text| text.parse().ok());
                number.map(Self::Integer)
            }
            OptionKind::File => None,
            OptionKind::Boolean => Some(Self::Boolean(form.default == Some("true"))),
        }
    }

    /// Returns true if the option accepts this value.
    #[must_use]
    pub fn fits(&self, form: OptionForm<'_>) -> bool {
        match (form.kind, self) {
            (OptionKind::Text, Self::Text(text)) => form.allows(text),
            // The value of a file option is the content of the file.
            (OptionKind::File, Self::Text(_))
            | (OptionKind::Integer, Self::Integer(_))
            | (OptionKind::Boolean, Self::Boolean(_)) => true,
            _ => false,
        }
    }
}
