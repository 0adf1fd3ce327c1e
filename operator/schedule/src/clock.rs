use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::calendar::Local;
use crate::tick::{instant, minute};

/// Minutes within which a clock that was turned back has made up for it. No zone turns it back by more than a day.
const REPEATED: i64 = 2 * 24 * 60;

/// The clock of a time zone, in whole minutes of UTC since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clock(pub(crate) TimeZone);

impl Clock {
    /// Returns the time that the clock shows at a minute.
    pub(crate) fn shown(&self, minute: i64) -> Local {
        Local(minute + minutes(self.0.to_offset(instant(minute))))
    }

    /// Returns the latest time that the clock has ever shown up to a minute. A clock that was just turned back has
    /// shown later times before.
    pub(crate) fn latest_shown(&self, minute: i64) -> Local {
        let changes = self.changes_until(minute);
        let recent = changes.take_while(|change| *change > minute - REPEATED);
        let before = recent.map(|change| self.shown(change - 1));
        before.fold(self.shown(minute), Local::max)
    }

    /// Returns the first minute at which the clock shows a time or a later one.
    pub(crate) fn first(&self, local: Local) -> i64 {
        let shown = Offset::UTC.to_datetime(instant(local.0));
        match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => local.0 - minutes(offset),
            AmbiguousOffset::Fold { before, .. } => local.0 - minutes(before),
            AmbiguousOffset::Gap { before, after } => {
                let early = instant(local.0 - minutes(after));
                let mut changes = self.0.following(early);
                let change = changes.find(|change| change.offset() == after);
                change.map_or(local.0 - minutes(before), |change| {
                    minute(change.timestamp())
                })
            }
        }
    }

    /// Returns the last minute up to one at which the clock is turned.
    pub(crate) fn change_until(&self, minute: i64) -> i64 {
        self.changes_until(minute).next().unwrap_or(i64::MIN)
    }

    /// Returns the first minute after another at which the clock is turned.
    pub(crate) fn change_after(&self, minute: i64) -> i64 {
        let mut changes = self.0.following(instant(minute));
        let change = changes.next().map(|change| change.timestamp());
        change.map_or(i64::MAX, crate::tick::minute)
    }

    /// Returns the minutes up to one at which the clock was turned, newest first.
    fn changes_until(&self, minute: i64) -> impl Iterator<Item = i64> {
        // The changes before the next minute are those up to this one, as changes are at whole minutes.
        let changes = self.0.preceding(instant(minute + 1));
        changes.map(|change| crate::tick::minute(change.timestamp()))
    }
}

fn minutes(offset: Offset) -> i64 {
    i64::from(offset.seconds()) / 60
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;
    use crate::Tick;

    /// Minutes are enough: since the first tick, every zone has been whole minutes from UTC.
    #[test]
    fn clocks_are_turned_by_whole_minutes_at_whole_minutes_and_by_a_day_at_most() {
        let database = TimeZoneDatabase::bundled();
        let mut zones = 0;
        for name in database.available() {
            let zone = database.get(name.as_str()).expect("a zone");
            let mut offset = zone.to_offset(Tick::MIN.instant());
            assert_eq!(offset.seconds() % 60, 0, "{name}");
            let changes = zone.following(Tick::MIN.instant());
            for change in changes.take_while(|change| change.timestamp() < Tick::MAX.instant()) {
                let time = change.timestamp();
                assert_eq!(instant(minute(time)), time, "{name}");
                assert_eq!(change.offset().seconds() % 60, 0, "{name}");
                let back = offset.seconds() - change.offset().seconds();
                assert!(back <= 24 * 60 * 60, "{name}");
                offset = change.offset();
            }
            zones += 1;
        }
        assert!(zones > 400, "{zones}");
    }
}
