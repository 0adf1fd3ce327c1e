use host_base::text;

/// Shows the known facts about one thing, one per line. Nothing is cut, because the user decides by these
/// facts.
pub(super) fn facts(known: &[(&str, String)]) -> String {
    let mut shown = String::new();
    for (name, value) in known.iter().filter(|(_, value)| !value.is_empty()) {
        let value = text::whole(value);
        shown.push_str(&format!("{:<12}{value}\n", format!("{name}:")));
    }
    shown
}

/// Shows the capabilities of an engine, below `heading`. Nothing is cut, because the user grants all of them.
pub(super) fn abilities(heading: &str, may: &[String]) -> String {
    if may.is_empty() {
        return "It can reach nothing.\n".to_owned();
    }
    let mut shown = format!("{heading}\n");
    for sentence in may {
        shown.push_str(&format!("{}\n", text::whole(&text::bullet(sentence))));
    }
    shown
}
