//! The results of commands about the trusted keys of publishers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::ui::document::Document;
use crate::ui::fields::DIGEST;
use crate::ui::schema::Body;
use crate::ui::table::{cell, table};

/// The trusted keys of publishers. Printed by `plugin key list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeysView {
    /// The keys, sorted by publisher and name.
    #[serde(rename = "items")]
    pub keys: Vec<KeyRow>,
}

/// A trusted key.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyRow {
    /// Publisher: the part of an engine's id before the slash.
    pub publisher: String,
    /// Name that the user gave to the key.
    pub name: String,
    /// SHA-256 digest of the key's DER form, in hexadecimal.
    #[schemars(regex(pattern = DIGEST))]
    pub fingerprint: String,
}

/// Describes the consequences of trusting a key.
pub(super) fn added(key: &KeyRow) -> String {
    let KeyRow {
        publisher,
        name,
        fingerprint,
    } = key;
    format!(
        "Key {name} of {publisher} is added: {fingerprint}\n\
         From now on an engine {publisher}/… is installed and used only if a trusted key of {publisher} signed it\n"
    )
}

impl Document for KeysView {
    fn table(&self, _: bool) -> String {
        let headers = ["PUBLISHER", "NAME", "FINGERPRINT"].map(str::to_owned);
        let rows = self.keys.iter().map(|key| {
            vec![
                cell(&key.publisher),
                cell(&key.name),
                cell(&key.fingerprint),
            ]
        });
        table(&headers, rows.collect())
    }

    fn names(&self) -> String {
        let names = self.keys.iter();
        names
            .map(|key| format!("{}/{}\n", key.publisher, key.name))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        Body::KeyList(self)
    }

    fn summary(&self) -> Option<String> {
        self.keys
            .is_empty()
            .then(|| "No key is trusted; `kubectl broker plugin key add` adds one".to_owned())
    }
}

/// A key that was added to the trusted keys, or removed from them.
#[derive(Debug)]
pub enum KeyChangeView {
    Added {
        key: KeyRow,
        /// Installed engines of the publisher that no trusted key has signed.
        engines: Vec<String>,
    },
    Removed {
        publisher: String,
        name: String,
        /// SHA-256 digest of the key, in hexadecimal. None if the key could not be read.
        fingerprint: Option<String>,
        /// Whether the publisher has no other trusted key.
        is_last: bool,
        /// Installed engines that are recorded as signed. Their next version needs a trusted key.
        engines: Vec<String>,
    },
}

/// A key that was added to the trusted keys, or removed from them. Printed by `plugin key add` and
/// `plugin key remove`.
#[derive(Serialize, JsonSchema)]
pub struct KeyChangeBody<'a> {
    /// Change of the key.
    #[schemars(extend("enum" = ["added", "removed"]))]
    change: &'static str,
    /// Publisher: the part of an engine's id before the slash.
    publisher: &'a str,
    /// Name that the user gave to the key.
    name: &'a str,
    /// SHA-256 digest of the key's DER form, in hexadecimal. Null for a removed key that could not be read.
    #[schemars(regex(pattern = DIGEST))]
    fingerprint: Option<&'a str>,
    /// Whether the publisher has no other trusted key. Its engines are then installed with any signature.
    last: bool,
    /// Installed engines of the publisher that the change affects. After `add`: engines that no trusted key signed,
    /// which are no longer used. After `remove`: engines that are recorded as signed with the key.
    engines: &'a [String],
}

impl Document for KeyChangeView {
    fn table(&self, _: bool) -> String {
        let (publisher, name, fingerprint, is_last, engines) = match self {
            Self::Added { key, engines } => {
                let unsigned = engines.iter().map(|engine| {
                    format!(
                        "{engine} is not used any more, because no trusted key signed it; `kubectl broker plugin update {engine}` takes a version that is signed\n"
                    )
                });
                return added(key) + &unsigned.collect::<String>();
            }
            Self::Removed {
                publisher,
                name,
                fingerprint,
                is_last,
                engines,
            } => (publisher, name, fingerprint, *is_last, engines),
        };
        let fingerprint = fingerprint.as_deref().unwrap_or("its file was damaged");
        let mut shown = format!("Key {name} of {publisher} is removed: {fingerprint}\n");
        if is_last {
            shown.push_str(&format!(
                "No key of {publisher} is left: from now on an engine {publisher}/… is installed unsigned, or whoever signed it\n"
            ));
        }
        for engine in engines {
            shown.push_str(&if is_last {
                format!(
                    "{engine} stays installed, and nothing tells any more whether an update of it has the same maker\n"
                )
            } else {
                format!(
                    "{engine} was signed with it, and is used only if another key of {publisher} signed it too\n"
                )
            });
        }
        shown
    }

    fn names(&self) -> String {
        let (Self::Added {
            key: KeyRow {
                publisher, name, ..
            },
            ..
        }
        | Self::Removed {
            publisher, name, ..
        }) = self;
        format!("{publisher}/{name}\n")
    }

    fn body(&self) -> Body<'_> {
        Body::KeyChange(match self {
            Self::Added { key, engines } => KeyChangeBody {
                change: "added",
                publisher: &key.publisher,
                name: &key.name,
                fingerprint: Some(&key.fingerprint),
                last: false,
                engines,
            },
            Self::Removed {
                publisher,
                name,
                fingerprint,
                is_last,
                engines,
            } => KeyChangeBody {
                change: "removed",
                publisher,
                name,
                fingerprint: fingerprint.as_deref(),
                last: *is_last,
                engines,
            },
        })
    }
}
