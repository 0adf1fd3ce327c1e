use host_base::text;

/// What is known of one thing, a line each; what is not known has none. Nothing is cut: these are what
/// a user decides by.
pub(super) fn facts(known: &[(&str, String)]) -> String {
    let mut shown = String::new();
    for (name, value) in known.iter().filter(|(_, value)| !value.is_empty()) {
        let value = text::whole(value);
        shown.push_str(&format!("{:<12}{value}\n", format!("{name}:")));
    }
    shown
}

/// What an engine may do, below `heading`. Nothing is cut: what is not shown is granted all the same.
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
