//! Names that attack whoever shows them or makes files of them.

/// One name for each kind of attack, beginning with `prefix` where that doesn't spoil it.
pub fn names(prefix: &str) -> Vec<String> {
    vec![
        // Colours, and the cursor moved over what was shown before.
        format!("{prefix}\u{1b}[31m\u{1b}[2J\u{1b}[1;1Hred"),
        // OSC: a window title, and a link to somewhere else.
        format!("{prefix}\u{1b}]0;owned\u{7}\u{1b}]8;;http://evil.example\u{1b}\\link"),
        // The same controls in their one-character form of C1.
        format!("{prefix}\u{9b}31mred\u{9d}0;owned\u{9c}"),
        // A line of a table that isn't one.
        format!("{prefix}\r\nCOMPLETED  0 B  now"),
        format!("{prefix}\u{7}\u{8}\u{8}\u{8}bell"),
        // Right-to-left override and isolates: shown as another name than it is.
        format!("{prefix}\u{202e}pukcab.\u{202c}\u{2066}x\u{2069}"),
        // Zero-width characters: looks like a name that is another.
        format!("{prefix}\u{200b}\u{200d}\u{feff}zero"),
        format!("{prefix}{}", "long".repeat(75)),
        "../../../etc/passwd".to_owned(),
        "/absolute/path".to_owned(),
        "..".to_owned(),
        "CON".to_owned(),
        "-rf".to_owned(),
        format!("{prefix}\twith\ttabs and  spaces"),
        format!("{prefix}\0nul"),
        // What a reader of YAML takes for something else than a string.
        "no".to_owned(),
        "~".to_owned(),
        "1e3".to_owned(),
        "0x1".to_owned(),
        "12:30:45".to_owned(),
        "2001-01-01".to_owned(),
        "a: b #c".to_owned(),
        " spaces ".to_owned(),
        // A tag character, invisible and beyond U+FFFF.
        format!("{prefix}\u{e0041}tag"),
    ]
}
