//! Removes and adds the custom section of a component that contains its manifest.
//!
//! The Rust SDK writes the section into the core module inside the component. A packer appends it to the
//! component. It counts in either place.

use broker_manifest::SECTION;
use wasmparser::{BinaryReader, BinaryReaderError};

/// The size of the header of a core module or component: magic number, version and layer.
const HEADER: usize = 8;
const CUSTOM: u8 = 0;
/// Ids of the sections of a component that contain a whole module or component.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// Returns the component without any manifest, at whatever depth, and the removed manifests.
///
/// # Errors
/// When a section ends beyond the end of the file.
pub(super) fn take_out(component: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), BinaryReaderError> {
    let mut found = Vec::new();
    let rest = without(component, true, &mut found)?;
    Ok((rest, found))
}

/// Appends a manifest to a component.
pub(super) fn put_in(component: &mut Vec<u8>, manifest: &[u8]) {
    let mut content = leb128(SECTION.len());
    content.extend(SECTION.as_bytes());
    content.extend(manifest);
    add(component, CUSTOM, &content);
}

fn without(
    bytes: &[u8],
    is_component: bool,
    found: &mut Vec<Vec<u8>>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = BinaryReader::new(bytes, 0);
    let mut kept = reader.read_bytes(HEADER)?.to_vec();
    while !reader.eof() {
        let start = reader.original_position();
        let id = reader.read_u8()?;
        let length = reader.read_var_u32()?;
        let content = reader.read_bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
        let is_inner = is_component && matches!(id, CORE_MODULE | COMPONENT);
        if is_inner {
            let before = found.len();
            let inner = without(content, id == COMPONENT, found)?;
            if found.len() > before {
                add(&mut kept, id, &inner);
                continue;
            }
        } else if let (CUSTOM, Some(manifest)) = (id, manifest_in(content)) {
            found.push(manifest.to_vec());
            continue;
        }
        // The section is copied byte for byte, because a length has several encodings.
        kept.extend(&bytes[start..reader.original_position()]);
    }
    Ok(kept)
}

/// Returns the content after the name of a custom section, if it is a manifest.
fn manifest_in(content: &[u8]) -> Option<&[u8]> {
    let mut reader = BinaryReader::new(content, 0);
    let name = reader.read_string().ok()?;
    (name == SECTION).then(|| &content[reader.original_position()..])
}

fn add(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    bytes.push(id);
    bytes.extend(leb128(content.len()));
    bytes.extend(content);
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use host_engine::{Catalogue, EngineFile};

    use super::*;

    fn sidecar() -> EngineFile {
        let bundled = Catalogue::bundled(host_bundled::ENGINES).expect("bundled");
        let sidecar = bundled.iter().find(|f| f.manifest().id.name() == "sidecar");
        sidecar.expect("the sidecar's engine").clone()
    }

    #[test]
    fn what_is_taken_out_of_a_nested_module_and_put_in_at_the_end_makes_the_same_engine() {
        let file = sidecar();
        let bytes = file.bytes().expect("bytes").into_owned();
        let (mut rest, found) = take_out(&bytes).expect("whole");
        assert_eq!(found, [file.manifest().to_json().expect("JSON")]);
        EngineFile::read("x", rest.clone()).expect_err("no manifest is left");
        put_in(&mut rest, &found[0]);
        let again = EngineFile::read("x", rest.clone()).expect("an engine");
        assert_eq!(again.outline(), file.outline());
        // The second removal finds the manifest at its new place.
        let (bare, again) = take_out(&rest).expect("whole");
        assert_eq!(again, found);
        assert_eq!(take_out(&bare).expect("whole"), (bare.clone(), Vec::new()));
    }

    #[test]
    fn every_truncation_is_an_error_or_ends_between_two_sections() {
        let bytes = sidecar().bytes().expect("bytes").into_owned();
        for length in (0..bytes.len()).step_by(997) {
            if let Ok((rest, _)) = take_out(&bytes[..length]) {
                assert!(rest.len() <= length);
            }
        }
        take_out(&bytes[..bytes.len() - 1]).expect_err("the last section is cut");
    }

    #[test]
    fn lengths_are_written_as_webassembly_reads_them() {
        for number in [0, 1, 127, 128, 300, 65_536, 4_000_000] {
            let bytes = leb128(number);
            let mut reader = BinaryReader::new(&bytes, 0);
            let read = reader.read_var_u32().expect("a number");
            assert_eq!(usize::try_from(read), Ok(number));
            assert!(reader.eof());
        }
    }
}
