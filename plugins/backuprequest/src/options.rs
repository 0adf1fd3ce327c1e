//! The options that the user gave, for any operation.

use broker_engine::{Error, ErrorKind, OptionSetting, OptionValue, Result, Settings};

/// The options of a command.
#[derive(Clone, Copy)]
pub struct Options<'a>(pub &'a [OptionSetting]);

impl Settings for Options<'_> {
    fn settings(&self) -> &[OptionSetting] {
        self.0
    }
}

impl<'a> Options<'a> {
    /// Returns the value of a required flag.
    ///
    /// # Errors
    /// Returns `invalid-argument`; the message names the flag and its purpose.
    pub fn needed(self, flag: &str, what: &str) -> Result<&'a str> {
        let given = self.0.iter().find(|option| option.name == flag);
        match given.map(|option| &option.value) {
            Some(OptionValue::Text(value)) if !value.is_empty() => Ok(value),
            _ => Err(refused(format!("`--{flag}` is missing: {what}"))),
        }
    }

    /// Returns the first given flag other than `but`.
    pub fn first_but(self, but: &str) -> Option<&'a str> {
        let given = |option: &&OptionSetting| {
            option.name != but && option.value != OptionValue::Boolean(false)
        };
        self.0.iter().find(given).map(|option| option.name.as_str())
    }
}

pub fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
