use super::*;
use crate::testing::{COMPONENT, DER};
use crate::{CosignPayload, DetachedSignature, Plugin};

fn version(source: &str, pinned: &str, bytes: &[u8]) -> Installed {
    Installed {
        version: "1.0.0".parse().unwrap(),
        source: source.parse().unwrap(),
        pinned: pinned.parse().unwrap(),
        digest: Sha256::digest(bytes),
        size: bytes.len() as u64,
        signature: SignatureState::Unsigned,
        capabilities: BTreeSet::new(),
        installed: jiff::Timestamp::UNIX_EPOCH,
        line: 0,
    }
}

fn signature() -> DetachedSignature {
    DetachedSignature {
        der: DER.to_vec(),
        payload: Some(CosignPayload {
            document: b"document".to_vec(),
            manifest: b"manifest".to_vec(),
        }),
        origin: "registry".to_owned(),
    }
}

/// Returns a bundle of one engine from a registry and one from a file.
fn bundle() -> Vec<u8> {
    let pinned = format!("oci://r.example/a@sha256:{}", "ab".repeat(32));
    let from_registry = version("oci://r.example/a:1", &pinned, COMPONENT);
    let from_file = version("/opt/b.wasm", "/opt/b.wasm", b"other");
    let (a, b) = ("acme/a".parse().unwrap(), "acme/b".parse().unwrap());
    let defaults = [Operation::List].into();
    let index = Index {
        engines: vec![
            Entry::of(
                &a,
                &Plugin::new(&a, from_registry, None, defaults),
                &[signature()],
            ),
            Entry::of(&b, &Plugin::new(&b, from_file, None, BTreeSet::new()), &[]),
        ],
    };
    let components = [COMPONENT, b"other"].map(|bytes| (Sha256::digest(bytes), bytes.to_vec()));
    archive::write(&index.text().unwrap(), &components)
}

fn read_back(bytes: &[u8]) -> Result<Vec<Packed>, String> {
    unpack(bytes, Path::new("/media/it.tar")).map_err(|error| error.to_string())
}

#[test]
fn what_is_packed_comes_out_as_if_it_had_been_fetched() {
    let engines = read_back(&bundle()).unwrap();
    let [a, b] = engines.as_slice() else {
        panic!("{engines:?}")
    };
    assert_eq!(a.source.to_string(), "oci://r.example/a:1");
    assert_eq!(a.defaults, [Operation::List].into());
    assert!(b.defaults.is_empty());
    assert!(a.fetched.pinned.to_string().contains("@sha256:abab"));
    assert_eq!(a.fetched.bytes, COMPONENT);
    let [found] = a.fetched.signatures.as_slice() else {
        panic!("{:?}", a.fetched.signatures)
    };
    assert_eq!(found.der, signature().der);
    assert_eq!(found.payload, signature().payload);
    assert_eq!(b.id.to_string(), "acme/b");
    assert_eq!(b.fetched.bytes, b"other");
    // A path of another machine is not used here.
    let here = Reference::Path("/media/it.tar".into());
    assert_eq!((&b.source, &b.fetched.pinned), (&here, &here));
}

#[test]
fn the_same_engines_give_the_same_bytes_and_tar_can_list_them() {
    let bytes = bundle();
    assert_eq!(bytes, bundle());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.tar");
    fs::write(&path, &bytes).unwrap();
    assert!(is_bundle(&path));
    assert!(!is_bundle(folder.path()));
    let listed = std::process::Command::new("tar")
        .arg("-tf")
        .arg(&path)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let names = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(names.lines().count(), 3, "{names}");
}

#[test]
fn every_changed_bit_and_every_cut_is_noticed() {
    let good = bundle();
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(read_back(&changed).is_err(), "byte {at}");
    }
    for length in 0..good.len() {
        assert!(read_back(&good[..length]).is_err(), "{length} bytes");
    }
    for more in [1, 512, 4096] {
        let mut longer = good.clone();
        longer.resize(good.len() + more, 0);
        assert!(read_back(&longer).is_err(), "{more} bytes more");
    }
}

#[test]
fn an_index_that_could_do_harm_is_refused() {
    let component = [(Sha256::digest(COMPONENT), COMPONENT.to_vec())];
    let digest = Sha256::digest(COMPONENT);
    let entry = |id: &str, size: u64| {
        serde_json::json!({
            "id": id, "sha256": digest.to_string(), "size": size, "source": "https://x/y",
            "pinned": "https://x/y", "signatures": [],
        })
    };
    let good = entry("acme/a", COMPONENT.len() as u64);
    for (what, version, engines) in [
        ("no engine", 1, vec![]),
        ("the same twice", 1, vec![good.clone(), good.clone()]),
        ("a longer component", 1, vec![entry("acme/a", 10)]),
        ("a huge component", 1, vec![entry("acme/a", u64::MAX)]),
        ("no id", 1, vec![entry("../a", 9)]),
        ("a later form", 2, vec![good.clone()]),
    ] {
        let index = serde_json::json!({ "version": version, "engines": engines });
        let bytes = archive::write(index.to_string().as_bytes(), &component);
        assert!(read_back(&bytes).is_err(), "{what}");
    }
    let index = serde_json::json!({ "version": 1, "engines": [good] });
    let bytes = archive::write(index.to_string().as_bytes(), &component);
    assert_eq!(read_back(&bytes).unwrap().len(), 1);
}
