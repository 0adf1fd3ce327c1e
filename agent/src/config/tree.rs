//! The YAML document with the position of each node.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::problem::{At, Findings};
use super::substitute::{Environment, Masked};

/// One node, with the values of the environment inserted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    /// A scalar that needs a missing variable. The findings already contain this problem.
    Unknown,
    /// Any other scalar, unchanged: `5432` stays `5432`, and `007` keeps three digits.
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) at: At,
    pub(super) key: String,
    pub(super) node: Node,
}

/// Parses a document. Returns `None`, with the reason among the findings, if it is not YAML.
pub(super) fn read(raw: &str, env: &Environment, findings: &mut Findings) -> Option<Node> {
    let Some(masked) = Masked::new(raw) else {
        findings.problem(
            At::default(),
            "the characters U+E000 and U+E001 can't be used in the configuration",
        );
        return None;
    };
    if masked.text.trim().is_empty() {
        return Some(Node {
            at: At::default(),
            value: Value::Null,
        });
    }
    let options = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(&masked.text, options) {
        Ok(raw) => Some(Reader { masked, env }.node(raw, findings)),
        Err(e) => {
            let at = e.location().map(|l| At {
                line: masked.line(l.line()),
                column: l.column(),
            });
            let problem = match e.without_snippet() {
                // The library's own message addresses its callers, not users.
                serde_saphyr::Error::MultipleDocuments { .. } => {
                    "a second document begins here; the configuration must be one document"
                        .to_owned()
                }
                other => format!("it is not YAML: {other}"),
            };
            findings.problem(at.unwrap_or_default(), problem);
            None
        }
    }
}

struct Reader<'a> {
    masked: Masked,
    env: &'a Environment,
}

impl Reader<'_> {
    fn node(&self, raw: Spanned<Raw>, findings: &mut Findings) -> Node {
        let at = self.at(raw.referenced);
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Text(text) => self
                .text(&text, at, findings)
                .map_or(Value::Unknown, Value::Text),
            Raw::Typed(text) => Value::Text(self.source(raw.defined).unwrap_or(text)),
            Raw::List(items) => {
                let nodes = items.into_iter().map(|item| self.node(item, findings));
                Value::List(nodes.collect())
            }
            Raw::Map(entries) => {
                let entries = entries.into_iter().map(|(key, item)| {
                    let at = self.at(key.referenced);
                    Entry {
                        at,
                        key: self.text(&key.value, at, findings).unwrap_or_default(),
                        node: self.node(item, findings),
                    }
                });
                Value::Map(entries.collect())
            }
        };
        Node { at, value }
    }

    fn text(&self, text: &str, at: At, findings: &mut Findings) -> Option<String> {
        match self.masked.resolve(text, self.env) {
            Ok(text) => Some(text),
            Err(missing) => {
                for name in missing {
                    findings.problem(at, format!("Missing required environment variable: {name}"));
                }
                None
            }
        }
    }

    /// Returns the text of a scalar that YAML would read as a number or a boolean.
    fn source(&self, location: Location) -> Option<String> {
        let span = location.span();
        let from = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        let text = self.masked.text.get(from..from + length)?;
        Some(text.trim().to_owned())
    }

    fn at(&self, location: Location) -> At {
        At {
            line: self.masked.line(location.line()),
            column: location.column(),
        }
    }
}

enum Raw {
    Null,
    Text(String),
    /// A number or a boolean in its canonical form.
    Typed(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML node")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        let mut findings = Findings::default();
        let env = [("LIST".to_owned(), "[a, b]".to_owned())].into();
        let node = read(text, &env, &mut findings).expect("the text is YAML");
        assert_eq!(findings.problems, []);
        node
    }

    fn entry(node: &Node, index: usize) -> (&str, At, &Value) {
        let Value::Map(entries) = &node.value else {
            panic!("{node:?} is no mapping");
        };
        let entry = &entries[index];
        (&entry.key, entry.node.at, &entry.node.value)
    }

    #[test]
    fn the_marks_of_a_document_are_no_part_of_it_and_a_second_is_refused() {
        for text in [
            "\u{feff}a: b\n",
            "---\na: b\n",
            "---\na: b\n...\n",
            "%YAML 1.2\n---\na: b\n",
        ] {
            let mut findings = Findings::default();
            let node = read(text, &Environment::default(), &mut findings);
            assert!(
                matches!(
                    node,
                    Some(Node {
                        value: Value::Map(_),
                        ..
                    })
                ),
                "{text:?}"
            );
        }
        for text in ["a: b\n---\na: c\n", "---\na: b\n...\n---\n"] {
            let mut findings = Findings::default();
            assert!(read(text, &Environment::default(), &mut findings).is_none());
            let [problem] = &findings.problems[..] else {
                panic!("one problem")
            };
            assert!(problem.text.starts_with("a second document"), "{problem:?}");
        }
    }

    #[test]
    fn scalars_keep_the_form_that_they_are_written_in() {
        let tree = node("a: 007\nb: 1.0\nc: yes\nd: 'x'\ne: ~\nf: 0x1F\ng: true # why\n");
        let texts: Vec<_> = (0..7).map(|i| entry(&tree, i).2.clone()).collect();
        let text = |t: &str| Value::Text(t.to_owned());
        assert_eq!(
            texts,
            [
                text("007"),
                text("1.0"),
                text("yes"),
                text("x"),
                Value::Null,
                text("0x1F"),
                text("true")
            ]
        );
    }

    #[test]
    fn everything_knows_its_place() {
        let tree = node("a: 1\nb:\n  - x\n");
        assert_eq!(entry(&tree, 0).1, At { line: 1, column: 4 });
        let (_, _, Value::List(items)) = entry(&tree, 1) else {
            panic!("b is a list");
        };
        assert_eq!(items[0].at, At { line: 3, column: 5 });
    }

    #[test]
    fn a_value_of_the_environment_is_a_scalar_whatever_is_in_it() {
        let tree = node("a: ${LIST} # ${NOT_SET_IN_A_COMMENT}\nb: [\"${LIST}\", ${LIST}]\n");
        let list = Value::Text("[a, b]".to_owned());
        assert_eq!(entry(&tree, 0).2, &list);
        let (_, _, Value::List(items)) = entry(&tree, 1) else {
            panic!("b is a list");
        };
        assert!(items.iter().all(|item| item.value == list));
    }

    #[test]
    fn aliases_and_merges_stand_for_what_they_name() {
        let tree = node("a: &x 5\nb: *x\nc: &m {k: v}\nd: {<<: *m}\n");
        assert_eq!(entry(&tree, 1).2, &Value::Text("5".to_owned()));
        assert_eq!(entry(entry_node(&tree, 3), 0).0, "k");
    }

    fn entry_node(node: &Node, index: usize) -> &Node {
        let Value::Map(entries) = &node.value else {
            panic!("{node:?} is no mapping");
        };
        &entries[index].node
    }

    #[test]
    fn what_is_not_yaml_is_said_with_its_line() {
        let mut findings = Findings::default();
        assert!(read("a: 1\nb: [1\nc: 2\n", &Environment::new(), &mut findings).is_none());
        let problem = &findings.problems[0];
        assert!(problem.at.is_some_and(|at| at.line >= 2), "{problem:?}");
        assert!(problem.text.starts_with("it is not YAML: "), "{problem:?}");
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error() {
        let mut findings = Findings::default();
        assert!(read("a: 1\na: 2\n", &Environment::new(), &mut findings).is_none());
        assert_eq!(findings.problems.len(), 1);
    }
}
