//! The rules that the types of a manifest can't express, one function for each of its sections.
//!
//! Each function adds all problems that it finds, with their places.

use std::collections::BTreeSet;

use crate::names::{RESERVED_FLAGS, is_flag_name};
use crate::place::{Findings, Place};
use crate::{
    Ability, Column, EngineOption, Manifest, ManifestError, Operation, OptionForm, OptionKind,
    TlsFlags, VerbOption, verb,
};

type Found = Findings<ManifestError>;

impl Manifest {
    /// Returns all broken rules, in the order of the sections.
    pub(crate) fn findings(&self) -> Found {
        let mut found = Findings::new();
        self.check_texts(&mut found);
        self.check_operations(&mut found);
        self.check_many_files(&mut found);
        self.check_lacks(&mut found);
        self.check_commands(&mut found);
        self.check_resources(&mut found);
        self.check_outside(&mut found);
        let mut flags = Flags::default();
        self.check_options(&mut flags, &mut found);
        self.check_columns(&mut found);
        self.check_endpoints(&mut flags, &mut found);
        self.check_credentials(&mut found);
        verb::check(self, &mut found);
        found
    }

    fn check_texts(&self, found: &mut Found) {
        let summary = printable("summary", &self.summary, 200);
        found.check(Place::of("summary"), summary);
        if let Some(homepage) = &self.homepage {
            let homepage = printable("homepage", homepage, 300);
            found.check(Place::of("homepage"), homepage);
        }
    }

    fn check_operations(&self, found: &mut Found) {
        let operations = Place::of("operations");
        if !self.can(Operation::Detect) {
            found.add(operations.then("detect"), ManifestError::NoDetect);
        }
        for (operation, ability) in &self.operations {
            let operation = *operation;
            let place = operations.then(operation.name());
            let command = operation.command();
            if !self.can(command) {
                let error = ManifestError::PartOf { operation, command };
                found.add(place.clone(), error);
            }
            ability.check(operation, &place, found);
            self.check_menu(operation, ability, &place.then("menu"), found);
        }
    }

    /// Checks that a menu uses only choices of the options of `list`.
    fn check_menu(
        &self,
        operation: Operation,
        ability: &Ability,
        place: &Place,
        found: &mut Found,
    ) {
        for (name, value) in &ability.menu {
            let mut options = self.options_for(Operation::List);
            let is_choice = options.any(|option| {
                option.name == *name && option.form().allows(value) && !option.choices.is_empty()
            });
            if !is_choice {
                let error = ManifestError::BadMenu {
                    operation,
                    option: name.clone(),
                    value: value.clone(),
                };
                found.add(place.then(name), error);
            }
        }
    }

    fn check_lacks(&self, found: &mut Found) {
        for (operation, reason) in &self.lacks {
            let place = Place::of("lacks").then(operation.name());
            if self.can(*operation) {
                let operation = *operation;
                found.add(place, ManifestError::LacksWhatItHas { operation });
            } else {
                found.check(place, printable("lacks", reason, 300));
            }
        }
    }

    fn check_commands(&self, found: &mut Found) {
        for (name, command) in &self.exec {
            let place = Place::of("exec").then(name);
            found.check(place.clone(), check_name("command", name));
            found.include(&place, command.check(), |source| {
                ManifestError::BadCommand {
                    command: name.clone(),
                    source,
                }
            });
        }
    }

    fn check_resources(&self, found: &mut Found) {
        if let Some(resources) = &self.resources {
            let place = Place::of("resources").then("allow");
            found.include(&place, resources.check(), ManifestError::Resources);
        }
    }

    /// Checks the stores and services outside the cluster.
    fn check_outside(&self, found: &mut Found) {
        // With a default or with choices, the author would name the bucket, and the next version another one.
        let is_users = |name: &str| {
            let of_verbs = self.verbs.values().flat_map(|verb| &verb.options);
            let forms = self.options.iter().map(EngineOption::form);
            let forms: Vec<_> = forms
                .chain(of_verbs.map(VerbOption::form))
                .filter(|form| form.name == name)
                .collect();
            let is_free = |form: &OptionForm<'_>| {
                form.kind == OptionKind::Text && form.choices.is_empty() && form.default.is_none()
            };
            !forms.is_empty() && forms.iter().all(is_free)
        };
        let stores = self.storage.iter();
        let stores = stores.map(|(name, store)| ("storage", name, store.check(is_users)));
        let services = self.aws.iter();
        let services = services.map(|(name, service)| ("aws", name, service.check()));
        for (what, name, problems) in stores.chain(services) {
            let place = Place::of(what).then(name);
            found.check(place.clone(), check_name(what, name));
            found.include(&place, problems, |source| ManifestError::BadStore {
                table: format!("{what}.{name}"),
                source,
            });
        }
    }

    fn check_options(&self, flags: &mut Flags<'_>, found: &mut Found) {
        for (at, option) in self.options.iter().enumerate() {
            let place = Place::of("options").then(at);
            let name = if option.is_shared_flag() {
                flags.add(&option.name)
            } else {
                flags.add_new(&option.name)
            };
            found.check(place.then("name"), name);
            option.form().check(option.required, &place, found);
            if option.operations.contains(&Operation::Act) {
                let option = option.name.clone();
                let error = ManifestError::OptionOfAct { option };
                found.add(place.then("operations"), error);
            }
        }
    }

    fn check_columns(&self, found: &mut Found) {
        for (at, column) in self.columns.iter().enumerate() {
            column.check(&Place::of("columns").then(at), found);
        }
    }

    fn check_endpoints(&self, flags: &mut Flags<'_>, found: &mut Found) {
        for (name, endpoint) in &self.endpoints {
            let place = Place::of("endpoints").then(name);
            let flag = place.then("port").then("flag");
            found.check(place.clone(), check_name("endpoint", name));
            if let Some(name) = endpoint.port_flag() {
                found.check(flag.clone(), flags.add_new(name));
            }
            for name in endpoint.tls_flags().iter().flat_map(TlsFlags::all) {
                found.check(flag.clone(), flags.add_unreserved(&name));
            }
            let problems = endpoint.check(&self.credentials);
            found.include(&place, problems, |source| ManifestError::BadEndpoint {
                endpoint: name.clone(),
                source,
            });
        }
    }

    /// Checks that credentials have valid names, and that each is used.
    fn check_credentials(&self, found: &mut Found) {
        let endpoints = self.endpoints.values();
        let used: BTreeSet<_> = endpoints.filter_map(|it| it.auth.credentials()).collect();
        for (name, credential) in &self.credentials {
            let place = Place::of("credentials").then(name);
            found.check(place.clone(), check_name("credentials", name));
            let help = printable("credentials.help", &credential.help, 300);
            found.check(place.then("help"), help);
            if !used.contains(name.as_str()) {
                let name = name.clone();
                found.add(place, ManifestError::UnusedCredentials { name });
            }
        }
    }
}

impl Ability {
    /// Checks that the settings belong to the operation.
    fn check(&self, operation: Operation, place: &Place, found: &mut Found) {
        let mut only = |key: &str, is_set: bool, of: Operation, error: ManifestError| {
            if is_set && operation != of {
                found.add(place.then(key), error);
            }
        };
        only(
            "files",
            self.files,
            Operation::Restore,
            ManifestError::NoFiles { operation },
        );
        only(
            "saves",
            self.saves,
            Operation::Create,
            ManifestError::NothingToSave { operation },
        );
        only(
            "newest-first",
            self.newest_first,
            Operation::List,
            ManifestError::NothingToOrder { operation },
        );
        only(
            "no-status",
            self.no_status,
            Operation::Restore,
            ManifestError::NothingToFollow { operation },
        );
        only(
            "repeat-in",
            !self.repeat_in.is_empty(),
            Operation::Finish,
            ManifestError::NothingToRepeat { operation },
        );
    }
}

impl Column {
    fn check(&self, place: &Place, found: &mut Found) {
        let value = check_name("column value", &self.value);
        let is_valid = value.is_ok();
        found.check(place.then("value"), value);
        let header = self.header();
        let is_word = !header.is_empty()
            && header.len() <= 24
            && header
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        // The default header of an invalid value is no problem of its own.
        if !is_word && (is_valid || self.header.is_some()) {
            found.add(place.then("header"), ManifestError::BadHeader { header });
        }
    }
}

/// The flags that a command line of the engine has.
#[derive(Debug)]
pub(crate) struct Flags<'a> {
    /// Flags that several command lines share.
    shared: &'a BTreeSet<String>,
    own: BTreeSet<String>,
}

static NO_FLAGS: BTreeSet<String> = BTreeSet::new();

impl Default for Flags<'_> {
    fn default() -> Self {
        Self::with(&NO_FLAGS)
    }
}

impl<'a> Flags<'a> {
    pub(crate) fn with(shared: &'a BTreeSet<String>) -> Self {
        Self {
            shared,
            own: BTreeSet::new(),
        }
    }

    /// Adds a flag that the engine chose: every shell must accept its form, and it must be unique and not
    /// reserved by the host.
    pub(crate) fn add_new(&mut self, name: &str) -> Result<(), ManifestError> {
        check_name("option", name)?;
        self.add_unreserved(name)
    }

    /// Adds a flag that must be unique and not reserved by the host.
    fn add_unreserved(&mut self, name: &str) -> Result<(), ManifestError> {
        if RESERVED_FLAGS.contains(&name) {
            return Err(ManifestError::ReservedFlag {
                name: name.to_owned(),
            });
        }
        self.add(name)
    }

    /// Adds a flag that must be unique.
    pub(crate) fn add(&mut self, name: &str) -> Result<(), ManifestError> {
        if !self.shared.contains(name) && self.own.insert(name.to_owned()) {
            return Ok(());
        }
        Err(ManifestError::TwiceTheSameFlag {
            name: name.to_owned(),
        })
    }
}

/// Checks a name of the author's choice. `what` says what it names.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), ManifestError> {
    if is_flag_name(name) {
        return Ok(());
    }
    Err(ManifestError::BadName {
        what,
        name: name.to_owned(),
    })
}

/// Checks a text for display: it must be one line that is not empty and has no control characters.
pub(crate) fn printable(what: &'static str, text: &str, limit: usize) -> Result<(), ManifestError> {
    if text.trim().is_empty() || text.chars().count() > limit || text.chars().any(char::is_control)
    {
        return Err(ManifestError::BadText { what, limit });
    }
    Ok(())
}
