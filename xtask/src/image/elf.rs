//! Reads from a program for Linux where it can run.

/// A processor, as images name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// The program header with the path of the loader, which brings the shared libraries.
const INTERPRETER: u32 = 3;

/// Returns the processor of a program that needs no other file.
///
/// # Errors
/// When the bytes are no such program; the error says why.
pub(super) fn architecture(program: &[u8]) -> Result<Architecture, String> {
    let is_elf = program.starts_with(b"\x7fELF\x02\x01");
    if !is_elf {
        return Err("is no program for Linux with 64 bits".to_owned());
    }
    let cut = || "is cut short".to_owned();
    let machine = number(program, 18, 2).ok_or_else(cut)?;
    let architecture = match machine {
        62 => Architecture::Amd64,
        183 => Architecture::Arm64,
        other => return Err(format!("is for another processor (number {other})")),
    };
    let first = number(program, 32, 8).ok_or_else(cut)?;
    let size = number(program, 54, 2).ok_or_else(cut)?;
    let count = number(program, 56, 2).ok_or_else(cut)?;
    for index in 0..count {
        let at = index.checked_mul(size).and_then(|it| it.checked_add(first));
        let at = at.and_then(|it| usize::try_from(it).ok()).ok_or_else(cut)?;
        if number(program, at, 4).ok_or_else(cut)? == u64::from(INTERPRETER) {
            return Err(format!(
                "needs shared libraries, and the image has none. Build it with `cargo build --release --target {}-unknown-linux-musl`",
                match architecture {
                    Architecture::Amd64 => "x86_64",
                    Architecture::Arm64 => "aarch64",
                }
            ));
        }
    }
    Ok(architecture)
}

/// Returns the number in these bytes, the least significant first.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns the beginning of a program with one program header.
    pub(crate) fn program(machine: u8, header: u32) -> Vec<u8> {
        let mut bytes = vec![0; 120];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18] = machine;
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&header.to_le_bytes());
        bytes
    }

    #[test]
    fn a_static_program_has_a_processor() {
        assert_eq!(architecture(&program(62, 1)), Ok(Architecture::Amd64));
        assert_eq!(architecture(&program(183, 1)), Ok(Architecture::Arm64));
    }

    #[test]
    fn other_files_are_refused() {
        let dynamic = program(62, INTERPRETER);
        for (bytes, problem) in [
            (&b"#!/bin/sh\n"[..], "no program for Linux"),
            (&dynamic, "shared libraries"),
            (&program(40, 1), "another processor"),
            (&dynamic[..60], "cut short"),
        ] {
            let error = architecture(bytes).expect_err(problem);
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn this_test_needs_shared_libraries_if_it_is_not_for_musl() {
        let own = std::fs::read(std::env::current_exe().expect("a path")).expect("a program");
        let is_static = cfg!(target_env = "musl");
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            assert_eq!(architecture(&own).is_ok(), is_static);
        }
    }
}
