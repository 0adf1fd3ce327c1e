use std::error::Error;
use std::path::PathBuf;

use host_base::shell::word;
use host_base::text::printable;
use host_base::{Failure, PrivateFolderError, Problem, Report, ReportKind};
use host_objectstore::S3Error;
use host_transfer::TransferError;
use host_web::WebError;

use crate::service::{Refused, ServiceError};

/// The maximum number of characters of foreign text in one message.
const SHOWN: usize = 300;

/// The reason why an operation on a store has failed.
#[expect(missing_docs, reason = "the messages say what the fields are")]
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address of a store is invalid.
    #[error("invalid store address `{}`: {reason}", show(given))]
    BadUrl { given: String, reason: &'static str },
    /// The name of a store is invalid.
    #[error("invalid store name `{}`", show(name))]
    BadName { name: String },
    /// No store has this name.
    #[error("there is no store `{}`{}", show(name), among(known))]
    Unknown { name: String, known: Vec<String> },
    /// A store of this name exists already.
    #[error("store `{name}` exists already: {url}")]
    NameTaken { name: String, url: String },
    /// A setting is invalid.
    #[error("the setting `{name}` {problem}")]
    Setting { name: &'static str, problem: String },
    /// The file with the stores can't be used.
    #[error("can't use {}: {}", path.display(), show(reason))]
    File { path: PathBuf, reason: String },
    /// A private folder can't be used.
    #[error(transparent)]
    Folder(#[from] PrivateFolderError),
    /// S3 can't be used.
    #[error(transparent)]
    S3(Box<S3Error>),
    /// No connection was made.
    #[error(transparent)]
    Web(Box<WebError>),
    /// The service of the store failed or refused.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// The bytes of a transfer are not as they should be, or can't be had.
    #[error(transparent)]
    Transfer(Box<TransferError>),
    /// The store was written by a newer version of this program, or by something else.
    #[error("can't read the format of {store}: {}", show(reason))]
    Format { store: String, reason: String },
    /// The place of a named store is no store any more.
    #[error("{url} is not a store any more: its store.json is missing")]
    NoStore { store: String, url: String },
    /// Another upload of the same backup is under way.
    #[error("an upload of backup {} is under way", show(copy))]
    UnderWay { copy: String, store: String },
    /// A manifest is invalid.
    #[error("can't read manifest {}: {}", show(key), show(reason))]
    BadManifest {
        key: String,
        reason: String,
        store: String,
    },
    /// A reference means no copy.
    #[error("store {store} has no copy `{}`", show(reference))]
    NoCopy { reference: String, store: String },
    /// A reference means several copies.
    #[error("`{}` is ambiguous: {}", show(reference), printable(&candidates.join(", "), 4 * SHOWN))]
    Ambiguous {
        reference: String,
        candidates: Vec<String>,
    },
    /// An address is that of several named stores.
    #[error("{} is the address of several stores: {}", show(url), names.join(", "))]
    SeveralNames { url: String, names: Vec<String> },
    /// A copy is not what it should be.
    #[error("copy {} is damaged: {}", show(copy), show(reason))]
    Damaged {
        copy: String,
        reason: String,
        store: String,
    },
    /// A copy is encrypted, and no identity is given.
    #[error("copy {} is encrypted{}", show(copy), no_match(*given))]
    NoIdentity { copy: String, given: bool },
    /// Identities can't be read.
    #[error("can't read age identities from {}: {}", show(place), show(reason))]
    BadIdentity { place: String, reason: String },
    /// Text is not a recipient.
    #[error("`{}…` is not an age recipient", show(given))]
    BadRecipient { given: String },
    /// A copy is protected against deletion.
    #[error("copy {} is locked until {until}", show(copy))]
    Locked { copy: String, until: String },
    /// A copy is pinned.
    #[error("copy {} is pinned", show(copy))]
    Pinned { copy: String, store: String },
    /// The server does not keep the promise that new copies depend on.
    #[error("store {store} overwrites objects although a request forbids that")]
    NoConditions { store: String },
    /// An object is not as it was written.
    #[error("{} was not stored as it was sent: {reason}", show(what))]
    NotStored { what: String, reason: String },
    /// The upload needs too many parts.
    #[error("{} is too large: more than {limit} bytes", show(what))]
    TooLarge {
        what: String,
        limit: u64,
        store: String,
    },
    /// A source of bytes reports an error.
    #[error("{}", report.message)]
    Reported { report: Box<Report> },
    /// The time zone of the store is another one.
    #[error("store {store} has the time zone {found}, not {wanted}")]
    OtherZone {
        store: String,
        found: String,
        wanted: String,
    },
    /// The rules of retention are invalid.
    #[error(transparent)]
    Rules(#[from] host_retention::RetentionError),
    /// Several copies could not be deleted.
    #[error("{count} of {total} objects could not be deleted: {source}")]
    NotDeleted {
        count: usize,
        total: usize,
        source: Box<StoreError>,
    },
    /// The operation needs a kind of store that this one is not.
    #[error("store {store} can't {doing}")]
    Unsupported { store: String, doing: &'static str },
    /// The work was stopped.
    #[error("the work was stopped")]
    Stopped,
}

macro_rules! boxed {
    ($($variant:ident: $error:ty),+ $(,)?) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        }
    )+};
}

boxed!(S3: S3Error, Web: WebError, Service: ServiceError, Transfer: TransferError);

impl From<Report> for StoreError {
    fn from(report: Report) -> Self {
        Self::Reported {
            report: Box::new(report),
        }
    }
}

fn show(text: &str) -> std::borrow::Cow<'_, str> {
    printable(text, SHOWN)
}

fn among(known: &[String]) -> String {
    match known {
        [] => String::new(),
        known => format!(": the stores are {}", show(&known.join(", "))),
    }
}

const fn no_match(given: bool) -> &'static str {
    if given {
        ", and no given identity is among its recipients"
    } else {
        ", and no identity was given"
    }
}

impl StoreError {
    /// Returns true if the same operation may succeed a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Service(error) => error.refused.is_passing(),
            Self::S3(error) => error.report().retryable,
            Self::Reported { report } => report.retryable,
            Self::Web(error) => matches!(
                **error,
                WebError::Unreachable { .. } | WebError::TimedOut { .. }
            ),
            _ => false,
        }
    }

    /// Returns true if the store as a whole can't be used: work on another copy will fail in the same way.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Service(error) => error.refused.concerns_all(),
            Self::S3(error) => error.report().kind.concerns_all(),
            Self::Transfer(error) => error.report().kind.concerns_all(),
            Self::Reported { report } => report.kind.concerns_all(),
            Self::Web(_) | Self::NoStore { .. } | Self::NoConditions { .. } | Self::Stopped => true,
            _ => false,
        }
    }

    /// Converts the error to the terms of a transfer.
    #[must_use]
    pub fn report(&self) -> Report {
        match self {
            Self::Transfer(error) => return error.report(),
            Self::S3(error) => return error.report(),
            Self::Reported { report } => return (**report).clone(),
            _ => {}
        }
        let kind = match self.failure() {
            Failure::NotFound => ReportKind::NotFound,
            Failure::NotAllowed => ReportKind::Forbidden,
            Failure::Conflict => ReportKind::Conflict,
            Failure::Usage => ReportKind::InvalidArgument,
            Failure::TimedOut => ReportKind::TimedOut,
            Failure::Integrity => ReportKind::Integrity,
            _ if self.is_passing() => ReportKind::Unavailable,
            _ => ReportKind::Failed,
        };
        Report {
            kind,
            message: self.to_string(),
            hint: self.advice(),
            retryable: self.is_passing(),
            origin: None,
        }
    }
}

impl Problem for StoreError {
    fn failure(&self) -> Failure {
        match self {
            Self::BadUrl { .. }
            | Self::BadName { .. }
            | Self::Setting { .. }
            | Self::File { .. }
            | Self::BadIdentity { .. }
            | Self::BadRecipient { .. }
            | Self::Rules(_)
            | Self::Ambiguous { .. }
            | Self::SeveralNames { .. } => Failure::Usage,
            Self::Unknown { .. } | Self::NoCopy { .. } | Self::NoStore { .. } => Failure::NotFound,
            Self::NameTaken { .. }
            | Self::Locked { .. }
            | Self::Pinned { .. }
            | Self::UnderWay { .. }
            | Self::OtherZone { .. } => Failure::Conflict,
            Self::NoIdentity { .. } => Failure::NotAllowed,
            Self::Damaged { .. } | Self::BadManifest { .. } | Self::NotStored { .. } => {
                Failure::Integrity
            }
            Self::S3(error) => error.report().kind.failure(),
            Self::Reported { report } => report.kind.failure(),
            Self::Web(error) => error.failure(),
            Self::Service(error) => error.refused.failure(),
            Self::Transfer(error) => error.failure(),
            // If nothing was done, the reason counts.
            Self::NotDeleted {
                count,
                total,
                source,
            } if count == total => source.failure(),
            Self::NotDeleted { .. } => Failure::Partial,
            Self::Stopped => Failure::Interrupted,
            Self::Folder(_)
            | Self::Format { .. }
            | Self::NoConditions { .. }
            | Self::TooLarge { .. }
            | Self::Unsupported { .. } => Failure::Failed,
        }
    }

    fn advice(&self) -> Option<String> {
        let hint = match self {
            Self::BadUrl { .. } => {
                "Use s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER"
            }
            Self::BadName { .. } => {
                "Use 1–63 letters, digits, dashes, dots and underscores, with a letter or a digit first"
            }
            Self::Unknown { .. } => {
                "List the stores with `kubectl broker store list`, or add one with `kubectl broker store add NAME ADDRESS`"
            }
            Self::NameTaken { name, .. } => {
                return Some(format!(
                    "Choose another name, or remove that store from the configuration with `kubectl broker store remove {}`: its copies stay",
                    word(name)
                ));
            }
            Self::File { .. } => {
                "Correct the file, or remove it and add the stores again with `kubectl broker store add NAME ADDRESS`"
            }
            Self::S3(error) => return error.report().hint,
            Self::Web(error) => return error.advice(),
            Self::Service(error) => return error.advice(),
            Self::Transfer(error) => return error.advice(),
            Self::Format { .. } => "Update kubectl-broker, or use another prefix for the copies",
            Self::BadManifest { store, .. } => {
                return Some(format!(
                    "List everything in the store with `kubectl broker store ls {} --all`",
                    word(store)
                ));
            }
            Self::NoCopy { store, .. } => {
                return Some(format!(
                    "List the copies with `kubectl broker store ls {}`",
                    word(store)
                ));
            }
            Self::Ambiguous { .. } => "Name the copy by one of these references",
            Self::SeveralNames { .. } => "Name the store by one of these names",
            Self::Damaged { store, .. } => {
                return Some(format!(
                    "Choose another copy with `kubectl broker store ls {0}`; `kubectl broker store verify {0} --deep` finds all damage",
                    word(store)
                ));
            }
            Self::NoIdentity { given: false, .. } => {
                "Give the identity with `--identity FILE`, or with `--identity secret/NAME` if a Secret has it"
            }
            Self::NoIdentity { .. } => {
                "Give another identity with `--identity FILE`, or with `--identity secret/NAME`"
            }
            Self::BadIdentity { .. } => {
                "Give the file with the identity that belongs to a recipient of the copies: a new identity decrypts no copy that exists"
            }
            Self::BadRecipient { .. } => {
                "Give a recipient that begins with `age1`; `age-keygen -y FILE` shows that of an identity"
            }
            Self::Locked { .. } => "Delete it after that time",
            Self::Pinned { copy, store } => {
                return Some(format!(
                    "Remove the pin first, with `kubectl broker store unpin {} {}`",
                    word(store),
                    word(copy)
                ));
            }
            Self::UnderWay { store, .. } => {
                return Some(format!(
                    "Wait for its end; if its process died, `kubectl broker store repair {}` removes it after half an hour",
                    word(store)
                ));
            }
            Self::NoStore { store, url } => {
                return Some(format!(
                    "Check that the folder is mounted; make it a store again with `kubectl broker store add {} {}`",
                    word(store),
                    word(url)
                ));
            }
            Self::NoConditions { .. } => {
                "Use a server that honours If-None-Match for PUT: otherwise two uploads at the same time can damage each other"
            }
            Self::NotStored { .. } => {
                "Try again; if it happens again, the server or something on the way changes the bytes"
            }
            Self::TooLarge { store, .. } => {
                return Some(format!(
                    "Download the backup to a file, and copy that with `kubectl broker backup copy FILE --to {}`",
                    word(store)
                ));
            }
            Self::Reported { report } => return report.hint.clone(),
            Self::OtherZone { .. } => "Leave out `--time-zone`: a store keeps its first time zone",
            Self::NotDeleted { source, .. } => return source.advice(),
            Self::Folder(_) | Self::Setting { .. } | Self::Rules(_) | Self::Unsupported { .. } => {
                return None;
            }
            Self::Stopped => "Run the same command again",
        };
        Some(hint.to_owned())
    }
}

impl StoreError {
    /// Returns true if a service said that there is no such object.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Service(error) if error.refused == Refused::Missing)
    }

    /// Returns true if a service said that there is such an object already.
    pub(crate) fn is_existing(&self) -> bool {
        matches!(self, Self::Service(error) if error.refused == Refused::Exists)
    }
}

/// Returns an error and its causes.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !said.contains(&text) {
            said.push_str(&format!(": {text}"));
        }
        source = inner.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_in_a_hint_names_the_store_as_a_word_of_a_shell() {
        let store = || "s3://it's/copies".to_owned();
        let text = || "x".to_owned();
        for error in [
            StoreError::BadManifest {
                key: text(),
                reason: text(),
                store: store(),
            },
            StoreError::Damaged {
                copy: text(),
                reason: text(),
                store: store(),
            },
            StoreError::TooLarge {
                what: text(),
                limit: 1,
                store: store(),
            },
            StoreError::NoCopy {
                reference: text(),
                store: store(),
            },
            StoreError::Pinned {
                copy: text(),
                store: store(),
            },
            StoreError::UnderWay {
                copy: text(),
                store: store(),
            },
            StoreError::NoStore {
                store: store(),
                url: text(),
            },
        ] {
            let hint = error.advice().unwrap();
            assert!(hint.contains(" 's3://it'\\''s/copies'"), "{hint}");
            assert!(!hint.contains("STORE"), "{hint}");
        }
    }
}
