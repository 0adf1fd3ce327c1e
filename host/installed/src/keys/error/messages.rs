//! All that is said of trusted keys that can't be read or changed.

use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn not_a_key() -> SignatureError {
    SignatureError::NotAKey {
        origin: text("a.pem"),
        reason: "it has no PEM block",
    }
}

#[test]
fn what_is_said_of_trusted_keys() {
    let errors = [
        KeyError::BadName {
            what: "a key",
            given: text("A B"),
        },
        KeyError::Io {
            path: "/keys".into(),
            source: denied(),
        },
        KeyError::Writable {
            path: "/keys".into(),
        },
        KeyError::Kind {
            path: "/keys/a.pem".into(),
        },
        KeyError::Unreadable {
            path: "a.pem".into(),
            source: io::ErrorKind::NotFound.into(),
        },
        KeyError::Damaged {
            publisher: text("acme"),
            name: text("main"),
            source: Box::new(not_a_key()),
        },
        KeyError::NotLookedUp {
            publisher: text("acme"),
            problem: Arc::new(SourceError::Offline {
                what: text("registry.example/a:1"),
            }),
        },
        KeyError::NameTaken {
            publisher: text("acme"),
            name: text("main"),
            fingerprint: Sha256::digest(b""),
        },
        KeyError::AlreadyTrusted {
            publisher: text("acme"),
            name: text("main"),
        },
        KeyError::Unknown {
            publisher: text("acme"),
            name: text("mian"),
            known: texts(["main", "old"]),
        },
        KeyError::Unknown {
            publisher: text("acme"),
            name: text("main"),
            known: Vec::new(),
        },
    ];
    let table = messages!(
        KeyError {
            BadName,
            Io,
            Writable,
            Kind,
            Unreadable,
            Damaged,
            NotLookedUp,
            NameTaken,
            AlreadyTrusted,
            Unknown,
        } passes on { Unusable },
        errors
    );
    assert_snapshot!(table, @"
    BadName, exit 2
      `A B` is not a valid name for a key: use lower-case letters, digits and dashes, and begin with a letter
    Io, exit 1
      can't use /keys: {source}
    Writable, exit 13
      other users can write to /keys, so the keys in it can't be trusted
      hint: Check who changed it, then run `chmod go-w /keys`
    Kind, exit 1
      /keys/a.pem is not a plain file of at most 16384 bytes
      hint: Move it out of the folder of trusted keys
    Unreadable, exit 10
      can't read the key a.pem: {source}
      hint: Name the file with the publisher's public key, as `-----BEGIN PUBLIC KEY-----`
    Damaged, exit 2
      the key main of acme can't be used: {source}
      hint: Remove the key with `kubectl broker plugin key remove acme main`, then add it again
    NotLookedUp, exit 2
      it must be signed by acme, but its signatures can't be looked up: registry.example/a:1 is on the network, which `--offline` excludes
      hint: Give a file or a bundle, or leave out `--offline`. `kubectl broker plugin bundle` makes a bundle on a machine with a network
    NameTaken, exit 11
      the publisher acme already has a key main, with the fingerprint e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      hint: Give the new key another name, and both are trusted: `kubectl broker plugin key add acme FILE --name NAME`
    AlreadyTrusted, exit 11
      the publisher acme already has this key, as main
    Unknown, exit 10
      the publisher acme has no key mian
      hint: Its keys are: main, old
    Unknown, exit 10
      the publisher acme has no key main
      hint: No key of this publisher is trusted. `kubectl broker plugin key list` shows the keys of all publishers
    ");
}
