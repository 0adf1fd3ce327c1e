use crate::Tick;

/// The most characters of a schedule's name.
///
/// A run's name adds a hyphen and eight digits. The names of its Job and its pods add more, and Kubernetes cuts the
/// name of a pod to 58 characters and five random ones.
pub const NAME_MAX: usize = 43;

/// Returns the name of the run at a tick: `orders-29912345`.
///
/// One tick has one name, so the API server refuses a second run of the same tick, even by another operator. The tick
/// is in UTC: in local time, an hour that a clock change repeats would have the same names twice.
pub fn run_name(schedule_name: &str, tick: Tick) -> String {
    format!("{schedule_name}-{tick}")
}

/// Returns the tick in the name of a run. Other names, and those of another schedule's runs, have none.
pub fn tick_of(run_name: &str, schedule_name: &str) -> Option<Tick> {
    let digits = run_name.strip_prefix(schedule_name)?.strip_prefix('-')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let tick = is_number.then(|| digits.parse().ok()).flatten()?;
    // Leading zeros would make a second name for a tick.
    Tick::new(tick).filter(|tick| tick.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tick_in_a_name_is_found_again() {
        for tick in [Tick::MIN, Tick::MAX] {
            for schedule in ["orders", "a", "orders-12345678", "x.y-1"] {
                let name = run_name(schedule, tick);
                assert_eq!(name.len(), schedule.len() + 9);
                assert_eq!(tick_of(&name, schedule), Some(tick));
            }
        }
        let tick = Tick::new(29_912_345).expect("a tick");
        assert_eq!(run_name("orders", tick), "orders-29912345");
    }

    #[test]
    fn other_names_have_no_tick() {
        for name in [
            "",
            "orders",
            "orders-",
            "orders-2991234",
            "orders-09912345",
            "orders-029912345",
            "orders-299123456",
            "orders--9912345",
            "orders-+29912345",
            "orders-2991234a",
            "orders29912345",
            "orders-12345678-29912345",
            "order-29912345",
            "orders-２９９１２３４５",
            "orders-99999999999999999999999",
        ] {
            assert_eq!(tick_of(name, "orders"), None, "{name}");
        }
    }

    /// Both ends are part of the names, in which pods keep them whole.
    #[test]
    fn the_longest_name_leaves_room_for_the_names_of_pods() {
        let name = run_name(&"x".repeat(NAME_MAX), Tick::MAX);
        assert!(name.len() <= 57, "{}", name.len());
    }
}
