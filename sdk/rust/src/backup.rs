pub use crate::bindings::kubectl_broker::engine::types::{Activity, Backup, Field, State};

impl Backup {
    /// Returns a backup of which only the id and the state are known.
    #[must_use]
    pub fn new(id: impl Into<String>, state: State) -> Self {
        Self {
            id: id.into(),
            activity: Activity::Backup,
            state,
            reported_state: None,
            size: None,
            created: None,
            failure: None,
            fields: Vec::new(),
        }
    }

    /// Adds the value of a column of the manifest, if there is a value.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.fields.push(Field {
                name: name.to_owned(),
                value,
            });
        }
        self
    }
}
