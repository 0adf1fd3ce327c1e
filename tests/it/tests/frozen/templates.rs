//! The engines of the templates, as authors built them for interface 0.1.

use std::fs;

use crate::support::{Component, Invocation, Machine, Vault, programs, workspace};

/// Runs the cases of a template, and then its engine with a backend.
fn runs(name: &str, id: &str) {
    let machine = Machine::new();
    let file = format!("{name}.wasm");
    machine.put(&file, &frozen(name));
    let cases = workspace().join(format!("tests/fixtures/v0.1/cases/{name}.toml"));
    let run = machine.run(&format!("plugin test {file} --cases {}", cases.display()));
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let run = machine.accepting(&format!("plugin install {file}"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let bed = Vault::bed();
    let program =
        Invocation::new(&programs().kubectl_broker, &machine.folders).kubeconfig(bed.kubeconfig());
    let list = program.run(&format!("backup list --engine {id} -o name"));
    assert_eq!(list.stdout, "b\na\n", "{}", list.stderr);
    let status = program.run(&format!("backup status --engine {id} --id b -o json"));
    assert_eq!(status.json()["item"]["failure"], "disk full");
}

fn frozen(name: &str) -> Component {
    let path = programs::frozen_folder().join(format!("{name}.wasm"));
    Component::of(&fs::read(path).expect("a component of the fixtures"))
}

#[test]
fn the_engine_of_the_rust_template_runs() {
    runs("template-rust", "acme/vault");
}

/// It takes half a minute: the component contains a Python interpreter, and is compiled. It is the only one
/// here with another toolchain, and with imports of WASI that Rust's standard library does not have.
#[test]
fn the_engine_of_the_python_template_runs() {
    runs("template-python", "acme/pyvault");
}
