use super::*;

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OTHER: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

fn digest(text: &str) -> Sha256 {
    text.parse().expect("a digest")
}

fn found(text: &str, path: &str) -> Found {
    find(text.as_bytes(), Path::new(path), digest(OTHER))
}

/// Asserts that the digest is found and compared, without a note.
#[track_caller]
fn assert_found(text: &str, path: &str) {
    let wanted = Found::Digests {
        digests: vec![digest(HEX)],
        other_name: None,
    };
    assert_eq!(found(text, path), wanted, "{text:?}");
}

#[test]
fn the_form_is_that_of_sha256sum() {
    let sum = digest(HEX);
    assert_eq!(line(sum, "a b.zip"), format!("{HEX}  a b.zip\n"));
    assert_eq!(line(sum, "a\\b\nc"), format!("\\{HEX}  a\\\\b\\nc\n"));
    for name in ["a b.zip", "a\\b\nc\r", "\\", " *x", "*", "(a) = b"] {
        assert_found(&line(sum, name), name);
    }
}

#[test]
fn files_of_other_tools_are_read() {
    for line in [
        format!("{HEX} *a.zip\r\n"),
        format!("{HEX} a.zip\n"),
        format!("{HEX}\ta.zip\n"),
        format!("{HEX}  d/a.zip"),
        format!("{HEX}  ./a.zip"),
        format!("{HEX}  /var/backups/a.zip"),
        format!("{HEX} *C:\\backups\\a.zip\r\n"),
        format!("\\{HEX}  C:\\\\backups\\\\a.zip\n"),
        format!("{}  a.zip\n", HEX.to_uppercase()),
        format!("\u{feff}{HEX}  a.zip\n"),
        format!("# made by hand\n\n{HEX}  a.zip\n; end\n"),
        format!("{OTHER}  b.zip\n{HEX}  a.zip\n"),
        format!("{OTHER}  other/a.zip\n{HEX}  x/d/a.zip\n"),
        format!("SHA256 (a.zip) = {HEX}\n"),
        format!("SHA256 (d/a.zip) = {HEX}\r\n"),
        format!("SHA256(a.zip)= {HEX}\n"),
        format!("SHA2-256(./a.zip)= {}\n", HEX.to_uppercase()),
        format!("SHA512 (a.zip) = {HEX}{HEX}\nSHA256 (a.zip) = {HEX}\n"),
        format!("{HEX}{HEX}  a.zip\n{HEX}  a.zip\n"),
        format!("{HEX}  a.zip\0"),
        format!("sha256:{HEX}  a.zip\n"),
        format!("{HEX}\n"),
        format!("sha256:{HEX}"),
        format!("{{\"sha256\":\"{HEX}\"}}"),
        format!("Algorithm Hash Path\n--------- ---- ----\nSHA256    {HEX}   C:\\a.zip\n"),
        format!("SHA256 hash of file a.zip:\r\n{HEX}\r\nCertUtil: -hashfile succeeded.\r\n"),
    ] {
        assert_found(&line, "d/a.zip");
    }
    let bytes = HEX
        .as_bytes()
        .chunks(2)
        .map(|pair| str::from_utf8(pair).expect("digits"));
    assert_found(&bytes.collect::<Vec<_>>().join(" "), "a.zip");
}

#[test]
fn powershell_writes_utf_16() {
    let text = format!("{HEX}  a.zip\r\n");
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        [vec![0xff, 0xfe], le].concat(),
        [vec![0xfe, 0xff], be].concat(),
    ] {
        let found = find(&bytes, Path::new("a.zip"), digest(OTHER));
        assert!(
            matches!(
                found,
                Found::Digests {
                    other_name: None,
                    ..
                }
            ),
            "{found:?}"
        );
    }
}

#[test]
fn a_digest_that_is_the_only_one_counts_under_any_name() {
    for line in [
        format!("{HEX}  old.zip\n"),
        format!("SHA256 (old.zip) = {HEX}\n"),
        format!("{HEX}  old.zip\n{HEX} *old.zip\n"),
    ] {
        let wanted = Found::Digests {
            digests: vec![digest(HEX)],
            other_name: Some("old.zip".to_owned()),
        };
        assert_eq!(found(&line, "new.zip"), wanted, "{line}");
    }
}

#[test]
fn of_several_other_files_only_a_digest_that_fits_counts() {
    let fitting = format!("{HEX}  a\n{OTHER}  b\n");
    let wanted = Found::Digests {
        digests: vec![digest(OTHER)],
        other_name: Some("b".to_owned()),
    };
    assert_eq!(found(&fitting, "c"), wanted);
    let other = format!("{HEX}  a\n{}  b\n", "0".repeat(64));
    assert_eq!(
        found(&other, "c"),
        Found::Nothing("has digests of 2 files, and none of this one".to_owned())
    );
}

#[test]
fn two_digests_of_one_name_may_both_be_meant() {
    let text = format!("{HEX}  a.zip\n{OTHER}  a.zip\n");
    let wanted = Found::Digests {
        digests: vec![digest(HEX), digest(OTHER)],
        other_name: None,
    };
    assert_eq!(found(&text, "a.zip"), wanted);
}

#[test]
fn what_is_no_digest_of_this_kind_is_said() {
    let sha512 = "0".repeat(128);
    for (text, why) in [
        (String::new(), "has no SHA-256"),
        ("<html>not found</html>".to_owned(), "has no SHA-256"),
        (HEX[..9].to_owned(), "has no SHA-256"),
        ("é".repeat(64), "has no SHA-256"),
        ("# only a comment\n".to_owned(), "has no SHA-256"),
        (
            format!("{sha512}  a.zip\n"),
            "has a digest of another kind (as long as SHA-512)",
        ),
        (
            format!("SHA512 (a.zip) = {sha512}\n"),
            "has a digest of another kind (SHA512)",
        ),
        (
            format!("SHA3-256 (a.zip) = {HEX}\n"),
            "has a digest of another kind (SHA3-256)",
        ),
        (
            format!("{}  a.zip\n", "0".repeat(40)),
            "has a digest of another kind (as long as SHA-1)",
        ),
        (
            format!("MD5 (a.zip) = {}\n", "0".repeat(32)),
            "has a digest of another kind (MD5)",
        ),
    ] {
        assert_eq!(
            found(&text, "a.zip"),
            Found::Nothing(why.to_owned()),
            "{text:?}"
        );
    }
}
