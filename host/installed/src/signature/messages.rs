//! All that is said of keys and signatures that can't be used.

use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn what_is_said_of_keys_and_signatures() {
    let errors = [
        SignatureError::NotAKey {
            origin: text("a.pem"),
            reason: "it has no PEM block",
        },
        SignatureError::NotASignature {
            origin: text("a.sig"),
            reason: "it is no base64",
        },
        SignatureError::OtherArtifact {
            origin: text("a.sig"),
            reason: "its digest is another",
        },
        SignatureError::Missing {
            publisher: text("acme"),
            known: text("main (SHA256:aa)"),
        },
        SignatureError::NotTrusted {
            publisher: text("acme"),
            known: text("main (SHA256:aa)"),
            found: text("a.sig"),
        },
        SignatureError::OtherKey {
            name: text("main"),
            fingerprint: Sha256::digest(b""),
            found: String::new(),
        },
        SignatureError::OtherKey {
            name: text("main"),
            fingerprint: Sha256::digest(b""),
            found: text("a.sig"),
        },
    ];
    let table = messages!(
        SignatureError {
            NotAKey,
            NotASignature,
            OtherArtifact,
            Missing,
            NotTrusted,
            OtherKey,
        },
        errors
    );
    assert_snapshot!(table, @"
    NotAKey, exit 2
      a.pem is not a usable public key: it has no PEM block
      hint: Use an ECDSA key over P-256, in PEM: `openssl ecparam -name prime256v1 -genkey -noout -out private.pem`, then `openssl ec -in private.pem -pubout`
    NotASignature, exit 13
      a.sig is not a valid signature: it is no base64
      hint: Signatures are made with `openssl dgst -sha256 -sign KEY -out FILE.sig FILE` or `cosign sign-blob --key KEY --output-signature FILE.sig FILE`
    OtherArtifact, exit 13
      the signature a.sig does not belong to this engine: its digest is another
      hint: Ask the publisher to sign this version, or install the version that was signed
    Missing, exit 13
      it is not signed, but a key of the publisher acme is trusted: main (SHA256:aa)
      hint: Once a key of acme is trusted, its engines need a signature of a trusted key. Ask the publisher; if the key was replaced, check the new key's fingerprint and add it
    NotTrusted, exit 13
      it has no signature of a trusted key of the publisher acme. Trusted: main (SHA256:aa). Signatures: a.sig
      hint: as Missing
    OtherKey, exit 13
      it is not signed with the key main (e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855). Signatures: none
      hint: Nothing was changed, and the key is not trusted. Ask the publisher for the key that this version is signed with
    OtherKey, exit 13
      it is not signed with the key main (e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855). Signatures: a.sig
      hint: the same
    ");
}
