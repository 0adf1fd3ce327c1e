pub use crate::bindings::kubectl_broker::engine::types::{Activity, Amount, Backup, Field, State};

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
            progress: None,
            warnings: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Says how far the backend is, in bytes or in its own unit.
    #[must_use]
    pub fn with_progress(mut self, done: u64, total: Option<u64>, step: Option<&str>) -> Self {
        self.progress = Some(Amount {
            done,
            total,
            step: step.map(str::to_owned),
        });
        self
    }

    /// Adds a warning: a problem that does not prevent the backup, in one sentence.
    #[must_use]
    pub fn with_warning(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
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
