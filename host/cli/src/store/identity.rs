use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use host_store::{Identities, Store, StoreError};

/// The secret keys that decrypt copies.
#[derive(Args)]
pub(crate) struct IdentityArgs {
    /// File with age identities that decrypt the copy; may be given several times [default: the store's file]
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
}

impl IdentityArgs {
    /// Returns whether the user names a file.
    pub(crate) fn is_given(&self) -> bool {
        !self.identity.is_empty()
    }

    /// Reads the files that the user names, or else the one of the store.
    pub(crate) fn read(&self, store: &Store) -> Result<Option<Arc<Identities>>, StoreError> {
        let of_store = store.settings().identity.iter();
        let files: Vec<_> = if self.identity.is_empty() {
            of_store.collect()
        } else {
            self.identity.iter().collect()
        };
        let mut all: Option<Identities> = None;
        for file in files {
            let read = Identities::read(file)?;
            match &mut all {
                Some(all) => all.extend(read),
                None => all = Some(read),
            }
        }
        Ok(all.map(Arc::new))
    }
}
