//! Commands that need no cluster.

use insta::assert_snapshot;

use crate::support::{Bed, Component, Invocation, Run, accepting, programs};

/// Runs the program without a kubeconfig.
fn run(arguments: &str) -> Run {
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders).run(arguments)
}

#[test]
fn version_names_the_program_and_its_engine_interface() {
    assert_snapshot!(run("version").outcome(), @"
    stdout:
    kubectl-broker 0.1.0
    engine interfaces 0.1.0, 0.2.0
    exit 0
    ");
    assert_snapshot!(run("version -o json").outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "engineInterface": "0.2.0",
      "engineInterfaces": [
        "0.1.0",
        "0.2.0"
      ],
      "kind": "Version",
      "version": "0.1.0"
    }
    exit 0
    "#);
    assert_snapshot!(run("--version").outcome(), @"
    stdout:
    kubectl-broker 0.1.0
    exit 0
    ");
}

#[test]
fn there_is_a_completion_script_for_each_shell() {
    for (shell, part) in [
        ("bash", "-F _kubectl_broker kubectl-broker"),
        ("zsh", "#compdef kubectl-broker"),
        ("fish", "--command kubectl-broker"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let run = run(&format!("completion {shell}"));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shell}");
        assert!(run.stdout.contains(part), "{shell}: {}", run.stdout);
        assert!(
            run.stdout.contains("KUBECTL_BROKER_COMPLETE"),
            "{shell} does not ask the program"
        );
    }
}

#[test]
fn engines_are_listed_without_a_cluster() {
    assert_snapshot!(run("engines").outcome(), @"
    stdout:
    NAME   VERSION   OPERATIONS   DEFAULT-FOR   ANSWERS   DETAIL
    kubectl-broker/aws   0.1.0   detect,list,status,create,verify,restore,delete,expire,manifest,pin,unpin   -   unknown   -
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   -   unknown   -
    kubectl-broker/hivemq   0.1.0   detect,health,list,status,create,download,restore   -   unknown   -
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   -   unknown   -
    kubectl-broker/operator   0.1.0   detect,list,status,create,restore,delete,resume,run,schedule,schedules,suspend   -   unknown   -
    kubectl-broker/sidecar   0.1.0   detect,list,status,restore,delete,metrics,purge,upload   -   unknown   -
    kubectl-broker/strategy   0.1.0   detect,status,create,download   -   unknown   -
    note: $HOME/.kube/config KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
    exit 0
    ");
}

#[test]
fn help_version_and_completion_ask_nothing_of_a_cluster() {
    let bed = Bed::start();
    for arguments in [
        "--help",
        "backup list --help",
        "version",
        "--version",
        "completion bash",
    ] {
        assert_eq!(bed.run(arguments).code, 0);
    }
    assert_eq!(bed.requests().count("*", ""), 0);
}

#[test]
fn who_only_looks_needs_no_home_that_can_be_written_to() {
    let bed = Bed::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    Component::small().save(&folder, "small.wasm");
    // Not even root can create a file below a regular file.
    let home = file.join("home");
    let mut program = Invocation::new(&programs().kubectl_broker, &programs().folders)
        .in_folder(folder.path())
        .kubeconfig(bed.kubeconfig());
    for name in [
        "HOME",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
    ] {
        program = program.env(name, &home);
    }
    for arguments in [
        "version",
        "backup list --engine sidecar",
        "backup history",
        "plugin list",
        "plugin inspect hivemq",
        "plugin inspect ./small.wasm",
        "plugin outdated",
        "plugin verify",
        "plugin doctor",
        "plugin key list",
    ] {
        let run = program.run(arguments);
        assert_eq!(run.code, 0, "{arguments}: {}", run.stderr);
        let warnings = run.stderr.matches("warning: ").count();
        assert!(warnings <= 1, "{arguments}: {}", run.stderr);
    }
    let mut refused = program.run("plugin install small.wasm");
    if refused.code == 2 {
        let accept = accepting(&refused);
        refused = program.run(&format!("plugin install small.wasm {accept}"));
    }
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let store = home.join("kubectl-broker/plugins");
    let names_it = format!("can't use {}: ", store.display());
    assert!(refused.stderr.contains(&names_it), "{}", refused.stderr);
}
