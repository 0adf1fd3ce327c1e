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
    engine interface 0.1.0
    exit 0
    ");
    assert_snapshot!(run("version -o json").outcome(), @r#"
    stdout:
    {
      "apiVersion": "kubectl-broker/v1",
      "engineInterface": "0.1.0",
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
#[expect(clippy::too_many_lines, reason = "the help is long")]
fn help_says_how_kubectl_calls_the_program() {
    assert_snapshot!(run("--help").outcome(), @"
    stdout:
    Back up, list, download, verify and restore brokers and databases on Kubernetes

    Usage: kubectl broker [OPTIONS] <COMMAND>

    Commands:
      backup   Work with the backups of a StatefulSet
      engines   Show the engines, what each can do, and whether it answers at the target
      plugin   Install engines of others, see what they may do, update and remove them
      version   Show the version of this program and of its engine interface
      completion  Print the completion script of a shell

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Output:
      -o, --output <FORMAT>
              Form of the result

              Possible values:
              - table
              - wide:  The table with more columns
              - json
              - yaml
              - name:  One name a line

              [default: table]

          --color <WHEN>
              When to colour

              Possible values:
              - auto:   On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always
              - never

              [default: auto]

      -v, --verbose
              Say on stderr what is being done

    Cluster:
      -n, --namespace <NAMESPACE>
              Namespace of the StatefulSet [default: that of the context]

          --context <CONTEXT>
              Context of the kubeconfig

          --kubeconfig <FILES>
              Kubeconfig file, or several with colons between them [default: $KUBECONFIG,
              ~/.kube/config]

          --cluster <CLUSTER>
              Cluster of the kubeconfig

          --user <USER>
              User of the kubeconfig

          --as <USER>
              User to impersonate

          --as-group <GROUP>
              Group to impersonate; may be given several times

          --request-timeout <TIME>
              Longest time for one request to the API server, as in 30s or 2m; 0 for none [default: 30s]

          --tls-server-name <NAME>
              Name that the API server's certificate must have

          --insecure-skip-tls-verify
              Don't check the API server's certificate: anybody in between can then read and change
              everything

    Exit codes:
        0  done
        1  the operation failed
        2  the command line or the configuration can't be used
        3  only part of it was done
       10  what was named does not exist
       11  locked, or the state of the target forbids it
       12  authentication or authorisation was refused
       13  bytes are not what they should be
       14  the engine broke its contract, its sandbox or its limits
      124  a deadline passed
      130  stopped: Ctrl-C, SIGTERM, SIGHUP, or nothing was chosen
    exit 0
    ");
    assert_snapshot!(run("backup list --help").outcome(), @"
    stdout:
    List backups, the newest first

    Usage: kubectl broker backup list [OPTIONS]

    Options:
          --limit <COUNT>
              Show at most this many

      -h, --help
              Print help (see a summary with '-h')

    Engines:
          --project <PROJECT>
              Project whose backup it is (spec.projectId); of `list`: only those of this project (engine
              backuprequest)

          --environment <ENVIRONMENT>
              Environment of the project, for example prd (spec.environment); of `list`: only those of
              it (engine backuprequest)

          --restores
              List the RestoreRequests instead of the backups (engine backuprequest)

          --kind <KIND>
              Which kind of the operator's objects (engine kafka)

              [default: backup]
              [possible values: backup, restore, validation, offset-reset, offset-rollback]

          --scope <SCOPE>
              Which backups: in the object storage, on the pod's disk, or of the cluster on the pod's
              disk (engine sidecar)

              [default: remote]
              [possible values: remote, local, cluster]

          --api-port <PORT>
              Port of the backend inside the pod, for engine hivemq

          --sidecar-port <PORT>
              Port of the backend inside the pod, for engine sidecar

          --strategy-port <PORT>
              Port of the backend inside the pod, for engine strategy

    Target:
          --statefulset <NAME>
              StatefulSet of the broker [default: broker]

          --pod <NAME>
              Pod to talk to, or `all` for each that is ready, which only `list` takes [default: the
              first that is ready]

    Credentials of the backend:
          --username <NAME>
              User name

          --password-stdin
              Read the password from stdin

          --password-file <FILE>
              Read the password from a file

          --password <PASSWORD>
              The password; everybody on this machine can see it, so better use one of the others, or
              $BROKER_PASSWORD

          --credentials-secret <NAME>
              Read them from this Secret of the namespace: keys `username` and `password`, or `token`

          --engine-memory <SIZE>
              Most memory of an engine, such as 512Mi or 1Gi; 16Mi to 4Gi [default: 256Mi]

          --engine-timeout <TIME>
              Maximum time for one call of an engine, such as 30s or 1h; 1s to 24h [default: 15m, and 5s
              to say whether its backend answers]

          --audit <FILE>
              Add each call of an engine to the host to this file, as a line of JSON without secrets

      -e, --engine <NAME>
              Engine to use, or `auto` for the one that the operation prefers of those that answer

              [default: auto]

    Output:
      -o, --output <FORMAT>
              Form of the result

              Possible values:
              - table
              - wide:  The table with more columns
              - json
              - yaml
              - name:  One name a line

              [default: table]

          --color <WHEN>
              When to colour

              Possible values:
              - auto:   On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
              - always
              - never

              [default: auto]

      -v, --verbose
              Say on stderr what is being done

    Cluster:
      -n, --namespace <NAMESPACE>
              Namespace of the StatefulSet [default: that of the context]

          --context <CONTEXT>
              Context of the kubeconfig

          --kubeconfig <FILES>
              Kubeconfig file, or several with colons between them [default: $KUBECONFIG,
              ~/.kube/config]

          --cluster <CLUSTER>
              Cluster of the kubeconfig

          --user <USER>
              User of the kubeconfig

          --as <USER>
              User to impersonate

          --as-group <GROUP>
              Group to impersonate; may be given several times

          --request-timeout <TIME>
              Longest time for one request to the API server, as in 30s or 2m; 0 for none [default: 30s]

          --tls-server-name <NAME>
              Name that the API server's certificate must have

          --insecure-skip-tls-verify
              Don't check the API server's certificate: anybody in between can then read and change
              everything
    exit 0
    ");
}

#[test]
fn every_command_has_help() {
    for command in [
        "backup",
        "backup status",
        "engines",
        "version",
        "completion",
    ] {
        for flag in ["-h", "--help"] {
            let run = run(&format!("{command} {flag}"));
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{command}");
            let usage = format!("Usage: kubectl broker {command}");
            assert!(run.stdout.contains(&usage), "{}", run.stdout);
        }
    }
}

#[test]
fn without_a_command_the_help_is_shown_as_an_error() {
    let run = run("");
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr.contains("Usage: kubectl broker"),
        "{}",
        run.stderr
    );
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
    kubectl-broker/backuprequest   0.1.0   detect,list,status,create,restore,delete,manifest   -   unknown   -
    kubectl-broker/hivemq   0.1.0   detect,list,status,create,download,restore   -   unknown   -
    kubectl-broker/kafka   0.1.0   detect,list,status,create,restore,delete,offset-reset,offset-rollback,resume,schedule,suspend,validate   -   unknown   -
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
