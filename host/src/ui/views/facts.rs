use crate::model::text;

/// The longest sentence or value, in characters.
pub(super) const MAX_LINE: usize = 1000;

/// What is known of one thing, a line each; what is not known has none.
pub(super) fn facts(known: &[(&str, String)]) -> String {
    let mut shown = String::new();
    for (name, value) in known.iter().filter(|(_, value)| !value.is_empty()) {
        let value = text::printable(value, MAX_LINE);
        shown.push_str(&format!("{:<12}{value}\n", format!("{name}:")));
    }
    shown
}

/// What an engine may do, below `heading`.
pub(super) fn abilities(heading: &str, may: &[String]) -> String {
    if may.is_empty() {
        return "It can reach nothing.\n".to_owned();
    }
    let mut shown = format!("{heading}\n");
    for sentence in may {
        shown.push_str(&format!("- {}\n", text::printable(sentence, MAX_LINE)));
    }
    shown
}
