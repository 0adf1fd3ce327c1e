//! XML as S3 and RDS write it, and the few documents that clients of S3 send.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// The first line of each document.
pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A document that is being written.
pub(super) struct Xml(String);

impl Xml {
    /// Writes a document whose root has a namespace.
    pub(super) fn document(root: &str, namespace: &str, content: impl FnOnce(&mut Self)) -> String {
        let mut xml = Self(format!("{DECLARATION}<{root} xmlns=\"{namespace}\">"));
        content(&mut xml);
        format!("{}</{root}>", xml.0)
    }

    /// Writes a document without a namespace.
    pub(super) fn bare(root: &str, content: impl FnOnce(&mut Self)) -> String {
        let mut xml = Self(DECLARATION.to_owned());
        xml.element(root, content);
        xml.0
    }

    pub(super) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>"));
        content(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// Writes an element with a text.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers give texts and numbers alike"
    )]
    pub(super) fn text(&mut self, name: &str, text: impl ToString) {
        let text = escaped(&text.to_string());
        if text.is_empty() {
            self.0.push_str(&format!("<{name}/>"));
        } else {
            self.0.push_str(&format!("<{name}>{text}</{name}>"));
        }
    }

    /// Writes a text without an element of its own.
    pub(super) fn raw(&mut self, text: &str) {
        self.0.push_str(&escaped(text));
    }

    /// Writes an element if it has a text.
    pub(super) fn optional(&mut self, name: &str, text: Option<impl ToString>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }
}

/// Control characters become references: S3 writes them, although XML 1.0 does not allow most of them.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control.is_ascii_control() => {
                escaped.push_str(&format!("&#x{:x};", u32::from(control)));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// An element of a document that a client sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    children: Vec<Self>,
}

impl Element {
    /// Returns the root of a document, or `None` if it is not well-formed.
    pub(super) fn parse(document: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_reader(document);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => open.push(Self::named(tag.local_name().as_ref())?),
                Event::Empty(tag) => {
                    let element = Self::named(tag.local_name().as_ref())?;
                    close(element, &mut open, &mut root)?;
                }
                Event::End(_) => {
                    let element = open.pop()?;
                    close(element, &mut open, &mut root)?;
                }
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(std::str::from_utf8(&text).ok()?);
                    }
                }
                Event::CData(text) => {
                    let text = text.into_inner();
                    open.last_mut()?
                        .text
                        .push_str(std::str::from_utf8(&text).ok()?);
                }
                Event::GeneralRef(reference) => {
                    let element = open.last_mut()?;
                    match reference.resolve_char_ref().ok()? {
                        Some(character) => element.text.push(character),
                        None => {
                            let name = std::str::from_utf8(&reference).ok()?;
                            element.text.push_str(resolve_predefined_entity(name)?);
                        }
                    }
                }
                Event::Eof => break,
                Event::DocType(_) => return None,
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            }
        }
        root.filter(|_| open.is_empty())
    }

    fn named(name: &[u8]) -> Option<Self> {
        Some(Self {
            name: std::str::from_utf8(name).ok()?.to_owned(),
            ..Self::default()
        })
    }

    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |it| it.name == name)
    }

    /// Returns the text of a child, or `None` without such a child.
    pub(super) fn child(&self, name: &str) -> Option<&str> {
        let mut children = self.children.iter();
        children
            .find(|it| it.name == name)
            .map(|it| it.text.as_str())
    }
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Option<()> {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        // A document has one root.
        None if root.is_some() => return None,
        None => *root = Some(element),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive_writing_and_reading() {
        let text = " a&b<c>\"d\"\r\n\t'ü ";
        let document = Xml::bare("Delete", |xml| {
            xml.element("Object", |xml| xml.text("Key", text));
            xml.text("Quiet", true);
            xml.text("None", "");
            xml.optional("Absent", None::<&str>);
        });
        assert!(
            document.ends_with("<Quiet>true</Quiet><None/></Delete>"),
            "{document}"
        );
        let root = Element::parse(document.as_bytes()).unwrap();
        let object = root.children("Object").next().unwrap();
        assert_eq!(object.child("Key"), Some(text));
        assert_eq!(root.child("None"), Some(""));
        assert_eq!(root.child("Absent"), None);
    }

    #[test]
    fn documents_that_are_not_well_formed_are_refused() {
        for document in [
            "",
            "{}",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a>&unknown;</a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        ] {
            assert_eq!(Element::parse(document.as_bytes()), None, "{document}");
        }
    }
}
