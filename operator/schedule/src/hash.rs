use sha2::{Digest, Sha256};

use crate::Field;

/// Returns a number below `limit` that depends on the seed and the field alone. The crate's page has the algorithm.
pub(crate) fn hash(seed: &str, field: Field, limit: u32) -> u32 {
    let mut digest = Sha256::new();
    digest.update(field.hash_name());
    digest.update([0]);
    digest.update(seed);
    let digest = digest.finalize();
    // The remainder by `limit`, digit by digit in base 256. It always fits, as `limit` is below 2^32.
    let remainder = digest.iter().take(8).fold(0, |remainder, byte| {
        (remainder * 256 + u64::from(*byte)) % u64::from(limit)
    });
    u32::try_from(remainder).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The expected values are by Python's `hashlib`. A change would move every schedule with `H`.
    #[test]
    fn the_hash_never_changes() {
        let values = Field::ALL.map(|field| hash("shop/orders", field, field.values()));
        assert_eq!(values, [21, 21, 8, 3, 3]);
        assert_eq!(hash("", Field::Minute, 60), 48);
        assert_eq!(hash("größe/ü", Field::Hour, 1_000_000), 256_705);
    }

    #[test]
    fn every_value_is_chosen_about_as_often() {
        let mut counts = [0; 60];
        for index in 0..6_000 {
            let minute = hash(&format!("shop/orders-{index}"), Field::Minute, 60);
            counts[usize::try_from(minute).expect("a minute")] += 1;
        }
        // 100 is expected, with a deviation of 10.
        assert!(
            counts.iter().all(|count| (60..=140).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn fields_of_one_schedule_are_independent() {
        let pairs: BTreeSet<_> = (0..2_000)
            .map(|index| {
                let seed = format!("shop/orders-{index}");
                Field::ALL.map(|field| hash(&seed, field, 12))[..2].to_vec()
            })
            .collect();
        assert_eq!(pairs.len(), 144);
    }
}
