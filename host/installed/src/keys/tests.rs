use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use host_base::{Failure, Problem};

use super::*;
use crate::signature::decode;
use crate::testing::{
    COMPONENT, DER, FINGERPRINT, KEY, OTHER_KEY, OTHER_SIGNATURE, RSA_KEY, SIGNATURE,
};
use crate::{CosignPayload, Fetched, Reference, SourceError};

fn key(pem: &str) -> PublicKey {
    PublicKey::from_pem(pem.as_bytes(), "test").unwrap()
}

fn trusted(publisher: &str, name: &str, pem: &str) -> TrustedKey {
    TrustedKey {
        publisher: publisher.to_owned(),
        name: name.to_owned(),
        key: key(pem),
    }
}

fn signature(text: &str) -> DetachedSignature {
    DetachedSignature {
        der: decode(text.as_bytes(), "vault.wasm.sig").unwrap(),
        payload: None,
        origin: "vault.wasm.sig".to_owned(),
    }
}

fn of_another_artifact() -> DetachedSignature {
    DetachedSignature {
        der: DER.to_vec(),
        payload: Some(CosignPayload {
            document: b"{}".to_vec(),
            manifest: b"{}".to_vec(),
        }),
        origin: "oci://registry.example/acme/other".to_owned(),
    }
}

fn judge(keys: &[TrustedKey], signatures: &[DetachedSignature]) -> Result<SignatureState, String> {
    verdict("acme", keys, signatures, COMPONENT).map_err(|error| error.to_string())
}

#[test]
fn without_a_key_a_component_is_unsigned_or_unverified() {
    assert_eq!(judge(&[], &[]), Ok(SignatureState::Unsigned));
    assert_eq!(
        judge(&[], &[signature(SIGNATURE)]),
        Ok(SignatureState::Unverified)
    );
    let of_others = [trusted("other", "main", KEY)];
    assert_eq!(
        judge(&of_others, &[signature(SIGNATURE)]),
        Ok(SignatureState::Unverified),
        "a key of another publisher says nothing"
    );
}

#[test]
fn one_valid_signature_by_one_trusted_key_is_enough() {
    let keys = [
        trusted("acme", "old", OTHER_KEY),
        trusted("acme", "new", KEY),
    ];
    let signed = SignatureState::Signed {
        key: FINGERPRINT.to_owned(),
    };
    assert_eq!(judge(&keys, &[signature(SIGNATURE)]), Ok(signed.clone()));
    let several = [of_another_artifact(), signature(SIGNATURE)];
    assert_eq!(judge(&keys, &several), Ok(signed));
}

#[test]
fn with_a_key_nothing_less_than_its_signature_is_taken() {
    let keys = [trusted("acme", "main", KEY)];
    let unsigned = judge(&keys, &[]).unwrap_err();
    assert!(unsigned.starts_with("it is not signed"), "{unsigned}");
    assert!(unsigned.contains(FINGERPRINT), "{unsigned}");
    for other in [signature(OTHER_SIGNATURE), of_another_artifact()] {
        let refused = judge(&keys, std::slice::from_ref(&other)).unwrap_err();
        assert!(refused.contains(FINGERPRINT), "{refused}");
        assert!(refused.contains(&other.origin), "{refused}");
    }
    let changed = verdict("acme", &keys, &[signature(SIGNATURE)], b"changed").unwrap_err();
    assert_eq!(changed.failure(), Failure::Integrity);
}

#[test]
fn signatures_of_something_else_are_refused_without_a_key_too() {
    let refused = judge(&[], &[of_another_artifact()]).unwrap_err();
    assert!(
        refused.contains("does not belong to this engine"),
        "{refused}"
    );
}

#[test]
fn the_state_is_written_in_words() {
    let signed = SignatureState::Signed {
        key: FINGERPRINT.to_owned(),
    };
    for state in [signed, SignatureState::Unverified, SignatureState::Unsigned] {
        assert_eq!(state.to_string().parse(), Ok(state));
    }
    for text in ["", "signed:", "verified"] {
        assert!(text.parse::<SignatureState>().is_err(), "{text}");
    }
}

struct Folder {
    configuration: tempfile::TempDir,
    keys: KeyFolder,
}

impl Folder {
    fn new() -> Self {
        let configuration = tempfile::tempdir().unwrap();
        Self {
            keys: KeyFolder::of(configuration.path()),
            configuration,
        }
    }

    fn names(&self, publisher: &str) -> Vec<String> {
        let keys = self.keys.list(publisher).unwrap();
        keys.into_iter().map(|key| key.name).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.configuration.path().join("keys").join(name)
    }
}

#[test]
fn keys_are_added_listed_and_removed() {
    let folder = Folder::new();
    assert!(folder.names("acme").is_empty());
    folder.keys.add("acme", "new", key(KEY)).unwrap();
    folder.keys.add("acme", "main", key(OTHER_KEY)).unwrap();
    folder.keys.add("zenith", "main", key(KEY)).unwrap();
    assert_eq!(folder.names("acme"), ["main", "new"]);
    let all = folder.keys.list_all().unwrap();
    let all: Vec<_> = all.iter().map(|it| (&*it.publisher, &*it.name)).collect();
    assert_eq!(all, [("acme", "main"), ("acme", "new"), ("zenith", "main")]);
    assert_eq!(
        fs::read_to_string(folder.path("acme/new.pub")).unwrap(),
        KEY
    );

    folder.keys.remove("acme", "main").unwrap();
    assert_eq!(folder.names("acme"), ["new"]);
    let error = folder.keys.remove("acme", "main").unwrap_err();
    assert_eq!(error.failure(), Failure::NotFound);
}

#[test]
fn a_key_is_never_replaced_nor_trusted_twice() {
    let folder = Folder::new();
    folder.keys.add("acme", "main", key(KEY)).unwrap();
    let taken = folder.keys.add("acme", "main", key(OTHER_KEY)).unwrap_err();
    assert!(matches!(taken, KeyError::NameTaken { .. }), "{taken}");
    let twice = folder.keys.add("acme", "again", key(KEY)).unwrap_err();
    assert!(matches!(twice, KeyError::AlreadyTrusted { .. }), "{twice}");
    assert_eq!(folder.names("acme"), ["main"]);
}

#[test]
fn names_cannot_leave_the_folder() {
    let folder = Folder::new();
    for name in ["", "..", "../x", "a/b", "A", ".hidden", "a\u{1b}"] {
        assert!(folder.keys.list(name).is_err(), "{name:?}");
        assert!(folder.keys.add("acme", name, key(KEY)).is_err(), "{name:?}");
        assert!(folder.keys.remove("acme", name).is_err(), "{name:?}");
    }
    assert!(!folder.path("").exists());
}

#[test]
fn every_file_gives_its_key_a_name() {
    let long = format!("{}.pub", "k".repeat(200));
    for (file, name) in [
        ("acme.pub", "acme"),
        ("/keys/Cosign_2026.pem", "cosign-2026"),
        ("2.pub", "key-2"),
        ("--.pub", "key"),
        ("schlüssel.pub", "schl-ssel"),
        (long.as_str(), &"k".repeat(30)),
    ] {
        let name_of_it = folder::name_of_key(file.as_ref());
        assert_eq!(name_of_it, name, "{file}");
        assert!(broker_manifest::is_flag_name(&name_of_it), "{name_of_it}");
    }
}

#[test]
fn a_file_that_is_no_key_is_not_passed_over() {
    let folder = Folder::new();
    folder.keys.add("acme", "main", key(KEY)).unwrap();
    fs::write(folder.path("acme/notes.txt"), "anything").unwrap();
    assert_eq!(folder.names("acme"), ["main"]);

    fs::write(folder.path("acme/rsa.pub"), RSA_KEY).unwrap();
    let error = folder.keys.list("acme").unwrap_err();
    assert_eq!(error.failure(), Failure::Usage);
    assert!(error.to_string().contains("rsa.pub"), "{error}");

    fs::remove_file(folder.path("acme/rsa.pub")).unwrap();
    fs::create_dir(folder.path("acme/folder.pub")).unwrap();
    let error = folder.keys.list("acme").unwrap_err();
    assert!(matches!(error, KeyError::Kind { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn keys_that_others_can_write_are_not_trusted() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    folder.keys.add("acme", "main", key(KEY)).unwrap();
    for (name, before) in [("acme", 0o700), ("acme/main.pub", 0o600)] {
        let path = folder.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(before | 0o020)).unwrap();
        let error = folder.keys.list("acme").unwrap_err();
        assert_eq!(error.failure(), Failure::Integrity, "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
    }
    assert_eq!(folder.names("acme"), ["main"]);
}

#[test]
fn what_keeps_signatures_from_being_looked_up_matters_where_one_is_demanded() {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::of(folder.path());
    let fetched = |signatures: &[&str]| Fetched {
        bytes: COMPONENT.to_vec(),
        pinned: Reference::Path("vault.wasm".into()),
        signatures: signatures.iter().map(|text| signature(text)).collect(),
        not_looked_up: Some(Arc::new(SourceError::Status {
            what: "referrers".to_owned(),
            status: 429,
            message: String::new(),
        })),
    };
    let judge = |signatures: &[&str], key| keys.judge("acme", &fetched(signatures), key);
    assert_eq!(judge(&[], None).unwrap(), SignatureState::Unsigned);

    let new = NewKey {
        name: "other".to_owned(),
        key: key(OTHER_KEY),
    };
    keys.add("acme", "main", key(KEY)).unwrap();
    for demanded in [None, Some(&new)] {
        let error = judge(&[], demanded).unwrap_err();
        assert!(matches!(error, KeyError::NotLookedUp { .. }), "{error}");
        assert_eq!(error.failure(), Failure::Failed);
    }
    // A found signature decides, whatever other look-ups failed.
    assert!(judge(&[SIGNATURE], None).is_ok());
    let error = judge(&[OTHER_SIGNATURE], None).unwrap_err();
    assert_eq!(error.failure(), Failure::Integrity);
}
