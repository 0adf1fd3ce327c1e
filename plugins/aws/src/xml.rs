//! The XML of RDS, as a tree. Other programs may answer, so that nothing is taken for granted.

use broker_engine::{Error, Result};
use quick_xml::Reader;
use quick_xml::events::Event;

/// The maximum depth of the tree, and the maximum number of its elements.
const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: usize = 200_000;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    /// Fails if the text is not one well-formed element, declares a document type, or is too deep or too large.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text).map_err(|reason| {
            Error::protocol(format!("the response of RDS is not understood: {reason}"))
        })
    }

    fn read(text: &str) -> std::result::Result<Self, String> {
        let mut reader = Reader::from_str(text);
        // The first one stands for the document.
        let mut open = vec![Self::default()];
        let mut elements = 0;
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            let is_empty = matches!(event, Event::Empty(_));
            match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    elements += 1;
                    if open.len() > MAX_DEPTH || elements > MAX_ELEMENTS {
                        return Err("it is too deep or too large".to_owned());
                    }
                    let name = String::from_utf8_lossy(tag.local_name().as_ref()).into_owned();
                    open.push(Self {
                        name,
                        ..Self::default()
                    });
                    if is_empty {
                        close(&mut open)?;
                    }
                }
                Event::End(_) => close(&mut open)?,
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| error.to_string())?;
                    add(&mut open, &text);
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|error| error.to_string())?;
                    add(&mut open, &text);
                }
                Event::GeneralRef(reference) => {
                    let of_number = reference.resolve_char_ref();
                    let of_number = of_number.map_err(|error| error.to_string())?;
                    let name = reference.decode().map_err(|error| error.to_string())?;
                    let c = of_number.or(match &*name {
                        "amp" => Some('&'),
                        "apos" => Some('\''),
                        "gt" => Some('>'),
                        "lt" => Some('<'),
                        "quot" => Some('"'),
                        _ => None,
                    });
                    let c = c.ok_or_else(|| format!("the entity {name:?} is unknown"))?;
                    add(&mut open, c.encode_utf8(&mut [0; 4]));
                }
                Event::DocType(_) => return Err("it declares a document type".to_owned()),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        let mut document = open.remove(0);
        let is_whole = open.is_empty() && document.text.trim().is_empty();
        match document.children.pop() {
            Some(root) if is_whole && document.children.is_empty() => Ok(root),
            _ => Err("it is not one whole element".to_owned()),
        }
    }

    /// Returns the elements at a path below this one.
    pub fn all<'a>(&'a self, path: &[&str]) -> Vec<&'a Self> {
        let Some((first, rest)) = path.split_first() else {
            return vec![self];
        };
        let fitting = self.children.iter().filter(|child| child.name == *first);
        fitting.flat_map(|child| child.all(rest)).collect()
    }

    /// Returns the elements below this one: the result of an action and the facts about the response.
    pub fn results(&self) -> impl Iterator<Item = &Self> {
        self.children.iter()
    }

    /// Returns the text of a child, if it has one.
    pub fn text(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.name == name)?;
        Some(child.text.trim()).filter(|text| !text.is_empty())
    }

    /// Returns whether there is a child.
    pub fn has(&self, name: &str) -> bool {
        self.children.iter().any(|child| child.name == name)
    }

    /// Returns the number in a child.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn close(open: &mut Vec<Element>) -> std::result::Result<(), String> {
    match (open.pop(), open.last_mut()) {
        (Some(element), Some(parent)) => {
            parent.children.push(element);
            Ok(())
        }
        _ => Err("an element ends that has not begun".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_names() {
        let text = r#"<?xml version="1.0"?><!-- x --><R xmlns="http://rds.amazonaws.com/doc/2014-10-31/">
            <L><I><N> a &amp; b&#x21; </N><S>5</S></I><I><N><![CDATA[<c>]]></N><S/></I></L></R>"#;
        let root = Element::parse(text).unwrap();
        let items = root.all(&["L", "I"]);
        let names: Vec<_> = items.iter().map(|item| item.text("N")).collect();
        assert_eq!(names, [Some("a & b!"), Some("<c>")]);
        assert_eq!(
            (items[0].number("S"), items[1].number("S")),
            (Some(5), None)
        );
        assert!(items[1].has("S") && !items[1].has("T"));
        assert!(root.all(&["L", "X"]).is_empty());
    }

    #[test]
    fn hostile_texts_are_refused() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        for text in [
            "",
            "x",
            "{}",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<a>&nbsp;</a>",
            "<a>&#0;</a>",
            "<a>&#x110000;</a>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<!DOCTYPE html><html></html>",
            &deep,
            &wide,
        ] {
            let error = Element::parse(text).unwrap_err();
            let kind = broker_engine::ErrorKind::Protocol;
            assert_eq!(error.kind, kind, "{text:.40}");
        }
    }
}
