//! Names that attack programs that print them or use them as file names.

/// Returns one name for each kind of attack. It begins with `prefix` unless that would prevent the attack.
pub fn names(prefix: &str) -> Vec<String> {
    vec![
        // The name changes colours, and moves the cursor over earlier output.
        format!("{prefix}\u{1b}[31m\u{1b}[2J\u{1b}[1;1Hred"),
        // OSC sequences set the window title, and add a link.
        format!("{prefix}\u{1b}]0;owned\u{7}\u{1b}]8;;http://evil.example\u{1b}\\link"),
        // These are the same controls in their one-character form of C1.
        format!("{prefix}\u{9b}31mred\u{9d}0;owned\u{9c}"),
        // The name adds a forged line to a table.
        format!("{prefix}\r\nCOMPLETED  0 B  now"),
        format!("{prefix}\u{7}\u{8}\u{8}\u{8}bell"),
        // Right-to-left override and isolates change the visible order of the characters.
        format!("{prefix}\u{202e}pukcab.\u{202c}\u{2066}x\u{2069}"),
        // With zero-width characters a name looks like another name.
        format!("{prefix}\u{200b}\u{200d}\u{feff}zero"),
        format!("{prefix}{}", "long".repeat(75)),
        "../../../etc/passwd".to_owned(),
        "/absolute/path".to_owned(),
        "..".to_owned(),
        "CON".to_owned(),
        "-rf".to_owned(),
        format!("{prefix}\twith\ttabs and  spaces"),
        format!("{prefix}\0nul"),
        // YAML parsers read these names as other types than strings.
        "no".to_owned(),
        "~".to_owned(),
        "1e3".to_owned(),
        "0x1".to_owned(),
        "12:30:45".to_owned(),
        "2001-01-01".to_owned(),
        "a: b #c".to_owned(),
        " spaces ".to_owned(),
        // A tag character is invisible and beyond U+FFFF.
        format!("{prefix}\u{e0041}tag"),
    ]
}
