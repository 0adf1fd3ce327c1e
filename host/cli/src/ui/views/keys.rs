//! The results of commands about the trusted keys of publishers.

use serde_json::{Value, json};

use crate::ui::Kind;
use crate::ui::document::{Document, document};
use crate::ui::table::{cell, table};

/// The trusted keys.
#[derive(Debug)]
pub struct KeysView {
    pub keys: Vec<KeyRow>,
}

#[derive(Debug)]
pub struct KeyRow {
    pub publisher: String,
    /// The name that the user gave to the key.
    pub name: String,
    /// SHA-256 digest of the key, in hexadecimal.
    pub fingerprint: String,
}

impl KeyRow {
    pub(super) fn fields(&self) -> Value {
        json!({
            "publisher": self.publisher,
            "name": self.name,
            "fingerprint": self.fingerprint,
        })
    }
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

    fn document(&self) -> Value {
        let items: Vec<_> = self.keys.iter().map(KeyRow::fields).collect();
        document(Kind::KeyList, json!({ "items": items }))
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

    fn document(&self) -> Value {
        let body = match self {
            Self::Added { key, engines } => json!({
                "change": "added",
                "publisher": key.publisher,
                "name": key.name,
                "fingerprint": key.fingerprint,
                "last": false,
                "engines": engines,
            }),
            Self::Removed {
                publisher,
                name,
                fingerprint,
                is_last,
                engines,
            } => json!({
                "change": "removed",
                "publisher": publisher,
                "name": name,
                "fingerprint": fingerprint,
                "last": is_last,
                "engines": engines,
            }),
        };
        document(Kind::KeyChange, body)
    }
}
