//! One trait per operation. The manifest declares which operations an engine supports.

use crate::error::Result;

use crate::backup::{Backup, Field};
pub use crate::bindings::exports::kubectl_broker::engine::operations::{
    ActRequest, Check, CreateRequest, DeleteRequest, Detection, DownloadRequest, FinishRequest,
    ListRequest, Outcome, PrepareRequest, Report, Restoration, RestoreRequest, RestoreSource,
    StatusRequest, VerifyRequest,
};
pub use crate::bindings::kubectl_broker::engine::types::{Artifact, Saved};
pub use crate::bindings::kubectl_broker::engine::types::{OptionSetting, OptionValue};

/// An operation that checks cheaply whether the backend responds. Every engine has it.
pub trait Detect {
    /// Returns the product and the version of the backend.
    ///
    /// # Errors
    /// Returns the reason why the backend can't be used.
    fn detect() -> Result<Detection>;
}

/// An operation that lists all backups.
pub trait List {
    /// Returns the backups, in any order.
    ///
    /// # Errors
    /// Returns the reason why the backups can't be listed.
    fn list(request: ListRequest) -> Result<Vec<Backup>>;
}

/// An operation that reads one backup in its current state.
pub trait Status {
    /// Returns the backup. The host polls this operation to wait for a backup or a restore.
    ///
    /// # Errors
    /// Returns `not-found` if the backup does not exist.
    fn status(request: StatusRequest) -> Result<Backup>;
}

/// An operation that checks, before `create`, whether a backup can start. It changes nothing.
pub trait Prepare {
    /// Returns notes for the user, one sentence each.
    ///
    /// # Errors
    /// Returns the reason why no backup should start. The error ends the command.
    fn prepare(request: PrepareRequest) -> Result<Vec<String>>;
}

/// An operation that starts a backup.
///
/// If the manifest says `saves`, the backend answers with the backup, and the engine may save it here.
pub trait Create {
    /// Starts a backup and returns at once, except for a backup that it saves itself.
    ///
    /// # Errors
    /// Returns the reason why no backup was started.
    fn create(request: CreateRequest) -> Result<Backup>;
}

/// An operation that completes the work on a backup that `create` started and that succeeded.
pub trait Finish {
    /// Returns details of the backup, by name.
    ///
    /// # Errors
    /// Returns the reason why the work was not done. The backup itself is kept.
    fn finish(request: FinishRequest) -> Result<Vec<Field>>;
}

/// An operation that saves the bytes of one backup.
pub trait Download {
    /// Saves the bytes, for example with [`Response::save`](crate::http::Response::save).
    ///
    /// # Errors
    /// Returns the reason why there is no file.
    fn download(request: DownloadRequest) -> Result<Saved>;
}

/// An operation that asks the backend to check one backup.
pub trait Verify {
    /// Returns the result of each check.
    ///
    /// # Errors
    /// Returns the reason why the backup could not be checked. A check that fails is not an error.
    fn verify(request: VerifyRequest) -> Result<Vec<Check>>;
}

/// An operation that starts a restore.
pub trait Restore {
    /// Starts a restore and returns at once.
    ///
    /// # Errors
    /// Returns the reason why no restore was started.
    fn restore(request: RestoreRequest) -> Result<Restoration>;
}

/// An operation that deletes one backup.
pub trait Delete {
    /// Deletes the backup.
    ///
    /// # Errors
    /// Returns the reason why the backup was not deleted.
    fn delete(request: DeleteRequest) -> Result<()>;
}

/// An operation that runs the engine's own verbs. The manifest declares them, each with its options.
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
    /// Runs the verb.
    ///
    /// # Errors
    /// Returns the reason why the verb failed.
    fn act(request: ActRequest) -> Result<Report>;
}

impl Detection {
    /// Returns a detection of a product whose version is unknown.
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
    /// Returns a report of lines of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Returns a report of backups, in any order.
    #[must_use]
    pub fn backups(backups: impl IntoIterator<Item = Backup>) -> Self {
        Self::Backups(backups.into_iter().collect())
    }
}
