//! The rules once more, in the simplest way: the local clock is read at every minute.

use std::fmt::Write as _;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::random::Random;
use crate::{Schedule, Tick};

/// Zones and local dates with clock changes of every kind nearby, and some without.
const PLACES: [(&str, &str); 22] = [
    ("UTC", "2028-02-29"),
    ("Asia/Kathmandu", "2026-12-31"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Berlin", "2100-10-31"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    // By half an hour.
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    // By two hours.
    ("Antarctica/Troll", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
    // At midnight, and one minute past it.
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"),
    ("America/Havana", "2026-11-01"),
    ("America/Santiago", "2026-09-06"),
    ("America/Santiago", "2026-04-05"),
    ("America/St_Johns", "2006-04-02"),
    ("America/St_Johns", "2006-10-29"),
    // By a day.
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Kwajalein", "1993-08-21"),
    // The standard time itself, and back within a month.
    ("Asia/Pyongyang", "2015-08-15"),
    ("Africa/Casablanca", "2026-02-15"),
];

/// How many schedules a property is checked with in each place.
const SCHEDULES: u64 = 100;

/// Four days of a local clock.
pub(super) struct Place {
    pub(super) zone: &'static str,
    /// The minute of the first reading.
    pub(super) start: i64,
    /// The readings of the clock, minute by minute.
    minutes: Vec<Minute>,
}

/// The fields of a date and time, in the order of an expression.
type Shown = [usize; 5];

fn fields(shown: DateTime) -> Shown {
    let fields = [
        shown.minute(),
        shown.hour(),
        shown.day(),
        shown.month(),
        shown.weekday().to_sunday_zero_offset(),
    ];
    fields.map(|value| usize::try_from(value).expect("a small number"))
}

struct Minute {
    shown: Shown,
    /// The times that the clock reaches or passes for the first time. Usually it is one. There are more at the end of
    /// a gap, and none after the clock was turned back.
    reached: Vec<Shown>,
}

impl Place {
    fn new(zone: &'static str, date: &str) -> Self {
        let clock = host_retention::zone(zone).expect(zone);
        let date: jiff::civil::Date = date.parse().expect(date);
        let middle = date.to_zoned(clock.clone()).expect("a day");
        let start = middle.timestamp().as_second() / 60 - 2 * 24 * 60;
        let mut latest = None;
        let minutes = (start..start + 4 * 24 * 60).map(|minute| {
            let time = Timestamp::from_second(minute * 60).expect("a time");
            let shown = clock.to_datetime(time);
            let mut reached = Vec::new();
            let mut last = latest.unwrap_or(shown - 1.minute());
            while last < shown {
                last += 1.minute();
                reached.push(fields(last));
            }
            latest = Some(last);
            Minute {
                shown: fields(shown),
                reached,
            }
        });
        let minutes = minutes.collect();
        Self {
            zone,
            start,
            minutes,
        }
    }

    /// Returns the minute at which the clock is turned, or the first one.
    pub(super) fn turned(&self) -> i64 {
        let mut minutes = (self.start..).zip(&self.minutes);
        let turned = minutes.find(|(_, minute)| minute.reached.len() != 1);
        turned.map_or(self.start, |(minute, _)| minute)
    }

    pub(super) fn end(&self) -> i64 {
        self.start + i64::try_from(self.minutes.len()).expect("some days")
    }
}

/// One item of a field.
struct Item {
    text: String,
    values: Vec<i64>,
    is_star: bool,
}

/// Five fields as plain sets of values.
pub(super) struct Expression {
    pub(super) text: String,
    fields: [Set; 5],
}

struct Set {
    values: [bool; 60],
    is_star: bool,
}

const BOUNDS: [(i64, i64); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];

impl Expression {
    /// Returns a random expression. Most fire at least once in the days of a place.
    pub(super) fn new(random: &mut Random, place: &Place) -> Self {
        let fields = [0, 1, 2, 3, 4].map(|field| {
            let count = random.small(3) + 1;
            // Days and months are mostly free, and hours are often those of the clock change.
            let is_free = field >= 2 && !random.one_in(3);
            let items = (0..count).map(|_| {
                if is_free {
                    return star(BOUNDS[field]);
                }
                let near = place.minutes[random.index(place.minutes.len())].shown[field];
                let near = i64::try_from(near).expect("a small number");
                item(random, BOUNDS[field], near)
            });
            items.collect::<Vec<_>>()
        });
        let mut text = String::new();
        for items in &fields {
            let items: Vec<_> = items.iter().map(|item| item.text.as_str()).collect();
            let _ = write!(text, "{} ", items.join(","));
        }
        let fields = fields.map(|items| {
            let mut values = [false; 60];
            for value in items.iter().flat_map(|item| &item.values) {
                values[usize::try_from(*value).expect("a value")] = true;
            }
            let is_star = items.iter().any(|item| item.is_star);
            Set { values, is_star }
        });
        Self { text, fields }
    }

    fn matches(&self, shown: Shown) -> bool {
        let has = |field: usize| self.fields[field].values[shown[field]];
        let is_either = !self.fields[2].is_star && !self.fields[4].is_star;
        let has_date = if is_either {
            has(2) || has(4)
        } else {
            has(2) && has(4)
        };
        has(0) && has(1) && has(3) && has_date
    }

    /// Returns the ticks in a place, by the two rules of the crate's description.
    pub(super) fn ticks(&self, place: &Place) -> Vec<i64> {
        let is_real_time = self.fields[1].values[..24].iter().all(|hour| *hour);
        let minutes = (place.start..).zip(&place.minutes);
        let ticks = minutes.filter(|(_, minute)| {
            if is_real_time {
                self.matches(minute.shown)
            } else {
                minute.reached.iter().any(|reached| self.matches(*reached))
            }
        });
        ticks.map(|(minute, _)| minute).collect()
    }
}

fn star((least, greatest): (i64, i64)) -> Item {
    Item {
        text: "*".to_owned(),
        values: (least..=greatest).collect(),
        is_star: true,
    }
}

fn item(random: &mut Random, (least, greatest): (i64, i64), near: i64) -> Item {
    let size = u64::try_from(greatest - least + 1).expect("a size");
    let number =
        |random: &mut Random, limit: u64| i64::try_from(random.below(limit)).expect("small");
    let step = number(random, size) + 1;
    let low = if random.one_in(2) {
        near
    } else {
        least + number(random, size)
    };
    let high = low + number(random, u64::try_from(greatest - low + 1).expect("a size"));
    let (text, low, high, step) = match random.below(6) {
        0 => return star((least, greatest)),
        1 => (format!("*/{step}"), least, greatest, step),
        2 => (format!("{low}-{high}"), low, high, 1),
        3 => (format!("{low}-{high}/{step}"), low, high, step),
        4 => (format!("{low}/{step}"), low, greatest, step),
        _ => (low.to_string(), low, low, 1),
    };
    Item {
        // A step of 1 is none.
        is_star: text == "*/1",
        values: (low..=high)
            .filter(|value| (value - low) % step == 0)
            .collect(),
        text,
    }
}

/// Checks a property with random schedules in every place. A failure names the place and the schedule.
pub(super) fn for_each_schedule(
    property: impl Fn(&Place, &Expression, &Schedule, &mut Random) -> Result<(), String>,
) {
    let mut checked = 0;
    for (index, (zone, date)) in PLACES.into_iter().enumerate() {
        let place = Place::new(zone, date);
        for seed in 0..SCHEDULES {
            let seed = seed * 100 + index as u64;
            let mut random = Random(seed);
            let expression = Expression::new(&mut random, &place);
            let Ok(schedule) = Schedule::parse(&expression.text, Some(zone), "") else {
                // A day that its months lack.
                continue;
            };
            checked += 1;
            if let Err(message) = property(&place, &expression, &schedule, &mut random) {
                panic!("seed {seed}, {zone} {date}, {}: {message}", expression.text);
            }
        }
    }
    assert!(checked > 2_000, "{checked}");
}

pub(super) fn instant(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

/// Returns the minutes of ticks.
pub(super) fn minutes(ticks: &[Tick]) -> Vec<i64> {
    ticks.iter().map(|tick| tick.minutes()).collect()
}
