//! Kubeconfigs that can't be used.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::support::{Bed, Folders, Invocation, Run, programs};

/// Runs the program with a kubeconfig of this text.
fn with_kubeconfig(text: &str) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    fs::write(&path, text).expect("a kubeconfig");
    program(&path).run("backup list --engine sidecar")
}

fn program(kubeconfig: &Path) -> Invocation {
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders).kubeconfig(kubeconfig)
}

#[test]
fn no_kubeconfig_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let folders = Folders::shared(folder.path());
    let run = Invocation::new(&programs().kubectl_broker, &folders).run("backup list");
    assert_snapshot!(run.shown(), @"
    stderr:
    error: no cluster configuration was found; looked at $HOME/.kube/config, which does not exist, and for a service account (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set)
    hint: Name a kubeconfig with `--kubeconfig` or the variable KUBECONFIG
    exit 2
    ");
}

#[test]
fn a_kubeconfig_that_is_not_there() {
    let run = program(Path::new("/nonexistent/config")).run("backup list");
    assert_snapshot!(run.shown(), @"
    stderr:
    error: no cluster configuration was found; looked at $KUBECONFIG, which does not exist, and for a service account (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set)
    hint: Name a kubeconfig with `--kubeconfig` or the variable KUBECONFIG
    exit 2
    ");
}

#[test]
fn a_kubeconfig_that_does_not_parse() {
    assert_snapshot!(with_kubeconfig("clusters: [{name: \u{1b}[2J").shown(), @r"
    stderr:
    error: kubeconfig $KUBECONFIG can't be used: unexpected character: `\u{1b}' at line 1, column 19
    hint: Correct the file; `kubectl config view` reads it too
    exit 2
    ");
    assert_snapshot!(with_kubeconfig("just text").shown(), @"
    stderr:
    error: kubeconfig $KUBECONFIG can't be used: expected mapping start at line 1, column 1
    hint: Correct the file; `kubectl config view` reads it too
    exit 2
    ");
    assert_snapshot!(with_kubeconfig("").shown(), @"
    stderr:
    error: no cluster configuration was found; looked at $KUBECONFIG, and for a service account (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set)
    hint: Name a kubeconfig with `--kubeconfig` or the variable KUBECONFIG
    exit 2
    ");
}

#[test]
fn a_context_that_does_not_exist() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup list --context testbd").shown(), @"
    stderr:
    error: the kubeconfig has no context testbd. Near testbed, testbed-default
    hint: Did you mean `--context testbed`?
    exit 2
    ");
    assert_snapshot!(bed.run("backup list --context production").shown(), @"
    stderr:
    error: the kubeconfig has no context production
    hint: It has testbed, testbed-default
    exit 2
    ");
}

#[test]
fn a_cluster_or_user_that_does_not_exist() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup list --cluster other").shown(), @"
    stderr:
    error: the kubeconfig has no cluster other
    hint: It has testbed
    exit 2
    ");
    assert_snapshot!(bed.run("backup list --user other").shown(), @"
    stderr:
    error: the kubeconfig has no user other
    hint: It has testbed
    exit 2
    ");
}

#[test]
fn a_certificate_of_another_authority_is_not_accepted() {
    let (bed, other) = (Bed::start(), Bed::start());
    let text = fs::read_to_string(bed.kubeconfig()).expect("a kubeconfig");
    let other = fs::read_to_string(other.kubeconfig()).expect("a kubeconfig");
    let authority = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.contains("certificate-authority-data"));
        line.expect("an authority").to_owned()
    };
    let run = with_kubeconfig(&text.replace(&authority(&text), &authority(&other)));
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace messaging of context testbed
    error: can't reach https://127.0.0.1:PORT: invalid peer certificate: BadSignature
    hint: Check `certificate-authority` and `tls-server-name` of the cluster in the kubeconfig
    exit 1
    ");
}

#[test]
fn the_flag_beats_the_environment() {
    let bed = Bed::start();
    let path = bed.kubeconfig().to_str().expect("a path");
    let program = program(Path::new("/nonexistent/config"));
    let run = program.run(&format!(
        "backup list --engine sidecar -o json --kubeconfig {path}"
    ));
    assert_eq!(run.ids().len(), 12);
}

#[test]
fn a_context_without_a_namespace_means_default() {
    let run = Bed::start().run("backup list --engine sidecar --context testbed-default");
    assert_snapshot!(run.shown(), @"
    stderr:
    Using StatefulSet broker, namespace default
    error: there is no StatefulSet broker in namespace default; the namespace has none
    hint: Name it with `--statefulset`; `kubectl get statefulsets -n default` lists them
    exit 10
    ");
}
