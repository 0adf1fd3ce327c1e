use super::*;
use crate::testing::{
    COMPONENT, COMPRESSED_KEY, DER, ED25519_KEY, FINGERPRINT, KEY, OTHER_KEY, P384_KEY, RSA_KEY,
    SIGNATURE,
};

fn key(pem: &str) -> Result<PublicKey, SignatureError> {
    PublicKey::from_pem(pem.as_bytes(), "acme.pub")
}

fn reason(pem: &str) -> &'static str {
    match key(pem).unwrap_err() {
        SignatureError::NotAKey { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn a_signature_of_openssl_is_valid_for_its_file_and_its_key_alone() {
    let der = decode(SIGNATURE.as_bytes(), "x.sig").unwrap();
    assert!(key(KEY).unwrap().signed(COMPONENT, &der));
    assert!(!key(KEY).unwrap().signed(b"Component", &der));
    assert!(!key(OTHER_KEY).unwrap().signed(COMPONENT, &der));
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        assert!(!key(KEY).unwrap().signed(COMPONENT, &changed), "byte {at}");
    }
}

#[test]
fn a_signature_is_read_as_der_and_as_base64() {
    let der = BASE64_STANDARD.decode(SIGNATURE).unwrap();
    let wrapped = format!("{}\n{}\r\n", &SIGNATURE[..64], &SIGNATURE[64..]);
    for content in [&der[..], SIGNATURE.as_bytes(), wrapped.as_bytes()] {
        assert_eq!(decode(content, "x.sig").unwrap(), der);
    }
}

#[test]
fn what_is_no_signature_is_refused_by_the_name_of_its_file() {
    let bundle = BASE64_STANDARD.encode(b"{}");
    let mut truncated = DER.to_vec();
    truncated.pop();
    for content in [
        &b""[..],
        b" \n",
        b"<html>",
        bundle.as_bytes(),
        &truncated,
        &[0x30],
        &[0x30, 0x80, 0, 0],
    ] {
        let error = decode(content, "vault.wasm.sig").unwrap_err();
        assert_eq!(error.failure(), Failure::Integrity);
        assert!(
            error
                .to_string()
                .starts_with("vault.wasm.sig is not a valid signature")
        );
    }
}

#[test]
fn a_key_is_known_by_the_digest_of_its_der_form() {
    let read = key(KEY).unwrap();
    assert_eq!(read.fingerprint().to_string(), FINGERPRINT);
    assert_eq!(read.to_pem(), KEY);
    let commented = format!("The key of acme.\n\n{}", KEY.replace('\n', "\r\n"));
    assert_eq!(key(&commented).unwrap(), read);
}

#[test]
fn another_kind_of_key_is_named() {
    assert_eq!(reason(RSA_KEY), "it is an RSA key");
    assert_eq!(reason(ED25519_KEY), "it is an Ed25519 key");
    assert_eq!(reason(P384_KEY), "it is a key of another curve than P-256");
    assert_eq!(reason(COMPRESSED_KEY), "its point is compressed or damaged");
    assert_eq!(reason(""), "it has no block `-----BEGIN PUBLIC KEY-----`");
    let private = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    assert_eq!(reason(private), "it is a private key");
    assert_eq!(
        reason("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "it is a certificate"
    );
    assert_eq!(
        reason(&format!("{KEY}{OTHER_KEY}")),
        "it has more than one key"
    );
}

#[test]
fn a_damaged_key_is_refused() {
    let damaged = |text: &str| {
        KEY.replace(
            "pHmO314GJ+nCjUcJS2o4OVCKMsDKAyYQEmQLCRqFZfy02caXe0le0Sx9Ag==",
            text,
        )
    };
    for pem in [damaged("AAAA"), damaged("!!"), damaged("")] {
        assert!(key(&pem).is_err(), "{pem}");
    }
    assert!(key(&KEY[..60]).is_err());
}

/// Returns a signature of cosign's document, as in a registry.
fn of_registry(document: String, manifest: Vec<u8>) -> DetachedSignature {
    DetachedSignature {
        der: DER.to_vec(),
        payload: Some(CosignPayload {
            document: document.into_bytes(),
            manifest,
        }),
        origin: "oci://registry.example/acme/vault".to_owned(),
    }
}

fn manifest(component: &[u8]) -> Vec<u8> {
    format!(
        r#"{{"layers":[{{"mediaType":"application/wasm","digest":"sha256:{}","size":{}}}]}}"#,
        digest(component),
        component.len()
    )
    .into_bytes()
}

fn document(manifest: &[u8]) -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"x"}},"image":{{"docker-manifest-digest":"sha256:{}"}},"type":"cosign container image signature"}},"optional":null}}"#,
        digest(manifest)
    )
}

#[test]
fn a_signature_of_a_registry_is_over_the_document_that_leads_to_the_component() {
    let manifest = manifest(COMPONENT);
    let text = document(&manifest);
    let signature = of_registry(text.clone(), manifest);
    assert_eq!(
        signed_bytes(&signature, COMPONENT).unwrap(),
        text.as_bytes()
    );
}

#[test]
fn a_signature_of_a_registry_for_something_else_is_refused_at_each_step() {
    let ours = manifest(COMPONENT);
    let theirs = manifest(b"another component");
    for (text, manifest, expected) in [
        ("{}".to_owned(), &ours, "not one of cosign"),
        (
            document(&ours).replace("cosign container image", "some"),
            &ours,
            "of another kind",
        ),
        (document(&theirs), &ours, "names another image manifest"),
        (document(&theirs), &theirs, "names another component"),
    ] {
        let error = signed_bytes(&of_registry(text, manifest.clone()), COMPONENT).unwrap_err();
        assert_eq!(error.failure(), Failure::Integrity);
        assert!(error.to_string().ends_with(expected), "{error}");
    }
}
