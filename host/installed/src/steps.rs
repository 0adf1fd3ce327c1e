//! Defines places where a test can kill an installation, like a download.
//!
//! | name | state |
//! |---|---|
//! | `plugin-fetched` | the bytes are in memory |
//! | `plugin-checked` | they are an engine that this host can run, and its publisher is trusted |
//! | `plugin-consented` | the user accepted its capabilities |
//! | `plugin-tried` | it was started once, and its native code is in the cache |
//! | `plugin-locked` | no other process can change the store |
//! | `plugin-blob-staged` | the component is on the disk under a temporary name |
//! | `plugin-blob-written` | the component has its name |
//! | `plugin-outline-written` | its declarations are stored, too |
//! | `plugin-signatures-written` | its signatures are stored, too, if it has any |
//! | `plugin-lock-staged` | the new lockfile is on the disk under a temporary name |
//! | `plugin-switched` | the lockfile has its name: from now on the engine is installed |
//! | `plugin-synced` | the renames are on the disk |
//! | `plugin-collected` | all unused files are removed |

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

/// Signals that the process reached this step. A release build contains none of this.
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
