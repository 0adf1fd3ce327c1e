//! Rules that decide when the runs of scheduled backups begin.
//!
//! A [`Schedule`] returns [`Tick`]s: the minutes at which a run begins. [`due()`] decides which run is caught up after
//! a pause, and an [`Agenda`] finds the next of thousands of schedules. The crate reads no clock, no file and no
//! environment, so a decision can be repeated.
//!
//! # Text of a schedule
//!
//! A schedule has the five fields of a Kubernetes CronJob:
//!
//! | field | values |
//! |---|---|
//! | minute | 0–59 |
//! | hour | 0–23 |
//! | day of month | 1–31 |
//! | month | 1–12, or JAN–DEC in any case |
//! | day of week | 0–6 from Sunday, or SUN–SAT in any case |
//!
//! A field is a value, a range, a step, or a list of them, such as `0-30/10,45`. `*` and `?` are all values. `10/20` is
//! each 20th value from 10 on.
//!
//! If both days are limited, one of them is enough: `0 2 1 * MON` is each first and each Monday. A day field with a
//! bare `*` or `?` in its list is not limited; one with a step, such as `*/2`, is. Kubernetes reads days in this way, too.
//! Other programs read `*/2` as no limit.
//!
//! | text | meaning |
//! |---|---|
//! | `@hourly` | `0 * * * *` |
//! | `@daily`, `@midnight` | `0 0 * * *` |
//! | `@weekly` | `0 0 * * 0` |
//! | `@monthly` | `0 0 1 * *` |
//! | `@yearly`, `@annually` | `0 0 1 1 *` |
//! | `@every 90m` | each whole multiple of 90 minutes since 1970-01-01T00:00Z, in every time zone |
//! | `H` in a field | one value, chosen by a hash of the schedule's namespace and name |
//! | `H/15` | each 15th value from a first one below 15, chosen by the hash |
//! | `H(0-29)`, `H(0-29)/10` | the same within a range |
//!
//! `H` spreads schedules that would begin at the same minute. A day of month by `H` is at most 28, which every month has.
//! [`Schedule::effective`] shows the chosen values.
//!
//! # Hash
//!
//! The hash of a field is SHA-256 of the field's name, a zero byte, and the seed in UTF-8. Its first eight bytes are a
//! big-endian number. The remainder by the number of possible values is added to the least one. The names are
//! `minute`, `hour`, `day-of-month`, `month` and `day-of-week`. This never changes, or every schedule would move.
//!
//! # Clock changes
//!
//! A schedule that names every hour of the day, such as `*/15 * * * *`, follows real time. It fires whenever the
//! local clock shows a time that it names. Any other schedule has fixed times of day. It fires when the local clock
//! reaches or passes such a time *for the first time*: no fixed time is skipped, and none is doubled.
//!
//! | `Europe/Berlin` | here | Kubernetes |
//! |---|---|---|
//! | `30 2 * * *` on 29 March 2026, without 02:00–02:59 | once, at 03:00 | skipped |
//! | `0,30 2 * * *` on 29 March | once, at 03:00 | skipped |
//! | `30 2,3 * * *` on 29 March | at 03:00 and 03:30 | at 03:30 |
//! | `0 2,3 * * *` on 29 March | once, at 03:00 | at 03:00 |
//! | `0 */2 * * *` on 29 March | …, 00:00, 03:00, 04:00, … | …, 00:00, 04:00, … |
//! | `30 * * * *` on 29 March | …, 01:30, 03:30, … | the same |
//! | `30 2 * * *` on 25 October 2026, with 02:00–02:59 twice | once, at the first 02:30 | twice |
//! | `0 */2 * * *` on 25 October | …, 00:00, the first 02:00, 04:00, … | 02:00 twice |
//! | `30 * * * *` on 25 October | …, 01:30, both 02:30, 03:30, … | the same |
//!
//! The rule is the same for changes of half an hour, and for the whole day that Samoa skipped in 2011. It is not
//! the rule of a Kubernetes CronJob, for a reason. A backup that is skipped is lost, and the next may be a day away or
//! a month. A doubled backup costs a run, and may push an older copy out of the retention. An hourly schedule has
//! neither problem: where clocks change by an hour, its runs stay one hour apart.
//!
//! # Refused texts
//!
//! Some texts that Kubernetes accepts are refused, because they don't do what they say:
//!
//! - a schedule that never fires, such as `0 0 31 2 *`
//! - a step beyond the field, such as `*/90` minutes, which would be one run in each hour
//! - an empty item of a list, and a range that begins with `*`
//! - `@every` with seconds or fractions
//! - a time zone in the text (`TZ=`, `CRON_TZ=`), for which there is a field of its own

#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod agenda;
mod calendar;
mod clock;
mod due;
mod error;
mod field;
mod hash;
mod interval;
mod item;
mod parse;
mod run_name;
mod schedule;
#[cfg(test)]
mod tests;
mod tick;

pub use agenda::Agenda;
pub use due::{Due, Handled, MAX_MISSED, Missed, due};
pub use error::ScheduleError;
pub use field::Field;
pub use run_name::{NAME_MAX, run_name, tick_of};
pub use schedule::Schedule;
pub use tick::Tick;
