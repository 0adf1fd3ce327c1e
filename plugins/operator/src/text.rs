//! Texts from the cluster, in one line.

/// The maximum length of a text that a message repeats, in bytes.
const LONGEST: usize = 600;

/// Returns a text in one line. A long one is cut.
pub fn line(text: &str) -> String {
    broker_engine::text::line(text, LONGEST)
}
