use crate::operations::{
    ActRequest, CreateRequest, DeleteRequest, DownloadRequest, FinishRequest, HealthRequest,
    ListRequest, OptionSetting, OptionValue, PrepareRequest, RestoreRequest, StatusRequest,
    VerifyRequest,
};
use crate::{Error, ErrorKind, Result};

/// The options of a request, by the names that the manifest gives them.
///
/// The host has checked their types and choices, and has added the defaults.
pub trait Settings {
    /// Returns the options of the request.
    fn settings(&self) -> &[OptionSetting];

    /// Returns the value of an option of type `text`.
    fn text(&self, name: &str) -> Option<&str> {
        match value(self.settings(), name)? {
            OptionValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of an option of type `integer`.
    fn integer(&self, name: &str) -> Option<i64> {
        match value(self.settings(), name)? {
            OptionValue::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns whether an option of type `boolean` is set.
    fn boolean(&self, name: &str) -> bool {
        matches!(
            value(self.settings(), name),
            Some(OptionValue::Boolean(true))
        )
    }

    /// Returns the value of an option of type `text` that the manifest requires.
    ///
    /// # Errors
    /// Fails if the option has no value, because the manifest does not require it.
    fn required_text(&self, name: &str) -> Result<&str> {
        self.text(name).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("the option `{name}` is missing"),
            )
        })
    }
}

fn value<'a>(settings: &'a [OptionSetting], name: &str) -> Option<&'a OptionValue> {
    let setting = settings.iter().find(|setting| setting.name == name);
    setting.map(|setting| &setting.value)
}

macro_rules! settings_of {
    ($($request:ty),+) => {
        $(impl Settings for $request {
            fn settings(&self) -> &[OptionSetting] {
                &self.options
            }
        })+
    };
}

settings_of!(
    ActRequest,
    CreateRequest,
    DeleteRequest,
    DownloadRequest,
    FinishRequest,
    HealthRequest,
    ListRequest,
    PrepareRequest,
    RestoreRequest,
    StatusRequest,
    VerifyRequest
);

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for OptionValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for OptionValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ActRequest {
        let setting = |name: &str, value| OptionSetting {
            name: name.to_owned(),
            value,
        };
        ActRequest {
            verb: "shred".to_owned(),
            options: vec![
                setting("name", "a".into()),
                setting("passes", 3.into()),
                setting("force", true.into()),
            ],
        }
    }

    #[test]
    fn an_option_is_read_by_its_name_and_type() {
        let request = request();
        assert_eq!(request.text("name"), Some("a"));
        assert_eq!(request.integer("passes"), Some(3));
        assert!(request.boolean("force"));
    }

    #[test]
    fn an_option_that_is_not_there_or_of_another_type_has_no_value() {
        let request = request();
        assert_eq!(
            (request.text("passes"), request.text("other")),
            (None, None)
        );
        assert_eq!(request.integer("name"), None);
        assert!(!request.boolean("name") && !request.boolean("other"));
        let error = request.required_text("other").unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidArgument);
    }
}
