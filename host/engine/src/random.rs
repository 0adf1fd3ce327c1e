//! Random text for names.

use std::sync::atomic::{AtomicU64, Ordering};

/// The characters of a token. Without vowels and look-alikes there are no words, as in the names that
/// Kubernetes makes.
const CHARACTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// The maximum length of a token, in characters.
const LONGEST: u32 = 64;

/// Where random text comes from.
#[derive(Debug)]
pub(super) enum Random {
    /// The operating system.
    System,
    /// A sequence that is the same in each run.
    Fixed(AtomicU64),
}

impl Random {
    pub(super) fn new(seed: Option<u64>) -> Self {
        seed.map_or(Self::System, |seed| Self::Fixed(AtomicU64::new(seed)))
    }

    /// Returns random characters.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub(super) fn token(&self, length: u32) -> Result<String, getrandom::Error> {
        let length = length.clamp(1, LONGEST);
        let characters = (0..length).map(|_| self.character());
        characters.collect()
    }

    fn character(&self) -> Result<char, getrandom::Error> {
        loop {
            let byte = match self {
                Self::System => getrandom::u32()?.to_le_bytes()[0],
                Self::Fixed(state) => next(state),
            };
            // A remainder would prefer some characters.
            if let Some(character) = CHARACTERS.get(usize::from(byte & 31)) {
                return Ok(char::from(*character));
            }
        }
    }
}

/// Returns the next byte of SplitMix64 (Steele, Lea and Flood, 2014).
fn next(state: &AtomicU64) -> u8 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bits = state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)).to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_length_and_fits_into_a_name() {
        let random = Random::new(None);
        for (asked, length) in [(0, 1), (1, 1), (40, 40), (64, 64), (u32::MAX, 64)] {
            let token = random.token(asked).expect("random bytes");
            assert_eq!(token.len(), length);
            assert!(
                token.bytes().all(|byte| CHARACTERS.contains(&byte)),
                "{token}"
            );
        }
        assert_ne!(random.token(64), random.token(64));
    }

    #[test]
    fn a_seed_gives_the_same_tokens_in_each_run_and_others_in_each_call() {
        let tokens = || {
            let random = Random::new(Some(1));
            [random.token(20), random.token(20)]
        };
        assert_eq!(tokens(), tokens());
        let [first, second] = tokens();
        assert_ne!(first, second);
    }
}
