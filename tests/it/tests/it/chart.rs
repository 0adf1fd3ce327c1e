//! The chart of the operator, rendered by Helm's own engine. The tests are Python, because the engine is a package for Python: `deploy/chart/test_chart.py`.

use std::process::Command;

use crate::support::{python_with, workspace};

/// Helm's engine, and the API schemas of several versions of Kubernetes.
const PACKAGES: [&str; 2] = ["helm-python-sdk==0.2.2", "kubernetes-validate==1.37.0"];

#[test]
fn the_chart_passes_its_own_tests() {
    let programs = python_with("chart", &PACKAGES).join("bin");
    let tested = Command::new(programs.join("python"))
        .args(["-B", "-m", "unittest", "--verbose"])
        .current_dir(workspace().join("deploy/chart"))
        .output()
        .expect("Python");
    let said = String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{said}");
    assert!(
        said.contains("test_objects_are_valid_in_the_oldest_and_the_newest_version"),
        "the tests ran: {said}"
    );
}
