//! The options that the user gave: the chosen engine must have each of them, and read it as it was read.

use broker_manifest::{Manifest, Operation, OptionForm, OptionKind};
use host_base::shell::word;
use host_base::text::is_unsafe;
use host_engine::{EngineFile, OptionSetting, OptionValue};

use super::choose::{EngineChoice, call_name};
use super::error::GivenOption;
use super::meaning::{Reading, Sense, has_port_flag, option_reading, sense, takers};
use super::{OpsError, Session};

/// Longest value that a hint repeats, in characters.
const MAX_VALUE: usize = 100;

impl Session {
    /// Checks the given options before any engine is asked. Each must have one meaning, and one of these engines
    /// must have it.
    pub(super) fn check_given(
        &self,
        engines: &[&EngineFile],
        operation: Operation,
    ) -> Result<(), OpsError> {
        let Some(first) = engines.first() else {
            return Ok(());
        };
        if let [only] = engines {
            return self.check_options(only, operation);
        }
        for setting in self.request().options.values() {
            self.reading(operation, setting)?;
            let mut senses = engines.iter().map(|it| sense(it, operation, &setting.name));
            if !senses.any(|sense| matches!(sense, Some(Sense::Option(_)))) {
                return Err(self.not_its_option(first, of_command(operation), setting));
            }
        }
        Ok(())
    }

    /// Checks that the engine has all given options and reads them as they were read, and that no required
    /// option is missing.
    pub(super) fn check_options(
        &self,
        engine: &EngineFile,
        operation: Operation,
    ) -> Result<(), OpsError> {
        self.check_ports(engine, operation.name())?;
        let manifest = engine.manifest();
        for setting in self.request().options.values() {
            let reader = self.reading(operation, setting)?;
            let Some(Sense::Option(option)) = sense(engine, operation, &setting.name) else {
                return Err(self.not_its_option(engine, of_command(operation), setting));
            };
            let read = reader.and_then(|it| sense(it, operation, &setting.name));
            if let (Some(reader), Some(read)) = (reader, read)
                && !read.is_like(Sense::Option(option))
            {
                return Err(OpsError::OtherMeaning {
                    engine: self.called(engine),
                    given: Box::new(self.given_option(of_command(operation), setting)),
                    reader: self.called(reader),
                });
            }
            if !setting.value.fits(option.form()) {
                return Err(OpsError::BadOptionValue {
                    engine: self.called(engine),
                    option: setting.name.clone(),
                    command: operation.name().to_owned(),
                    needs: needs(option.form()),
                });
            }
        }
        let is_given = |name: &str| self.request().options.contains_key(name);
        let mut options = manifest.options_of_command(operation);
        match options.find(|option| option.required && !is_given(&option.name)) {
            Some(option) => Err(OpsError::OptionMissing {
                engine: self.called(engine),
                option: option.name.clone(),
                command: operation.name().to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Checks that the engine has all given port flags, if the user named the engine. With `auto`, a port says
    /// where to look for the backend of its engine, whichever engine is used in the end.
    fn check_ports(&self, engine: &EngineFile, command: &str) -> Result<(), OpsError> {
        if *self.choice() == EngineChoice::Auto {
            return Ok(());
        }
        let mut ports = self.request().ports.iter();
        match ports.find(|(flag, _)| !has_port_flag(engine, flag)) {
            Some((flag, port)) => {
                let engines = self.host.engines().iter();
                let able = engines.filter(|engine| has_port_flag(engine, flag));
                Err(OpsError::NotItsOption {
                    engine: engine.manifest().id.to_string(),
                    given: Box::new(GivenOption {
                        name: flag.clone(),
                        command: command.to_owned(),
                        words: format!("--{flag} {port}"),
                    }),
                    able: able.map(|engine| self.called(engine)).collect(),
                })
            }
            None => Ok(()),
        }
    }

    /// Checks the flags of a command that takes port flags, and no option of an operation.
    pub(super) fn check_no_options(
        &self,
        engine: &EngineFile,
        command: &str,
    ) -> Result<(), OpsError> {
        self.check_ports(engine, command)?;
        match self.request().options.values().next() {
            Some(setting) => {
                Err(self.not_its_option(engine, (command, Operation::Detect), setting))
            }
            None => Ok(()),
        }
    }

    /// Returns the values of the engine's own options for an operation: those that the user gave, and the
    /// engine's defaults of the others.
    pub(super) fn options(&self, manifest: &Manifest, operation: Operation) -> Vec<OptionSetting> {
        let options = manifest.options_for(operation);
        let setting = |name: &str, form: OptionForm<'_>| {
            let given = self.request().options.get(name).cloned();
            given.or_else(|| {
                let value = OptionValue::default_of(form)?;
                let name = name.to_owned();
                Some(OptionSetting { name, value })
            })
        };
        options
            .filter_map(|option| setting(&option.name, option.form()))
            .collect()
    }

    /// Returns the name of the first given option that takes effect after the end of a backup.
    pub(super) fn given_for_finish(&self) -> Option<&str> {
        let engines = self.host.engines();
        let takes_effect = |engine: &EngineFile, name: &str| {
            let mut options = engine.manifest().options_for(Operation::Finish);
            options.any(|option| option.name == name)
        };
        self.request()
            .options
            .keys()
            .map(String::as_str)
            .find(|name| {
                let reading = option_reading(engines, Operation::Create, name);
                let reader = match self.choice() {
                    EngineChoice::Auto => reading.and_then(|reading| reading.reader()),
                    named @ EngineChoice::Named(_) => {
                        super::choose::order(engines, named, Operation::Create).pop()
                    }
                };
                reader.is_some_and(|engine| takes_effect(engine, name))
            })
    }

    /// Returns the error for an option that the engine does not have, with the engines that have it.
    fn not_its_option(
        &self,
        engine: &EngineFile,
        (command, operation): (&str, Operation),
        setting: &OptionSetting,
    ) -> OpsError {
        let mut takers = takers(self.host.engines(), operation, &setting.name);
        // An engine that does not take this value is a last resort.
        if takers
            .iter()
            .any(|(_, sense)| may_take(*sense, &setting.value))
        {
            takers.retain(|(_, sense)| may_take(*sense, &setting.value));
        }
        let able = takers.into_iter().map(|(engine, _)| self.called(engine));
        OpsError::NotItsOption {
            engine: engine.manifest().id.to_string(),
            given: Box::new(self.given_option((command, operation), setting)),
            able: able.collect(),
        }
    }

    /// Returns the engine that decides what an option means if the user named none.
    fn reading(
        &self,
        operation: Operation,
        setting: &OptionSetting,
    ) -> Result<Option<&EngineFile>, OpsError> {
        if *self.choice() != EngineChoice::Auto {
            return Ok(None);
        }
        match option_reading(self.host.engines(), operation, &setting.name) {
            Some(Reading::Disputed(engines)) => Err(OpsError::ManyHaveOption {
                given: Box::new(self.given_option(of_command(operation), setting)),
                engines: engines.into_iter().map(|it| self.called(it)).collect(),
            }),
            Some(reading @ Reading::Alike(_)) => Ok(reading.reader()),
            None => Ok(None),
        }
    }

    pub(super) fn called(&self, engine: &EngineFile) -> String {
        call_name(self.host.engines(), &engine.manifest().id)
    }

    fn given_option(
        &self,
        (command, operation): (&str, Operation),
        setting: &OptionSetting,
    ) -> GivenOption {
        GivenOption {
            name: setting.name.clone(),
            command: command.to_owned(),
            words: self.as_given(operation, setting),
        }
    }

    /// Returns the option as a command line gives it. The value of a file is its text, so it is left out.
    fn as_given(&self, operation: Operation, setting: &OptionSetting) -> String {
        let takers = takers(self.host.engines(), operation, &setting.name);
        let is_file = |(_, sense): &(_, Sense<'_>)| matches!(sense, Sense::Option(option) if option.kind == OptionKind::File);
        let name = &setting.name;
        match &setting.value {
            _ if takers.iter().any(is_file) => format!("--{name} FILE"),
            OptionValue::Text(text) if text.chars().count() > MAX_VALUE => {
                format!("--{name} VALUE")
            }
            OptionValue::Text(text) if text.chars().any(is_unsafe) => format!("--{name} VALUE"),
            OptionValue::Text(text) => format!("--{name} {}", word(text)),
            OptionValue::Integer(number) if *number < 0 => format!("--{name}={number}"),
            OptionValue::Integer(number) => format!("--{name} {number}"),
            OptionValue::Boolean(_) => format!("--{name}"),
        }
    }
}

/// Returns whether an engine may take a value. A value that was read for no engine is text, whatever it means.
fn may_take(sense: Sense<'_>, value: &OptionValue) -> bool {
    match (sense, value) {
        (Sense::Port, OptionValue::Text(text)) => text.parse::<u16>().is_ok(),
        (Sense::Port, OptionValue::Integer(_)) => true,
        (Sense::Port, OptionValue::Boolean(_)) => false,
        (Sense::Option(option), OptionValue::Text(text)) if option.kind == OptionKind::Integer => {
            text.parse::<i64>().is_ok()
        }
        (Sense::Option(option), value) => value.fits(option.form()),
    }
}

fn of_command(operation: Operation) -> (&'static str, Operation) {
    (operation.name(), operation)
}

/// Describes the values that an option takes, as the end of a sentence.
fn needs(form: OptionForm<'_>) -> String {
    match form.kind {
        OptionKind::Text if form.choices.is_empty() => "text".to_owned(),
        OptionKind::Text => {
            let values: Vec<_> = form.choices.iter().map(|it| it.value.as_str()).collect();
            format!("one of {}", values.join(", "))
        }
        OptionKind::File => "the text of a file".to_owned(),
        OptionKind::Integer => "an integer".to_owned(),
        OptionKind::Boolean => "true or false".to_owned(),
    }
}
