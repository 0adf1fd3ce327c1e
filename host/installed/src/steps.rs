//! Places where a test can kill an installation, as it can kill a download.
//!
//! | name | what has been done |
//! |---|---|
//! | `plugin-fetched` | the bytes are in memory |
//! | `plugin-checked` | they are an engine that this host can run, and its maker is trusted |
//! | `plugin-consented` | the user accepts what it may do |
//! | `plugin-tried` | it was started once, and its native code is in the cache |
//! | `plugin-locked` | no other process can change the store |
//! | `plugin-blob-staged` | the component is on the disk under another name |
//! | `plugin-blob-written` | it has its name |
//! | `plugin-outline-written` | its outline has its name, too |
//! | `plugin-signatures-written` | so have its signatures, if it has any |
//! | `plugin-lock-staged` | the new lockfile is on the disk under another name |
//! | `plugin-switched` | it has its name: from here on the engine is installed |
//! | `plugin-synced` | the disk knows it |
//! | `plugin-collected` | nothing is left but what is used |

use host_base::fail_point;

/// A step of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Fetched,
    Checked,
    Tried,
    Consented,
    Locked,
    BlobStaged,
    BlobWritten,
    OutlineWritten,
    SignaturesWritten,
    LockStaged,
    Switched,
    Synced,
    Collected,
}

/// The process is at this step. A release has nothing of this.
pub(super) fn reach(step: Step) {
    fail_point::reach(match step {
        Step::Fetched => "plugin-fetched",
        Step::Checked => "plugin-checked",
        Step::Tried => "plugin-tried",
        Step::Consented => "plugin-consented",
        Step::Locked => "plugin-locked",
        Step::BlobStaged => "plugin-blob-staged",
        Step::BlobWritten => "plugin-blob-written",
        Step::OutlineWritten => "plugin-outline-written",
        Step::SignaturesWritten => "plugin-signatures-written",
        Step::LockStaged => "plugin-lock-staged",
        Step::Switched => "plugin-switched",
        Step::Synced => "plugin-synced",
        Step::Collected => "plugin-collected",
    });
}
