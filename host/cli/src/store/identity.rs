use std::path::PathBuf;

use clap::Args;
use clap::ValueHint;
use clap::builder::{PathBufValueParser, TypedValueParser as _};
use host_store::{IdentitySource, Store};

/// The secret keys that decrypt copies.
#[derive(Args)]
pub(crate) struct IdentityArgs {
    /// Age identities that decrypt the copy: a file, secret/NAME or secret/NAME:KEY; repeatable [default: those of the store]
    #[arg(
        long,
        value_name = "SOURCE",
        value_parser = PathBufValueParser::new().try_map(parse),
        value_hint = ValueHint::FilePath
    )]
    identity: Vec<IdentitySource>,
}

/// Reads the value of a flag that names identities.
#[expect(clippy::needless_pass_by_value, reason = "clap passes a value")]
pub(super) fn parse(given: PathBuf) -> Result<IdentitySource, &'static str> {
    match IdentitySource::of(&given) {
        IdentitySource::Secret { name, key } if name.is_empty() || key.as_deref() == Some("") => {
            Err("write secret/NAME or secret/NAME:KEY")
        }
        source => Ok(source),
    }
}

impl IdentityArgs {
    /// Returns whether the user names identities.
    pub(crate) fn is_given(&self) -> bool {
        !self.identity.is_empty()
    }

    /// Returns the places that the user names, or else the one of the store.
    pub(crate) fn sources(&self, store: &Store) -> Vec<IdentitySource> {
        if self.is_given() {
            self.identity.clone()
        } else {
            store.settings().identity.iter().cloned().collect()
        }
    }
}
