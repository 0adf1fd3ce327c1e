use broker_manifest::{OptionForm, OptionKind};

/// The value of an option of an engine's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionSetting {
    pub name: String,
    pub value: OptionValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    Text(String),
    Integer(i64),
    Boolean(bool),
}

impl OptionValue {
    /// What an option has that was not given. A manifest is refused when a default does not fit its type.
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

    /// Whether an option can have it.
    #[must_use]
    pub fn fits(&self, form: OptionForm<'_>) -> bool {
        match (form.kind, self) {
            (OptionKind::Text, Self::Text(text)) => {
                form.choices.is_empty() || form.choices.contains(text)
            }
            // The text of the file.
            (OptionKind::File, Self::Text(_))
            | (OptionKind::Integer, Self::Integer(_))
            | (OptionKind::Boolean, Self::Boolean(_)) => true,
            _ => false,
        }
    }
}
