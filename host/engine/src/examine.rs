//! Limits what a component may contain, checked before it is compiled. The compiler's time and memory grow
//! with every part, and faster than linearly with some.

use wasmparser::{FunctionBody, Parser, Payload};

/// Maximum size of the whole file, in bytes. Engines in Python have about 18 MB, those in JavaScript 12 MB.
const MAX_BYTES: usize = 64 << 20;
/// Maximum number of core modules. Engines in Python have about twenty, one for each library.
const MAX_MODULES: usize = 128;
/// Maximum number of components within the component.
const MAX_COMPONENTS: usize = 128;
/// Maximum number of functions in all modules, including imported ones. A Python interpreter has about
/// 20,000.
const MAX_FUNCTIONS: u64 = 200_000;
/// Maximum number of types in all modules and components.
const MAX_TYPES: u64 = 100_000;
/// Maximum size of one function, in bytes. One function can't be compiled on several processors.
const MAX_BODY: usize = 1 << 20;
/// Maximum number of local variables of one function. It equals WebAssembly's own limit.
const MAX_LOCALS: u64 = 50_000;

/// Checks a component against the limits of this module.
///
/// # Errors
/// A description of the exceeded limit, for people.
pub(super) fn examine(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "it has {} MiB, more than {}",
            bytes.len() >> 20,
            MAX_BYTES >> 20
        ));
    }
    let mut count = Count::default();
    for payload in Parser::new(0).parse_all(bytes) {
        // The compiler refuses invalid components, with a better message.
        let Ok(payload) = payload else { break };
        count.add(&payload)?;
    }
    Ok(())
}

#[derive(Default)]
struct Count {
    modules: usize,
    components: usize,
    functions: u64,
    types: u64,
}

impl Count {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), String> {
        match payload {
            Payload::ModuleSection { .. } => self.modules += 1,
            Payload::ComponentSection { .. } => self.components += 1,
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ImportSection(section) => self.functions += u64::from(section.count()),
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::ComponentCanonicalSection(section) => {
                self.functions += u64::from(section.count());
            }
            Payload::CodeSectionEntry(body) => examine_body(body)?,
            _ => {}
        }
        for (what, count, most) in [
            ("core modules", self.modules as u64, MAX_MODULES as u64),
            (
                "components in it",
                self.components as u64,
                MAX_COMPONENTS as u64,
            ),
            ("functions", self.functions, MAX_FUNCTIONS),
            ("types", self.types, MAX_TYPES),
        ] {
            if count > most {
                return Err(format!("it has more than {most} {what}"));
            }
        }
        Ok(())
    }
}

fn examine_body(body: &FunctionBody<'_>) -> Result<(), String> {
    let bytes = body.range().len();
    if bytes > MAX_BODY {
        return Err(format!(
            "a function of it has {bytes} bytes, more than {MAX_BODY}"
        ));
    }
    let Ok(locals) = body.get_locals_reader() else {
        return Ok(());
    };
    let counts = locals.into_iter().map_while(Result::ok);
    let locals: u64 = counts.map(|(count, _)| u64::from(count)).sum();
    if locals > MAX_LOCALS {
        return Err(format!(
            "a function of it has {locals} local variables, more than {MAX_LOCALS}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::super::testing::{component_of, function, module};
    use super::*;

    #[test]
    fn bundled_engines_are_far_from_every_limit() {
        for file in Catalogue::bundled(host_bundled::ENGINES)
            .expect("bundled")
            .iter()
        {
            examine(&file.bytes().expect("bytes")).expect("small");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_by_what_it_has_too_much_of() {
        let refused = |bytes: &[u8]| examine(bytes).expect_err("too large");
        assert_eq!(
            refused(&vec![0; MAX_BYTES + (1 << 20)]),
            "it has 65 MiB, more than 64"
        );
        let small = module(&[function(&[])]);
        assert_eq!(examine(&component_of(&[&small])), Ok(()));
        let many: Vec<_> = (0..=MAX_MODULES).map(|_| small.as_slice()).collect();
        assert_eq!(
            refused(&component_of(&many)),
            "it has more than 128 core modules"
        );
        let long = module(&[function(&vec![0x01; MAX_BODY])]);
        let reason = refused(&component_of(&[&long]));
        assert!(reason.starts_with("a function of it has 10485"), "{reason}");
        // The body declares 60,000 local variables of type i32.
        let locals = [&[0x01, 0xe0, 0xd4, 0x03, 0x7f][..], &[0x0b]].concat();
        let reason = refused(&component_of(&[&module(&[locals])]));
        assert!(reason.contains("60000 local variables"), "{reason}");
        let functions = vec![function(&[]); 200_001];
        let reason = refused(&component_of(&[&module(&functions)]));
        assert_eq!(reason, "it has more than 200000 functions");
    }
}
