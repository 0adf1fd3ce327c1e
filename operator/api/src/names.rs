/// The API group of the kinds.
pub const GROUP: &str = "kubectl-broker.io";
/// The version of the kinds.
pub const VERSION: &str = "v1alpha1";
/// The name of the operator, as label, as field manager and as reporter of Events.
pub const PROGRAM: &str = "broker-operator";

/// The label that says which program made an object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The label with the kind of the object that a Job works for, in lower case.
pub const LABEL_KIND: &str = "kubectl-broker.io/kind";
/// The label with the name of the object that a Job works for.
pub const LABEL_OBJECT: &str = "kubectl-broker.io/object";
/// The label with the schedule of a backup.
pub const LABEL_SCHEDULE: &str = "kubectl-broker.io/schedule";

/// The longest name of a Job whose pods are named after all of it.
const JOB_MAX: usize = 57;

/// Returns the name of the Job that works for an object.
///
/// The name of the object may have up to 253 characters, and that of a Job 57. A longer one is cut, and ends with a
/// hash of all of it.
#[must_use]
pub fn job_name(kind: &str, name: &str) -> String {
    let full = format!("{kind}-{name}");
    // A dot is allowed in names of objects, and not in the host name of a pod.
    let plain = full.replace('.', "-");
    if full.len() <= JOB_MAX && plain == full {
        return full;
    }
    let hash = format!("{:016x}", fnv(full.as_bytes()));
    let head: String = plain.chars().take(JOB_MAX - hash.len() - 1).collect();
    format!("{}-{hash}", head.trim_end_matches('-'))
}

/// FNV-1a with 64 bits: short and the same on every machine.
/// <https://www.ietf.org/archive/id/draft-eastlake-fnv-21.html>
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_kept() {
        assert_eq!(
            job_name("backup", "nightly-29412345"),
            "backup-nightly-29412345"
        );
    }

    #[test]
    fn long_names_and_names_with_dots_stay_apart() {
        let long = "a".repeat(200);
        let names = [
            job_name("backup", &long),
            job_name("backup", &format!("{long}b")),
            job_name("backup", "a.b"),
            job_name("backup", "a-b"),
            job_name("restore", "a-b"),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(name.len() <= JOB_MAX, "{name}");
            assert!(!name.contains('.'), "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // From the test vectors of the draft.
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
