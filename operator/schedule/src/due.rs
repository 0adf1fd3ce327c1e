use jiff::{SignedDuration, Timestamp};

use crate::tick::minute;
use crate::{Schedule, Tick};

/// How many missed ticks are counted.
pub const MAX_MISSED: usize = 100;

/// Up to where the ticks of a schedule have been decided about: no earlier tick fires any more.
///
/// Of several, the greatest counts. After a schedule was resumed, that is
/// `Handled::tick(last).max(Handled::since(resumed))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Handled {
    minute: i64,
}

impl Handled {
    /// Every tick up to this one has been decided about.
    pub fn tick(tick: Tick) -> Self {
        let minute = tick.minutes();
        Self { minute }
    }

    /// Only ticks after an instant count: the creation of the schedule, or the end of its suspension.
    pub fn since(instant: Timestamp) -> Self {
        let minute = minute(instant);
        Self { minute }
    }
}

/// The number of ticks that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// The count, at most [`MAX_MISSED`].
    pub count: usize,
    /// Whether there were more.
    pub has_more: bool,
}

/// The decision about one schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The tick to run now.
    pub run: Option<Tick>,
    /// The ticks that don't run any more: all that were open but `run`.
    pub missed: Missed,
    /// Up to where ticks are now decided about. Store it before the next decision, even if nothing runs. Otherwise the
    /// same ticks are counted as missed again.
    pub handled: Handled,
    /// The next tick. It is after the present, and after every handled tick.
    pub next: Option<Tick>,
    /// How far the handled tick is ahead of the present, in whole minutes. It is zero unless a clock jumped.
    ///
    /// Nothing fires until the present has reached the handled tick again. If that is long, tell somebody.
    pub ahead: SignedDuration,
}

/// Decides which tick of a schedule runs now.
///
/// At most one tick runs: the newest that is open. It runs late, but not later than `starting_deadline` after its
/// time. All other open ticks are missed. A tick that was handled never runs again, even if a clock jumps backwards.
///
/// The costs don't depend on how long nothing was decided.
pub fn due(
    schedule: &Schedule,
    handled: Handled,
    now: Timestamp,
    starting_deadline: Option<SignedDuration>,
) -> Due {
    let present = minute(now);
    let newest = schedule
        .latest(now)
        .filter(|tick| tick.minutes() > handled.minute);
    let run = newest.filter(|tick| {
        starting_deadline.is_none_or(|deadline| now.duration_since(tick.instant()) <= deadline)
    });
    let after = handled.max(newest.map_or(handled, Handled::tick));
    Due {
        run,
        missed: missed(schedule, handled, newest, run),
        handled: after,
        next: schedule.after(now.max(crate::tick::instant(after.minute))),
        ahead: SignedDuration::from_mins((handled.minute - present).max(0)),
    }
}

/// Counts the open ticks up to the newest, without the one that runs.
fn missed(
    schedule: &Schedule,
    handled: Handled,
    newest: Option<Tick>,
    run: Option<Tick>,
) -> Missed {
    let mut missed = Missed::default();
    let Some(newest) = newest else { return missed };
    let mut tick = schedule.after(crate::tick::instant(handled.minute));
    while let Some(open) = tick.filter(|tick| *tick <= newest && Some(*tick) != run) {
        if missed.count == MAX_MISSED {
            missed.has_more = true;
            break;
        }
        missed.count += 1;
        tick = schedule.after(open.instant());
    }
    missed
}
