//! A writer of HTML.
//!
//! Tags and names of attributes are constants of this program. Every other text is made harmless on its way in, and there is
//! no way to add markup as text.

use std::fmt::Write as _;

use host_base::text::one_line;

/// The longest text of an element in characters, unless its caller asks for less.
const LONGEST: usize = 4096;

/// An attribute and its value.
pub(crate) type Attribute<'a> = (&'static str, &'a str);

/// A document, or a part of one.
#[derive(Debug, Default)]
pub(crate) struct Markup(String);

impl Markup {
    /// Returns an empty HTML document.
    pub(crate) fn document() -> Self {
        Self("<!DOCTYPE html>\n".to_owned())
    }

    /// Adds an element with content.
    pub(crate) fn element(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        content(self);
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push('>');
    }

    /// Adds an element with a text.
    pub(crate) fn leaf(&mut self, tag: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.element(tag, attributes, |it| it.text(text));
    }

    /// Adds an element that has no content and no end, such as `link`.
    pub(crate) fn void(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.open(tag, attributes);
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, text: &str) {
        self.short(text, LONGEST);
    }

    /// Adds a text of at most `longest` characters, with an ellipsis if it was longer.
    pub(crate) fn short(&mut self, text: &str, longest: usize) {
        escape(&mut self.0, &one_line(text, longest));
    }

    /// Adds a space between two elements: texts lose those at their ends.
    pub(crate) fn space(&mut self) {
        self.0.push(' ');
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn open(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            escape(&mut self.0, &one_line(value, LONGEST));
            self.0.push('"');
        }
        self.0.push('>');
    }
}

/// Writes a text so that it is only text, in an element and in an attribute with quotation marks.
fn escape(into: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '<' | '>' | '&' | '"' | '\'' => {
                // Writing to a String can't fail.
                let _ = write!(into, "&#{};", u32::from(character));
            }
            _ => into.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup_or_a_control_character() {
        let hostile = "</td><script>alert('1')</script>&amp;\"\u{0}\u{1b}[2J\n\u{202e}ab";
        let mut markup = Markup::default();
        markup.element("p", &[("title", hostile)], |it| it.text(hostile));
        let written = markup.into_string();
        assert_eq!(written.matches('<').count(), 2, "{written}");
        assert_eq!(written.matches('"').count(), 2, "{written}");
        assert!(!written.contains(char::is_control), "{written}");
        assert!(!written.contains('\u{202e}'), "{written}");
    }

    #[test]
    fn a_long_text_is_cut() {
        let mut markup = Markup::default();
        markup.short(&"ü".repeat(100), 10);
        assert_eq!(markup.into_string(), format!("{}…", "ü".repeat(10)));
    }
}
