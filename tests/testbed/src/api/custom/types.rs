//! The types of the values in rules.

use std::fmt;

use super::node::{Additional, Kind, Node};
use super::values::escaped;

/// The type of an expression.
#[derive(Debug, Clone)]
pub enum Type<'a> {
    /// A value of any type, such as one with `x-kubernetes-int-or-string`.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Box<Type<'a>>),
    Map(Box<Type<'a>>),
    /// An object with the fields of a node, and whether it is a whole resource.
    Object(&'a Node, bool),
    /// The metadata of a resource.
    Metadata,
    Optional(Box<Type<'a>>),
    /// A value of a library, such as a URL.
    Opaque(&'static str),
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(value) => write!(f, "map(string, {value})"),
            Self::Optional(value) => write!(f, "optional_type({value})"),
            other => f.write_str(other.name()),
        }
    }
}

impl<'a> Type<'a> {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dyn => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Object(..) | Self::Metadata => "object",
            Self::Optional(_) => "optional_type",
            Self::Opaque(name) => name,
        }
    }

    /// Returns the type of a node's values, or `None` if rules don't see them.
    pub fn of(node: &'a Node, root: bool) -> Option<Self> {
        if node.int_or_string {
            return Some(Self::Dyn);
        }
        Some(match node.kind? {
            Kind::Array => Self::List(Box::new(Self::of(node.items.as_deref()?, false)?)),
            Kind::Object => match &node.additional {
                Additional::Schema(value) => Self::Map(Box::new(Self::of(value, false)?)),
                _ => Self::Object(node, root || node.embedded),
            },
            Kind::String => match node.format.as_deref() {
                Some("byte") => Self::Bytes,
                Some("duration") => Self::Duration,
                Some("date" | "date-time") => Self::Timestamp,
                _ => Self::String,
            },
            Kind::Boolean => Self::Bool,
            Kind::Number => Self::Double,
            Kind::Integer => Self::Int,
        })
    }

    pub fn field(&self, name: &str) -> Result<Self, String> {
        let undefined = || format!("undefined field '{name}'");
        match self {
            Self::Map(value) => Ok(Type::clone(value)),
            Self::Metadata => match name {
                "name" | "generateName" => Ok(Self::String),
                _ => Err(undefined()),
            },
            Self::Object(_, true) if ["apiVersion", "kind"].contains(&name) => Ok(Self::String),
            Self::Object(_, true) if name == "metadata" => Ok(Self::Metadata),
            Self::Object(node, _) => {
                let named = |(field, _): &(&String, &Node)| escaped(field).as_deref() == Some(name);
                let mut fields = node.properties.iter();
                let found = fields.find(|it| named(&(it.0, it.1)));
                found
                    .and_then(|(_, field)| Self::of(field, false))
                    .ok_or_else(undefined)
            }
            Self::Optional(_) | Self::Dyn => Err(unsupported(&format!(
                "the field '{name}' of a value of type {self}"
            ))),
            other => Err(format!("type '{other}' does not support field selection")),
        }
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Returns whether values of two types can be equal.
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _)
            | (_, Self::Dyn)
            | (Self::Map(_), Self::Object(..))
            | (Self::Object(..), Self::Map(_)) => true,
            (Self::Null, it) | (it, Self::Null) => matches!(
                it,
                Self::Null
                    | Self::Duration
                    | Self::Timestamp
                    | Self::Object(..)
                    | Self::Metadata
                    | Self::Optional(_)
                    | Self::Opaque(_)
            ),
            (Self::List(a), Self::List(b))
            | (Self::Map(a), Self::Map(b))
            | (Self::Optional(a), Self::Optional(b)) => a.agrees(b),
            (a, b) => a.name() == b.name(),
        }
    }
}

/// Returns the reason for what the testbed can't judge.
pub fn unsupported(what: &str) -> String {
    format!("the simulated API server can't judge {what}")
}

/// Returns the error of a function or operator that doesn't accept its arguments.
pub fn no_overload(function: &str, arguments: &[&Type<'_>]) -> String {
    let types: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    format!(
        "found no matching overload for '{function}' applied to '({})'",
        types.join(", ")
    )
}

/// Returns the type that several values have in common.
pub fn common<'a>(types: &[Type<'a>]) -> Type<'a> {
    match types {
        [first, rest @ ..] if rest.iter().all(|it| it.agrees(first)) => first.clone(),
        _ => Type::Dyn,
    }
}
