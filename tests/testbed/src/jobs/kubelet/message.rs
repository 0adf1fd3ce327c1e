//! The termination message of a container.

use std::fs;

use serde_json::Value;

use super::output::Output;
use super::paths::PodFolder;
use crate::jobs::fields::text;

/// The longest message, in bytes.
const LIMIT: usize = 4096;
/// The end of the output that stands in for a missing message: lines and bytes.
const FALLBACK: (usize, usize) = (80, 2048);

/// Returns the message of a container that has ended.
pub fn read(container: &Value, folder: &PodFolder, output: &Output, code: i32) -> String {
    let path = folder.inside(text(container, "/terminationMessagePath"));
    // A program may remove the file, or make something else of it.
    let mut bytes = fs::read(path).unwrap_or_default();
    bytes.truncate(LIMIT);
    let fallback = container["terminationMessagePolicy"] == "FallbackToLogsOnError";
    if bytes.is_empty() && fallback && code != 0 {
        let (lines, limit) = FALLBACK;
        bytes = output.since(output.tail(lines));
        bytes.drain(..bytes.len().saturating_sub(limit));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
