//! One trait for each operation. The manifest says which of them an engine has.

use crate::error::Result;

use crate::backup::{Backup, Field};
pub use crate::bindings::exports::kubectl_broker::engine::operations::{
    ActRequest, Check, CreateRequest, DeleteRequest, Detection, DownloadRequest, FinishRequest,
    ListRequest, Outcome, PrepareRequest, Report, Restoration, RestoreRequest, RestoreSource,
    StatusRequest, VerifyRequest,
};
pub use crate::bindings::kubectl_broker::engine::types::{Artifact, Saved};
pub use crate::bindings::kubectl_broker::engine::types::{OptionSetting, OptionValue};

/// A cheap check whether the backend answers. Every engine has it.
pub trait Detect {
    /// # Errors
    /// Why the backend can't be used.
    fn detect() -> Result<Detection>;
}

/// All backups.
pub trait List {
    /// # Errors
    /// Why they can't be listed.
    fn list(request: ListRequest) -> Result<Vec<Backup>>;
}

/// One backup as it is now.
pub trait Status {
    /// # Errors
    /// `not-found` when there is no such backup.
    fn status(request: StatusRequest) -> Result<Backup>;
}

/// Looks, before a backup is begun, whether it can be. It changes nothing.
pub trait Prepare {
    /// What the user should know before, one sentence each.
    ///
    /// # Errors
    /// Why no backup should be begun: the command ends here.
    fn prepare(request: PrepareRequest) -> Result<Vec<String>>;
}

/// Begins a backup and returns at once. Where the manifest says that it `saves`, the answer of the
/// backend is the backup: it is saved before this returns.
pub trait Create {
    /// # Errors
    /// Why none was begun.
    fn create(request: CreateRequest) -> Result<Backup>;
}

/// Does what is left to do with a backup that was begun and has ended well.
pub trait Finish {
    /// What is known of the backup then, by name.
    ///
    /// # Errors
    /// Why it was not done. The backup is there all the same.
    fn finish(request: FinishRequest) -> Result<Vec<Field>>;
}

/// Saves the bytes of one backup.
pub trait Download {
    /// # Errors
    /// Why there is no file.
    fn download(request: DownloadRequest) -> Result<Saved>;
}

/// Asks the backend to check one backup.
pub trait Verify {
    /// # Errors
    /// Why it could not be checked. A check that fails is no error.
    fn verify(request: VerifyRequest) -> Result<Vec<Check>>;
}

/// Begins a restore and returns at once.
pub trait Restore {
    /// # Errors
    /// Why none was begun.
    fn restore(request: RestoreRequest) -> Result<Restoration>;
}

/// Removes one backup.
pub trait Delete {
    /// # Errors
    /// Why it is still there.
    fn delete(request: DeleteRequest) -> Result<()>;
}

/// Verbs of the engine's own. The manifest names them, each with its options.
///
/// ```
/// use broker_engine::{Act, ActRequest, Error, Report, Result, Settings};
///
/// struct Vault;
///
/// impl Act for Vault {
///     fn act(request: ActRequest) -> Result<Report> {
///         match request.verb.as_str() {
///             "seal" => seal(request.required_text("name")?, request.boolean("force")),
///             other => Err(Error::unsupported(format!("there is no verb `{other}`"))),
///         }
///     }
/// }
///
/// fn seal(name: &str, force: bool) -> Result<Report> {
///     Ok(Report::text(format!("{name} is sealed ({force})")))
/// }
/// ```
pub trait Act {
    /// # Errors
    /// Why the verb was not carried out.
    fn act(request: ActRequest) -> Result<Report>;
}

impl Detection {
    /// Something that tells no version.
    #[must_use]
    pub fn of(product: &str) -> Self {
        Self {
            product: product.to_owned(),
            version: None,
            detail: None,
        }
    }
}

impl Report {
    /// Lines for people.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of backups, in any order.
    #[must_use]
    pub fn backups(backups: impl IntoIterator<Item = Backup>) -> Self {
        Self::Backups(backups.into_iter().collect())
    }
}
