//! Components that no SDK would build: valid ones with some changed bytes.

use std::fs;
use std::path::PathBuf;

use broker_manifest::{Manifest, SECTION};
use tempfile::TempDir;
use wasmparser::{Parser, Payload};

use super::programs;

/// The bytes of a component.
pub struct Component(Vec<u8>);

impl Component {
    /// Returns the hostile engine without changes.
    pub fn hostile() -> Self {
        Self(fs::read(&programs().hostile).expect("the hostile engine"))
    }

    /// Returns the small engine without changes.
    pub fn small() -> Self {
        Self(fs::read(&programs().small).expect("the small engine"))
    }

    /// Returns the engine that hangs while it starts.
    pub fn hang() -> Self {
        Self(fs::read(&programs().hang).expect("the engine that hangs"))
    }

    /// Returns the engine that sleeps while it starts.
    pub fn sleep() -> Self {
        Self(fs::read(&programs().sleep).expect("the engine that sleeps"))
    }

    /// Returns the engine whose backups are Kubernetes objects.
    pub fn objects() -> Self {
        Self(fs::read(&programs().objects).expect("the engine with objects"))
    }

    /// Returns the engine that saves several files.
    pub fn depot() -> Self {
        Self(fs::read(&programs().depot).expect("the engine that saves"))
    }

    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Replaces every occurrence of a text by one of the same length, so that the lengths of sections stay
    /// correct.
    pub fn replace(mut self, old: &str, new: &str) -> Self {
        assert_eq!(
            old.len(),
            new.len(),
            "{old} and {new} must be of one length"
        );
        let mut at = 0;
        let mut count = 0;
        while let Some(found) = find(&self.0[at..], old.as_bytes()) {
            at += found;
            self.0[at..at + new.len()].copy_from_slice(new.as_bytes());
            at += new.len();
            count += 1;
        }
        assert_ne!(count, 0, "{old} is not in the component");
        self
    }

    /// Overwrites a part of the manifest with spaces, from `start` to the manifest's closing brace.
    pub fn blank_end_of_manifest(mut self, start: &str) -> Self {
        // The last occurrence is that of the custom section; the data of the program may contain another.
        let begin = rfind(&self.0, start.as_bytes()).expect("a part of the manifest");
        let mut depth = 1;
        for byte in &mut self.0[begin..] {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            *byte = b' ';
        }
        self
    }

    /// Replaces the manifest by this one, which is TOML.
    pub fn with_manifest(self, toml: &str) -> Self {
        let manifest = Manifest::from_toml(toml).expect("a valid manifest");
        let json = manifest.to_json().expect("its JSON");
        self.replace(SECTION, &SECTION.replace("manifest", "manifold"))
            .with_section(SECTION, &json)
    }

    /// Adds a custom section at the end.
    pub fn with_section(mut self, name: &str, content: &[u8]) -> Self {
        let mut body = leb128(name.len());
        body.extend(name.as_bytes());
        body.extend(content);
        self.0.push(0);
        self.0.extend(leb128(body.len()));
        self.0.extend(body);
        self
    }

    /// Adds core modules that nothing uses. The host compiles them anyway.
    pub fn with_modules<'a>(mut self, modules: impl IntoIterator<Item = &'a [u8]>) -> Self {
        for module in modules {
            self.add_section(1, module);
        }
        self
    }

    /// Adds core modules with one memory of this many pages each, and one instance of each module.
    pub fn with_memories(self, count: usize, pages: usize) -> Self {
        let first = Parser::new(0).parse_all(&self.0);
        let mut depth = 0;
        let mut modules = 0;
        for payload in first {
            match payload.expect("a component") {
                Payload::ModuleSection { .. } => {
                    modules += usize::from(depth == 0);
                    depth += 1;
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= i32::from(depth > 0),
                _ => {}
            }
        }
        let memory = [&[1, 0][..], &leb128(pages)].concat();
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.push(5);
        module.extend(leb128(memory.len()));
        module.extend(memory);
        let mut component = self.with_modules(vec![module.as_slice(); count]);
        for index in modules..modules + count {
            let instance = [&[1, 0][..], &leb128(index), &[0]].concat();
            component.add_section(2, &instance);
        }
        component
    }

    fn add_section(&mut self, id: u8, content: &[u8]) {
        self.0.push(id);
        self.0.extend(leb128(content.len()));
        self.0.extend(content);
    }

    pub fn truncated(mut self, length: usize) -> Self {
        self.0.truncate(length);
        self
    }

    /// Damages the first function.
    pub fn with_bad_code(mut self) -> Self {
        let function = Parser::new(0)
            .parse_all(&self.0)
            .find_map(|payload| match payload {
                Ok(Payload::CodeSectionEntry(function)) => Some(function.range().start),
                _ => None,
            });
        self.0[function.expect("a function")] = 0xff;
        self
    }

    /// Writes the component to a file for the program.
    pub fn save(&self, folder: &TempDir, name: &str) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, &self.0).expect("a file for the component");
        path
    }
}

/// Returns a core module with one function per entry, each without parameters and results. Every function has
/// the given number of local variables and the given instructions.
pub fn module(locals: usize, functions: &[Vec<u8>]) -> Vec<u8> {
    let section = |id: u8, content: &[u8]| [&[id], &leb128(content.len())[..], content].concat();
    let count = leb128(functions.len());
    let types = [&count[..], &vec![0; functions.len()]].concat();
    let bodies = functions.iter().flat_map(|instructions| {
        // The function has one group of local variables, of type i32.
        let locals = [&[1][..], &leb128(locals), &[0x7f]].concat();
        let body = [&locals[..], instructions.as_slice(), &[0x0b]].concat();
        [leb128(body.len()), body].concat()
    });
    let code: Vec<u8> = count.iter().copied().chain(bodies).collect();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(1, &[1, 0x60, 0, 0]));
    module.extend(section(3, &types));
    module.extend(section(10, &code));
    module
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn rfind(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).rposition(|window| window == part)
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
