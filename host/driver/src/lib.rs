//! The operations behind the commands: they choose an engine, connect, run it and return a result.
//! The crate parses no command line and prints nothing; a front end shows the results.

#![deny(missing_docs)]

mod act;
mod asking;
mod backends;
mod begun;
mod choose;
mod commands;
mod compiling;
mod copies;
mod create;
mod credentials;
mod delete;
mod discover;
mod download;
mod echo;
mod engines;
mod error;
mod export;
mod file_body;
mod file_source;
mod form_body;
mod given;
mod health;
mod history;
mod holder;
mod host;
mod identities;
mod list;
mod lock;
mod meaning;
mod network;
mod notes;
mod objects;
mod observer;
mod outside;
mod passing;
mod question;
mod restore;
mod results;
mod running;
mod saving;
mod session;
mod status;
mod task;
mod test;
#[cfg(test)]
mod testing;
mod tls;
mod verify;
mod wait;

pub use act::{VerbOutcome, VerbRequest, VerbResult, act};
pub use begun::{Begun, Work};
pub use choose::{EngineChoice, order};
pub use copies::{
    CopyChoice, CopyFileOrder, GetRequest, GivenOrigin, GotCopy, StoreObserver, copy_file, examine,
    get, person, target_source,
};
pub use create::{CreateRequest, begin_create, create};
pub use credentials::CredentialsRequest;
pub use delete::{DeleteRequest, delete};
pub use discover::{DiscoverRequest, discover};
pub use download::{DownloadRequest, Downloaded, download};
pub use engines::engines;
pub use error::{GivenOption, NotAuthenticated, OpsError};
pub use health::health;
pub use history::history;
pub use host::{Host, HostSettings};
pub use identities::identities;
pub use list::{BackupPages, Listing, list};
pub use meaning::{Reading, Sense, has_port_flag, option_reading, sense, verb_reading};
pub use restore::{
    NotBegun, PreparedRestore, RestoreFrom, RestoreRequest, prepare_restore, restore,
};
pub use results::{
    BackupChecks, Backups, CheckResult, CheckUp, CheckedFile, CopiedBackup, Created, Deleted,
    DiscoveredTarget, Discovery, DownloadedFiles, EngineItems, EngineReport, EngineSummary,
    Engines, Health, LeftOut, LocalFile, LocalFiles, PastFile, PastOperation, PastOperations,
    PerPod, PodFailure, Restored, Scope, ServingEngine, StoredCopy, Verified, worst,
};
pub use saving::{Place, StorePlace};
pub use session::{Request, Session};
pub use status::{Which, status, watch};
pub use task::{Finished, Ongoing, Task, TaskKind};
pub use test::test;
pub use tls::TlsRequest;
pub use verify::{VerifyRequest, verify, verify_backup};
pub use wait::Waiting;
