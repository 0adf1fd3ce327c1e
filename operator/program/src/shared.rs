//! Settings that many objects have alike, kept once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use operator_api::JobSettings;

/// The settings in use. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// By their JSON: not all parts of Kubernetes' types can be hashed.
    settings: HashMap<String, Weak<JobSettings>>,
    /// The number after the last sweep.
    swept: usize,
}

impl Shared {
    /// Puts equal settings that are known in the place of these.
    pub(crate) fn share(&self, settings: &mut Arc<JobSettings>) {
        let Ok(json) = serde_json::to_string(&**settings) else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.settings.get(&json).and_then(Weak::upgrade) {
            *settings = same;
            return;
        }
        if known.settings.len() > 2 * known.swept {
            known.settings.retain(|_, it| it.strong_count() > 0);
            known.swept = known.settings.len();
        }
        known.settings.insert(json, Arc::downgrade(settings));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(image: &str) -> Arc<JobSettings> {
        Arc::new(JobSettings {
            image: Some(image.to_owned()),
            ..JobSettings::default()
        })
    }

    #[test]
    fn equal_settings_are_kept_once_and_not_longer_than_needed() {
        let shared = Shared::default();
        let [mut first, mut same, mut other] = ["a", "a", "b"].map(settings);
        for settings in [&mut first, &mut same, &mut other] {
            shared.share(settings);
        }
        assert!(Arc::ptr_eq(&first, &same));
        assert_eq!(other.image.as_deref(), Some("b"));
        for number in 0..1000 {
            shared.share(&mut settings(&number.to_string()));
        }
        let known = shared.known.lock().expect("no panic");
        assert!(known.settings.len() < 10, "{}", known.settings.len());
    }
}
