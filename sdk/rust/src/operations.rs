//! One trait per operation. The manifest declares which operations an engine supports.

use crate::error::Result;

use crate::backup::{Backup, Field};
pub use crate::bindings::exports::kubectl_broker::engine::operations::{
    ActRequest, CreateRequest, DeleteRequest, Detection, DownloadRequest, FinishRequest,
    HealthReport, HealthRequest, ListRequest, Page, Preparation, PrepareRequest, Report,
    Restoration, RestoreRequest, RestoreSource, StatusRequest, VerifyRequest,
};
pub use crate::bindings::kubectl_broker::engine::types::{Artifact, Check, Outcome, Saved};
pub use crate::bindings::kubectl_broker::engine::types::{OptionSetting, OptionValue};

/// An operation that checks cheaply whether the backend responds. Every engine has it.
pub trait Detect {
    /// Returns the product and the version of the backend.
    ///
    /// # Errors
    /// Returns the reason why the backend can't be used.
    fn detect() -> Result<Detection>;
}

/// An operation that asks the backend how it is.
pub trait Health {
    /// Returns the checks of the backend, or of each replica.
    ///
    /// # Errors
    /// Returns the reason why nothing is known. A replica that does not answer is a failed check.
    fn health(request: HealthRequest) -> Result<Vec<HealthReport>>;
}

/// An operation that lists all backups.
pub trait List {
    /// Returns a page of the backups. An engine without pages collects all backups into one:
    /// `Ok(backups.into_iter().collect())`.
    ///
    /// # Errors
    /// Returns the reason why the backups can't be listed.
    fn list(request: ListRequest) -> Result<Page>;
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
    /// Returns notes for the user, one sentence each, and what [`Create`] needs to know of this call.
    ///
    /// # Errors
    /// Returns the reason why no backup should start. The error ends the command.
    fn prepare(request: PrepareRequest) -> Result<Preparation>;
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
    /// Saves the bytes with [`Response::save`](crate::http::Response::save), and returns what that returned: one
    /// file, or several if the manifest says `many-files`.
    ///
    /// # Errors
    /// Returns the reason why a file is missing.
    fn download(request: DownloadRequest) -> Result<Vec<Saved>>;
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
    /// Deletes the backup, and returns warnings for the user.
    ///
    /// # Errors
    /// Returns the reason why the backup was not deleted.
    fn delete(request: DeleteRequest) -> Result<Vec<String>>;
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

    /// Returns a report of the things that the verb worked on.
    #[must_use]
    pub fn items(items: impl IntoIterator<Item = Check>) -> Self {
        Self::Items(items.into_iter().collect())
    }
}

impl Page {
    /// Returns a page with more pages behind it.
    #[must_use]
    pub fn with_next(mut self, cursor: Option<String>) -> Self {
        self.next = cursor;
        self
    }
}

/// The backups of the only page.
impl From<Vec<Backup>> for Page {
    fn from(backups: Vec<Backup>) -> Self {
        Self {
            backups,
            next: None,
        }
    }
}

/// The backups of the only page.
impl FromIterator<Backup> for Page {
    fn from_iter<I: IntoIterator<Item = Backup>>(backups: I) -> Self {
        Self {
            backups: backups.into_iter().collect(),
            next: None,
        }
    }
}

/// Notes without a token.
impl From<Vec<String>> for Preparation {
    fn from(notes: Vec<String>) -> Self {
        Self { notes, token: None }
    }
}

impl Check {
    /// Returns a check without details.
    #[must_use]
    pub fn new(name: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            name: name.into(),
            outcome,
            message: None,
        }
    }

    /// Adds details for display.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }
}

macro_rules! empty {
    ($($request:ident { $($field:ident),+ }),+ $(,)?) => {
        $(
            /// The arguments of a call without options, for tests.
            impl Default for $request {
                fn default() -> Self {
                    Self { $($field: Default::default()),+ }
                }
            }
        )+
    };
}

empty!(
    HealthRequest { options },
    ListRequest {
        cursor,
        limit,
        options
    },
    StatusRequest { id, options },
    PrepareRequest { options },
    CreateRequest { prepared, options },
    FinishRequest { id, options },
    DownloadRequest { id, options },
    DeleteRequest { id, force, options },
    VerifyRequest { id, options },
);
