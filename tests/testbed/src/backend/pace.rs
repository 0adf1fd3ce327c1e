//! The duration of work in a backend.

use std::time::{Duration, Instant};

/// The condition on which work completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Completes after this number of polls.
    Polls(u32),
    /// Completes after this time.
    After(Duration),
}

impl Default for Pace {
    /// Returns a pace at which the first poll finds the work running and the second finds it complete.
    fn default() -> Self {
        Self::Polls(2)
    }
}

impl std::str::FromStr for Pace {
    type Err = String;

    /// Parses `polls:N` or `after:MS`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().map_err(|error| error.to_string());
        match text.split_once(':') {
            Some(("polls", count)) => Ok(Self::Polls(number(count)?)),
            Some(("after", millis)) => {
                let time = Duration::from_millis(number(millis)?.into());
                Ok(Self::After(time))
            }
            _ => Err("neither `polls:N` nor `after:MS`".to_owned()),
        }
    }
}

/// Work that has started.
#[derive(Debug, Clone)]
pub struct Work {
    pace: Pace,
    began: Instant,
    polls: u32,
}

impl Work {
    pub fn begin(pace: Pace) -> Self {
        Self {
            pace,
            began: Instant::now(),
            polls: 0,
        }
    }

    /// Polls the work. Returns whether it is complete now.
    pub fn poll(&mut self) -> bool {
        self.polls += 1;
        match self.pace {
            Pace::Polls(count) => self.polls >= count,
            Pace::After(time) => self.began.elapsed() >= time,
        }
    }
}
