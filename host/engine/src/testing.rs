//! Builds components byte by byte that no compiler would write.

/// Returns a component that contains only these core modules.
pub(crate) fn component_of(modules: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for module in modules {
        bytes.extend(section(1, module));
    }
    bytes
}

/// Returns a component that contains another one.
pub(crate) fn component_around(inner: &[u8]) -> Vec<u8> {
    [&component_of(&[])[..], &section(4, inner)].concat()
}

/// Returns a core module with these function bodies. Its functions take and return nothing.
pub(crate) fn module(bodies: &[Vec<u8>]) -> Vec<u8> {
    let count = leb128(bodies.len());
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.extend(section(1, &[1, 0x60, 0, 0]));
    bytes.extend(section(3, &[&count[..], &vec![0; bodies.len()]].concat()));
    let mut code = count;
    for body in bodies {
        code.extend(leb128(body.len()));
        code.extend(body);
    }
    bytes.extend(section(10, &code));
    bytes
}

/// Returns the body of a function with these instructions and without local variables.
pub(crate) fn function(instructions: &[u8]) -> Vec<u8> {
    [&[0], instructions, &[0x0b]].concat()
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], &leb128(content.len())[..], content].concat()
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
