//! `-o yaml`, parsed by other programs: PyYAML for YAML 1.1, and ruamel.yaml for 1.2.

use std::process::Command;

use crate::support::{Bed, python_with};

/// A program that prints a document as JSON, as both parsers read it.
const READ: &str = "
import json, sys, yaml
from ruamel.yaml import YAML
text = open(sys.argv[1], encoding='utf-8').read()
first = yaml.safe_load(text)
second = YAML(typ='safe', pure=True).load(text)
print(json.dumps([first, second]))
";

#[test]
fn hostile_names_are_the_same_strings_for_readers_of_both_versions() {
    let python = python_with("yaml", &["PyYAML==6.0.2", "ruamel.yaml==0.18.6"]);
    let folder = tempfile::tempdir().expect("a folder");
    for engine in ["sidecar", "hivemq"] {
        let bed = Bed::with(&[&format!("{engine}-hostile-names")]);
        let list = format!("backup list --engine {engine}");
        let expected = bed.run(&format!("{list} -o json")).json();
        let file = folder.path().join(engine);
        std::fs::write(&file, bed.run(&format!("{list} -o yaml")).stdout).expect("a file");
        let output = Command::new(python.join("bin/python"))
            .args(["-c", READ])
            .arg(&file)
            .output()
            .expect("Python");
        let read: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        for reader in 0..2 {
            assert_eq!(read[reader], expected, "{engine}, reader {reader}");
        }
    }
}
