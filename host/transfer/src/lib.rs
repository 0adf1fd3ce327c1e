//! The bytes of backups: from an answer into a file, onto stdout, and checked where they lie.
//!
//! This layer knows files, checksums and the HTTP headers that speak of them. It does not know where
//! an answer comes from: whoever calls it gives the first answer, and a [`Source`] that can ask again
//! from an offset.
//!
//! What [`save()`] promises, and where it is kept:
//!
//! | promise | place |
//! |---|---|
//! | the final name appears only when the file is whole and checked | `commit` |
//! | two processes never write one file | the lock of `part` |
//! | nothing but a plain file is replaced | `plain`, `destination`, `commit` |
//! | what came before a crash is truthful, and is not asked for again | `part`, `writer` |
//! | the end of a stream is not success | `claims`, `fetch`, `save` |
//! | memory is constant | `worker`: one budget for all bytes in flight |

mod archive;
mod blocking;
mod claims;
mod commit;
mod content_disposition;
mod content_range;
mod destination;
mod error;
mod fail_point;
mod fetch;
mod file_name;
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

pub use claims::Claims;
pub use claims::{Expectation, Proof};
pub use destination::Destination;
pub use destination::kept_bytes;
pub use error::{Origin, TransferError};
pub use file_name::FileName;
pub use history::{Entry, History, Past};
pub use plain::{Target as WriteTarget, Unwritable, target as write_target};
pub use retry_after::retry_after;
pub use save::{Saved, save};
pub use source::{Answer, Body, Download, Event, Progress, Retry, Sleeper, Source, TokioSleeper};
pub use stream::{Streamed, stream_to};
pub use verify::{Check, Outcome, Proven, Verification, Wanted, verify};
