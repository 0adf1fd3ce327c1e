//! Rules that decide which copies of backups are kept.
//!
//! [`decide()`] takes the copies of one source and returns, for each of them, the reasons to keep it. A copy
//! without a reason goes. The crate reads no clock, no file and no environment, so a decision can be repeated.
//!
//! # Rules
//!
//! - A rule with a count keeps the newest copy of each of the newest N hours, days, weeks, months or years that
//!   have a copy. Periods without a copy use up nothing, so backups that fail for a while cost no old copy.
//! - A copy is kept if at least one rule keeps it. No other copy, such as the oldest, is kept to fill a count.
//! - All periods are those of one time zone, the store's. Weeks are ISO weeks. An hour that a clock change repeats
//!   is two hours.
//! - Only good copies count: no broken, held or future-dated copy is kept by a rule or uses up a count.
//!
//! # Safety
//!
//! These hold under every policy:
//!
//! - The newest good copy stays, and so does the newest good copy whose last check succeeded.
//! - Pinned, locked and under-way copies stay, and so do copies that are dated in the future.
//! - Another broken copy goes if a good one exists, and stays if none does.
//!
//! # Pruning often
//!
//! Pruning after each new copy leaves the same copies as pruning once at the end, whatever the order of arrival. That
//! needs two conditions:
//!
//! - Each copy has its results of checks (broken, verified) from its arrival.
//! - Holds only end.
//!
//! Other changes come too late for older copies. A copy that is pinned or found broken no longer counts, and the
//! older copy that takes its place may be gone already. A new copy never does this: it keeps no other copy that
//! would have gone without it.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod candidate;
mod decide;
mod error;
mod period;
mod policy;
mod reason;
#[cfg(test)]
mod tests;
mod within;
mod zone;

pub use candidate::{Candidate, Hold};
pub use decide::{Decision, FUTURE_ALLOWANCE, decide};
pub use error::RetentionError;
pub use policy::Policy;
pub use reason::Reason;
pub use within::Within;
pub use zone::zone;
