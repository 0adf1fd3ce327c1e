//! The way in which the parts of an object are merged.

use serde_json::Value;

use crate::api::custom::{ListType, Node};
use crate::api::resources::ResourceType;

/// The knowledge about one place in an object.
#[derive(Debug, Clone, Copy)]
pub enum Shape<'a> {
    /// A place in a custom resource, by its schema; and whether it is the whole resource.
    Custom(&'a Node, bool),
    /// A place in a built-in type, by the name of its field and of the field around it. The real server reads
    /// the keys of lists from its types.
    BuiltIn(&'a str, Option<&'a str>),
    /// A place without a schema: objects are merged, and lists are replaced.
    Free,
}

impl<'a> Shape<'a> {
    pub fn of(ty: &'a ResourceType) -> Self {
        match &ty.structural {
            Some(node) => Self::Custom(node, true),
            None => Self::BuiltIn("", None),
        }
    }

    pub fn field<'b>(self, name: &'b str) -> Shape<'b>
    where
        'a: 'b,
    {
        match self {
            Self::Custom(_, true) if name == "metadata" => Shape::BuiltIn("metadata", None),
            Self::Custom(node, _) => match node.field(name) {
                Some(field) => Shape::Custom(field, false),
                None => Shape::Free,
            },
            Self::BuiltIn(own, _) => Shape::BuiltIn(name, Some(own)),
            Self::Free => Shape::Free,
        }
    }

    /// Returns the shape of a list's items.
    pub fn item(self) -> Self {
        match self {
            Self::Custom(node, _) => match node.items.as_deref() {
                Some(items) => Self::Custom(items, false),
                None => Self::Free,
            },
            other => other,
        }
    }

    /// Returns whether an object has one owner as a whole.
    pub fn is_atomic(self) -> bool {
        match self {
            Self::Custom(node, _) => node.atomic_map,
            Self::BuiltIn(name, _) => matches!(
                name,
                "selector"
                    | "nodeSelector"
                    | "labelSelector"
                    | "podSelector"
                    | "namespaceSelector"
                    | "matchLabels"
            ),
            Self::Free => false,
        }
    }

    pub fn list(self, list: &[Value]) -> ListType {
        let keyed = |keys: &[&str]| ListType::Map(keys.iter().map(|&key| key.to_owned()).collect());
        let (name, around) = match self {
            Self::Custom(node, _) => return node.list.clone(),
            Self::Free => return ListType::Atomic,
            Self::BuiltIn(name, around) => (name, around.unwrap_or_default()),
        };
        match name {
            "finalizers" => ListType::Set,
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "volumes"
            | "env"
            | "imagePullSecrets" => keyed(&["name"]),
            // The secrets of a service account are the only list of this name.
            "secrets" if around.is_empty() => keyed(&["name"]),
            "volumeMounts" => keyed(&["mountPath"]),
            "volumeDevices" => keyed(&["devicePath"]),
            "ownerReferences" => keyed(&["uid"]),
            "conditions" => keyed(&["type"]),
            "hostAliases" | "podIPs" | "hostIPs" => keyed(&["ip"]),
            "ports" if list.iter().any(|item| item.get("containerPort").is_some()) => {
                keyed(&["containerPort", "protocol"])
            }
            "ports" if list.iter().any(|item| item.get("port").is_some()) && around == "spec" => {
                keyed(&["port", "protocol"])
            }
            _ => ListType::Atomic,
        }
    }
}
