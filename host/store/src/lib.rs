//! Copies of backups in object stores and folders: written, listed, checked, kept by rule, and read back.
//!
//! A copy is there whole or not at all: its manifest is written last, with a precondition. The names of objects
//! (`names`) carry what a listing shows, so no index can be wrong. Every other program can read a copy: see
//! `docs/copies.md`.
//!
//! | module | job |
//! |---|---|
//! | `url`, `settings` | addresses, and the user's named stores |
//! | `connect`, `requests`, `service` | credentials, connections, requests, and their errors |
//! | `names`, `manifest`, `format` | the layout of a store |
//! | `upload`, `file_upload`, `sender`, `plan` | writing a copy: its manifest, its files, their parts |
//! | `crypt`, `encrypting` | encryption |
//! | `journal`, `resume` | resuming an upload |
//! | `copies`, `reader`, `verify` | listing, reading and checking copies |
//! | `prune`, `repair`, `probe`, `between` | retention, interrupted uploads, `store test`, copies between stores |

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod between;
mod cleanup;
mod connect;
mod copies;
mod crypt;
mod encrypting;
mod error;
mod file_upload;
mod format;
mod identity;
mod journal;
mod manifest;
mod names;
mod plan;
mod probe;
mod prune;
mod reader;
mod repair;
mod requests;
mod resume;
mod sender;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod upload;
mod url;
mod verify;

use std::time::Duration;

pub use between::Way;
pub use cleanup::Cleanup;
pub use connect::Store;
pub use copies::{CheckMark, CheckResult, Content, Copy, Depth, Marks, OpenEntry};
pub use crypt::Identities;
pub use error::StoreError;
pub use file_upload::FileUpload;
pub use identity::{IdentitySource, identity_key};
pub use manifest::{CopyFile, CopyManifest, Encryption, Lock, Origin, Stored};
pub use names::{CopyName, Source};
pub use probe::StoreCheck;
pub use prune::{Plan, Removed, Verdicts};
pub use reader::StoredFile;
pub use repair::{Finding, FindingKind};
pub use service::{Refused, ServiceError};
pub use settings::{LockMode, LockSettings, StoreSettings, Stores, check_name};
pub use upload::{Draft, Subject, Written, proof_name};
pub use url::StoreUrl;
pub use verify::{Verified, VerifyOrder};

/// Maximum time until the head of a response of the S3 client.
const FIRST_BYTE: Duration = Duration::from_mins(1);
