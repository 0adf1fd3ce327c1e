//! The part of Kubernetes' protobuf format that `kubectl auth can-i` sends. Typed clients send built-in types
//! in this format, and also accept JSON answers.

use serde_json::{Map, Value, json};

/// The prefix of all bodies in this format (`k8s.io/apimachinery/pkg/runtime/serializer/protobuf`).
const MAGIC: &[u8] = b"k8s\0";

/// The number of the field `raw` of `runtime.Unknown`.
const RAW: u64 = 2;
/// The numbers of `SelfSubjectAccessReview.spec`, and of its `resourceAttributes` and `nonResourceAttributes`
/// (`k8s.io/api/authorization/v1/generated.proto`).
const SPEC: u64 = 2;
const RESOURCE_ATTRIBUTES: u64 = 1;
const NON_RESOURCE_ATTRIBUTES: u64 = 2;
/// The number of `SelfSubjectRulesReviewSpec.namespace`.
const RULES_NAMESPACE: u64 = 1;
/// The text fields of `ResourceAttributes`, by number, from 1.
const ATTRIBUTES: [&str; 7] = [
    "namespace",
    "verb",
    "group",
    "version",
    "resource",
    "subresource",
    "name",
];

/// Returns the review in a body as JSON, or `None` if the body has another format.
pub fn access_review(body: &[u8]) -> Option<Value> {
    let spec = field(content(body)?, SPEC)?;
    let texts = |message: &[u8], names: &[&str]| {
        let mut attributes = Map::new();
        for (number, name) in (1..).zip(names) {
            if let Some(value) = field(message, number) {
                let text = String::from_utf8(value.to_vec()).ok()?;
                attributes.insert((*name).to_owned(), text.into());
            }
        }
        Some(Value::from(attributes))
    };
    Some(match field(spec, RESOURCE_ATTRIBUTES) {
        Some(asked) => json!({"spec": {"resourceAttributes": texts(asked, &ATTRIBUTES)?}}),
        None => {
            let asked = field(spec, NON_RESOURCE_ATTRIBUTES)?;
            json!({"spec": {"nonResourceAttributes": texts(asked, &["path", "verb"])?}})
        }
    })
}

/// Returns the review of rules in a body as JSON, or `None` if the body has another format.
pub fn rules_review(body: &[u8]) -> Option<Value> {
    let review = content(body)?;
    let namespace = field(field(review, SPEC)?, RULES_NAMESPACE).unwrap_or_default();
    let namespace = String::from_utf8(namespace.to_vec()).ok()?;
    Some(json!({"spec": {"namespace": namespace}}))
}

/// A value in a message.
pub enum Item<'a> {
    Number(u64),
    /// A text, bytes, or another message.
    Bytes(&'a [u8]),
}

/// Returns the message in a body, or `None` if the body has another format.
pub fn content(body: &[u8]) -> Option<&[u8]> {
    field(body.strip_prefix(MAGIC)?, RAW)
}

/// Returns the fields of a message with their numbers. A broken one is `None`, and the last.
pub fn items(mut message: &[u8]) -> impl Iterator<Item = Option<(u64, Item<'_>)>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let item = item(&mut message);
        if item.is_none() {
            message = &[];
        }
        Some(item)
    })
}

fn item<'a>(message: &mut &'a [u8]) -> Option<(u64, Item<'a>)> {
    let tag = varint(message)?;
    let item = match tag & 7 {
        0 => Item::Number(varint(message)?),
        2 => {
            let length = usize::try_from(varint(message)?).ok()?;
            let (value, rest) = message.split_at_checked(length)?;
            *message = rest;
            Item::Bytes(value)
        }
        _ => return None,
    };
    Some((tag >> 3, item))
}

/// Returns the bytes of a field of a message. The messages in use contain only texts, messages and numbers.
fn field(message: &[u8], wanted: u64) -> Option<&[u8]> {
    for item in items(message) {
        if let (number, Item::Bytes(value)) = item?
            && number == wanted
        {
            return Some(value);
        }
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_cut_anywhere_is_refused_or_has_less_in_it() {
        let body = b"k8s\0\x0a\x02\x0a\x00\x12\x0d\x12\x0b\x0a\x09\x0a\x01n\x12\x01v\x2a\x01r";
        let whole = access_review(body).unwrap();
        let asked = &whole["spec"]["resourceAttributes"];
        assert_eq!(asked["verb"], "v");
        assert_eq!(asked["resource"], "r");
        for length in 0..body.len() {
            assert_ne!(access_review(&body[..length]).as_ref(), Some(&whole));
        }
        assert_eq!(access_review(b"{}"), None);
    }
}
