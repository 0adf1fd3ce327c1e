//! The lengths of the parts of an upload, so that memory is constant and the parts are few enough.

const MIB: u64 = 1 << 20;
/// The minimum length of a part. All services accept parts of this length.
const MIN_PART: u64 = 5 * MIB;
/// The length of a part if the length of the file is unknown.
const UNKNOWN_PART: u64 = 16 * MIB;
/// The bytes of all parts in flight.
const IN_FLIGHT: u64 = 40 * MIB;
/// How many parts a file of known length may have. S3 allows 10,000.
const PLANNED: u64 = 9_900;
pub(crate) const MAX_PARTS: usize = 10_000;
/// The maximum length of an object of S3, in bytes.
pub(crate) const MAX_OBJECT: u64 = 5 << 40;

/// The length of the parts, and the number of parts in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Length of each part but the last, in bytes.
    pub(crate) part: u64,
    pub(crate) in_flight: usize,
}

impl Plan {
    pub(crate) fn of(length: Option<u64>) -> Self {
        let part = match length {
            // Encryption adds less than 2 %. Whole MiB keep the parts equal, which R2 wants.
            Some(length) => {
                let length = length.min(MAX_OBJECT);
                let needed = (length + length / 50).div_ceil(PLANNED);
                needed.div_ceil(MIB).saturating_mul(MIB).max(MIN_PART)
            }
            None => UNKNOWN_PART,
        };
        let in_flight = (IN_FLIGHT / part).clamp(2, 8);
        Self {
            part,
            in_flight: usize::try_from(in_flight).unwrap_or(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal_few_and_bounded_in_memory() {
        let plan = |length| Plan::of(length);
        assert_eq!(
            plan(Some(0)),
            Plan {
                part: MIN_PART,
                in_flight: 8
            }
        );
        assert_eq!(
            plan(None),
            Plan {
                part: UNKNOWN_PART,
                in_flight: 2
            }
        );
        for length in [1, MIN_PART, 40 << 30, 1 << 40, 5 << 40] {
            let Plan { part, in_flight } = plan(Some(length));
            assert!(part.is_multiple_of(MIB));
            assert!((length + length / 50).div_ceil(part) <= PLANNED, "{length}");
            assert!(part * in_flight as u64 <= IN_FLIGHT.max(2 * part));
        }
    }
}
