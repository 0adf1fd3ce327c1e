//! Moves the bytes of backups: from a response into a file or onto stdout. It also verifies existing files.
//!
//! This layer knows files, checksums and the HTTP headers about them. It does not know where a response comes
//! from. The caller passes the first response, and a [`Source`] that can repeat the request from an offset.
//!
//! The promises of [`save()`], and the modules that keep them:
//!
//! | promise | place |
//! |---|---|
//! | the final name appears only when the file is complete and checked | `commit` |
//! | two processes never write one file | the lock of `part` |
//! | only a plain file is ever replaced | `plain`, `destination`, `commit` |
//! | bytes from before a crash are correct and are not requested again | `part`, `writer` |
//! | the end of a stream is not success | `claims`, `fetch`, `save` |
//! | a complete file of an earlier run is not requested again, if a checksum proves it | `earlier` |
//! | memory is constant | `worker`: one budget for all bytes in flight |

mod archive;
mod blocking;
mod claims;
mod commit;
mod content_disposition;
mod content_range;
mod destination;
mod earlier;
mod error;
mod fail_point;
mod fetch;
mod file_name;
mod file_names;
mod futile;
mod gather;
mod hasher;
mod hint;
mod history;
mod open;
mod part;
mod plain;
mod record;
mod retry_after;
mod save;
mod sink;
mod source;
mod space;
mod stream;
mod sum_file;
#[cfg(test)]
mod testing;
mod unproven;
mod verify;
mod worker;
mod writer;

pub use archive::{check as check_structure, prove_end};
pub use claims::Claims;
pub use claims::{Expectation, Proof};
pub use destination::Destination;
pub use destination::kept_bytes;
pub use earlier::earlier;
pub use error::{Origin, TransferError};
pub use file_name::FileName;
pub use file_names::FileNames;
pub use history::{Entry, History, Past, SavedPart};
pub use plain::{Target as WriteTarget, Unwritable, target as write_target};
pub use retry_after::retry_after;
pub use save::{Saved, save};
pub use sink::{Fingerprint, HandedOver, Sink, hand_over};
pub use source::{Answer, Body, Download, Event, Progress, Retry, Sleeper, Source, TokioSleeper};
pub use stream::{Streamed, stream_to};
pub use verify::{Check, Outcome, Proven, Verification, Wanted, verify};
