use std::collections::BTreeSet;

use broker_manifest::{Manifest, SECTION};
use wasmparser::{CanonicalFunction, CanonicalOption, Chunk, Parser, Payload};

use super::EngineError;

/// The maximum depth of components within components. Tools nest them three deep.
const MAX_DEPTH: usize = 100;

/// The parts of a component that declare what it is.
#[derive(Default)]
pub(super) struct Sections {
    manifests: Vec<Vec<u8>>,
    pub(super) imports: BTreeSet<String>,
    pub(super) exports: BTreeSet<String>,
    /// An asynchronous function of the component model that the component uses.
    asynchronous: Option<&'static str>,
}

impl Sections {
    /// Reads the sections of a component.
    ///
    /// # Errors
    /// When the bytes are no complete component.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Self, EngineError> {
        Self::walk(bytes).map_err(|reason| EngineError::NotAComponent {
            engine: name.to_owned(),
            reason,
        })
    }

    fn walk(bytes: &[u8]) -> Result<Self, String> {
        if !Parser::is_component(bytes) {
            return Err(if Parser::is_core_wasm(bytes) {
                "it is a core module".to_owned()
            } else {
                "it does not begin like one".to_owned()
            });
        }
        let mut sections = Self::default();
        // Manifests count wherever they are. The SDK writes one into the core module inside the component; a
        // packer appends one to the component. Imports and exports count only in the outermost component.
        let mut outer = Vec::new();
        let mut parser = Parser::new(0);
        let mut rest = bytes;
        loop {
            let (consumed, payload) = match parser.parse(rest, true).map_err(|e| e.to_string())? {
                Chunk::Parsed { consumed, payload } => (consumed, payload),
                Chunk::NeedMoreData(_) => return Err("it ends too early".to_owned()),
            };
            rest = rest.get(consumed..).unwrap_or_default();
            match payload {
                Payload::ModuleSection { parser: inner, .. }
                | Payload::ComponentSection { parser: inner, .. } => {
                    if outer.len() == MAX_DEPTH {
                        return Err(format!("it is nested more than {MAX_DEPTH} deep"));
                    }
                    outer.push(std::mem::replace(&mut parser, inner));
                }
                // Code is most of the file, and nothing in it matters here.
                Payload::CodeSectionStart { size, .. } => {
                    parser.skip_section();
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    rest = rest
                        .get(size..)
                        .ok_or_else(|| "it ends in its code".to_owned())?;
                }
                Payload::End(_) => match outer.pop() {
                    Some(parent) => parser = parent,
                    None => return Ok(sections),
                },
                payload => sections.note(payload, outer.is_empty())?,
            }
        }
    }

    fn note(&mut self, payload: Payload<'_>, outermost: bool) -> Result<(), String> {
        match payload {
            Payload::CustomSection(section) if section.name() == SECTION => {
                self.manifests.push(section.data().to_vec());
            }
            Payload::ComponentImportSection(section) if outermost => {
                for import in section {
                    let import = import.map_err(|e| e.to_string())?;
                    self.imports.insert(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if outermost => {
                for export in section {
                    let export = export.map_err(|e| e.to_string())?;
                    self.exports.insert(export.name.name.to_owned());
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let function = function.map_err(|e| e.to_string())?;
                    self.asynchronous = self.asynchronous.or(asynchronous(&function));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a component that uses asynchronous functions. The compiler would refuse it, too, but take it for
    /// a damaged one.
    pub(super) fn check_synchronous(&self, name: &str) -> Result<(), EngineError> {
        match self.asynchronous {
            None => Ok(()),
            Some(function) => Err(EngineError::Async {
                engine: name.to_owned(),
                function,
            }),
        }
    }

    /// Parses the manifest.
    ///
    /// # Errors
    /// When there is not exactly one manifest, or when it is invalid.
    pub(super) fn manifest(&self, name: &str) -> Result<Manifest, EngineError> {
        match self.manifests.as_slice() {
            [] => Err(EngineError::NoManifest {
                engine: name.to_owned(),
            }),
            [json] => Manifest::from_json(json).map_err(|source| EngineError::Manifest {
                engine: name.to_owned(),
                source,
            }),
            many => Err(EngineError::ManyManifests {
                engine: name.to_owned(),
                count: many.len(),
            }),
        }
    }
}

/// Returns the name of a function of the component model if it is asynchronous.
fn asynchronous(function: &CanonicalFunction) -> Option<&'static str> {
    let is_async = |options: &[CanonicalOption]| {
        let mut options = options.iter();
        options.any(|option| matches!(option, CanonicalOption::Async))
    };
    match function {
        CanonicalFunction::Lift { options, .. } => is_async(options).then_some("canon lift async"),
        CanonicalFunction::Lower { options, .. } => {
            is_async(options).then_some("canon lower async")
        }
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => None,
        CanonicalFunction::TaskCancel => Some("task.cancel"),
        CanonicalFunction::TaskReturn { .. } => Some("task.return"),
        CanonicalFunction::WaitableSetNew => Some("waitable-set.new"),
        CanonicalFunction::SubtaskDrop => Some("subtask.drop"),
        CanonicalFunction::StreamNew { .. } => Some("stream.new"),
        CanonicalFunction::FutureNew { .. } => Some("future.new"),
        _ => Some("canon"),
    }
}
