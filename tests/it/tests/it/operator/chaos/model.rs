//! Random decisions, and the times of schedules: calculated without the crate that is tested.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};

/// Random numbers by SplitMix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `least` to `most`.
    pub fn between(&mut self, least: i64, most: i64) -> i64 {
        let length = u64::try_from(most - least + 1).expect("a range");
        least + i64::try_from(self.next() % length).expect("a number of the range")
    }

    /// Returns whether something happens that happens once in so many times.
    pub fn one_in(&mut self, times: i64) -> bool {
        self.between(1, times) == 1
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let most = i64::try_from(choices.len()).expect("a length") - 1;
        let at = self.between(0, most);
        choices[usize::try_from(at).expect("an index")].clone()
    }
}

/// When a schedule fires.
enum Rule {
    /// At a minute of these hours, on all days or on working days.
    At {
        minute: i64,
        hours: Vec<i64>,
        works: bool,
        zone: TimeZone,
    },
    /// At each multiple of so many hours since 1970.
    Every(i64),
}

pub struct Planned {
    pub name: String,
    pub forbids: bool,
    rule: Rule,
    text: String,
    zone: Option<&'static str>,
}

/// On 8 March 2026 New York has no 02:30.
const ZONES: [Option<&str>; 4] = [
    Some("America/New_York"),
    None,
    Some("Europe/Berlin"),
    Some("Asia/Kolkata"),
];

impl Planned {
    /// Returns one of the schedules.
    pub fn random(number: usize, random: &mut Random) -> Self {
        let zone = ZONES[number % ZONES.len()];
        let minute = if number == 0 {
            30
        } else {
            random.between(0, 59)
        };
        let hour = if number == 0 {
            2
        } else {
            random.between(3, 11)
        };
        let (rule, text, zone) = if number >= 18 {
            let hours = random.between(7, 10);
            (Rule::Every(hours), format!("@every {hours}h"), None)
        } else {
            let hours = if number % 4 == 1 {
                vec![hour, hour + random.between(8, 12)]
            } else {
                vec![hour]
            };
            let works = number % 8 == 7;
            let texts: Vec<_> = hours.iter().map(i64::to_string).collect();
            let days = if works { "MON-FRI" } else { "*" };
            let text = format!("{minute} {} * * {days}", texts.join(","));
            let rule = Rule::At {
                minute,
                hours,
                works,
                zone: TimeZone::get(zone.unwrap_or("UTC")).expect("a time zone"),
            };
            (rule, text, zone)
        };
        Self {
            name: format!("plan-{number}"),
            forbids: number % 5 != 4,
            rule,
            text,
            zone,
        }
    }

    pub fn spec(&self) -> Value {
        json!({
            "engine": {"name": "hivemq"},
            "schedule": self.text,
            "timeZone": self.zone,
            "concurrencyPolicy": if self.forbids { "Forbid" } else { "Allow" },
            "store": {"name": "nightly"},
            "connection": "PortForward",
            // Objects of old runs are deleted meanwhile.
            "successfulHistoryLimit": 4,
            "failedHistoryLimit": 4,
            "retries": 4,
        })
    }

    /// Returns the name of the run of a tick.
    pub fn run(&self, tick: Timestamp) -> String {
        format!("{}-{}", self.name, tick.as_second() / 60)
    }

    pub fn is_run(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.name);
        rest.is_some_and(|rest| rest.starts_with('-'))
    }

    /// Returns the ticks after one time, up to another one.
    pub fn ticks(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let mut ticks = match &self.rule {
            Rule::Every(hours) => {
                let seconds = hours * 3600;
                let first = after.as_second() / seconds;
                let last = until.as_second() / seconds;
                let ticks = (first..=last).map(|it| Timestamp::from_second(it * seconds));
                ticks.map(|it| it.expect("a time")).collect()
            }
            Rule::At {
                minute,
                hours,
                works,
                zone,
            } => at(*minute, hours, *works, zone, after, until),
        };
        ticks.retain(|it| *it > after && *it <= until);
        ticks.sort();
        ticks
    }

    /// Returns the first tick after a time.
    pub fn next(&self, after: Timestamp) -> Timestamp {
        let ticks = self.ticks(after, after + SignedDuration::from_hours(24 * 5));
        *ticks.first().expect("a tick in five days")
    }
}

/// Returns the first minutes at which a clock shows these times, or a later one.
fn at(
    minute: i64,
    hours: &[i64],
    works: bool,
    zone: &TimeZone,
    after: Timestamp,
    until: Timestamp,
) -> Vec<Timestamp> {
    let mut ticks = Vec::new();
    let mut date = zone.to_datetime(after).date();
    let last = zone.to_datetime(until).date();
    while date <= last {
        let is_off = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        for hour in hours.iter().filter(|_| !(works && is_off)) {
            let (hour, minute) = (i8::try_from(*hour), i8::try_from(minute));
            let shown = date.at(hour.expect("an hour"), minute.expect("a minute"), 0, 0);
            let midnight = date.to_datetime(jiff::civil::Time::midnight());
            let midnight = zone.to_timestamp(midnight).expect("a time");
            let minutes = (0..26 * 60).map(|it| midnight + SignedDuration::from_mins(it));
            let mut later = minutes.skip_while(|it| zone.to_datetime(*it) < shown);
            ticks.push(later.next().expect("a later time"));
        }
        date = date.checked_add(1.day()).expect("a day");
    }
    ticks
}
