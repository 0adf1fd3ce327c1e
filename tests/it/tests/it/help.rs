//! The help that `-h` and `--help` print, without a cluster.

use insta::assert_snapshot;

use crate::support::{Invocation, Run, programs};

/// Runs the program where there is no kubeconfig.
fn run(arguments: &str) -> Run {
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders).run(arguments)
}

#[test]
fn help_says_how_kubectl_calls_the_program() {
    assert_snapshot!(run("--help").stdout, @"
    Back up, list, download, verify and restore brokers and databases on Kubernetes

    Usage: kubectl broker [OPTIONS] <COMMAND>

    Commands:
      backup      Create, list, download, verify, restore and delete backups
      discover    Find the targets that engines can serve, with their volumes
      engines     List engines, their operations and whether their backends respond
      health      Check the health of the backend and of each of its replicas
      plugin      Install, inspect, update and remove engines
      run         Do the work of an object of the operator, in the pod of its Job
      store       Keep copies of backups in object storage: list, check, prune, restore
      version     Show the version of the program and of its engine interface
      completion  Print the completion script for a shell

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Output:
      -o, --output <FORMAT>  Format of the result: table, wide (more columns), json, yaml or name (names
                             only) [default: table]
          --color <WHEN>     Use of colour: auto (terminals only), always or never [default: auto]
      -v, --verbose          Report each step on stderr

    Cluster:
      -n, --namespace <NAMESPACE>     Namespace of the target [default: namespace of the context]
          --context <CONTEXT>         Context of the kubeconfig [default: current context]
          --kubeconfig <FILES>        Kubeconfig files, separated by colons [default: $KUBECONFIG or
                                      ~/.kube/config]
          --cluster <CLUSTER>         Cluster of the kubeconfig [default: cluster of the context]
          --user <USER>               User of the kubeconfig [default: user of the context]
          --as <USER>                 User to impersonate
          --as-group <GROUP>          Group to impersonate; repeatable
          --request-timeout <TIME>    Maximum time for one request to the API server, such as 30s or 2m;
                                      0 means no limit [default: 30s]
          --tls-server-name <NAME>    Name to expect in the certificate of the API server
          --insecure-skip-tls-verify  Skip the check of the API server's certificate; insecure

    Exit codes:
        0  done
        1  the operation failed
        2  the command line or the configuration can't be used
        3  only part of it was done
       10  the named object does not exist
       11  locked, or the state of the target forbids it
       12  authentication or authorisation was refused
       13  a digest, a length or a signature does not match
       14  the engine broke its contract, its sandbox or its limits
      124  a deadline passed
      130  stopped: Ctrl-C, SIGTERM, SIGHUP, or nothing was chosen
    ");
}

#[test]
fn without_an_engine_the_help_has_what_every_engine_of_pods_takes() {
    assert_snapshot!(run("backup create --help").stdout, @"
    Create a backup and wait until it is complete

    Usage: kubectl broker backup create [OPTIONS]

    Options:
          --wait[=<BOOL>]   Wait for the end of the operation; `--wait=false` only starts it [default:
                            true] [possible values: true, false]
          --timeout <TIME>  Maximum time to wait, such as 30s or 10m [default: 5m]
      -h, --help            Print help

    Store:
          --to <STORE>             Copy the backup to this store, by its name or address
          --source-cluster <NAME>  Name of the cluster in the copy [default: from the kubeconfig]

    File (only for engines that return the backup):
          --output-dir <FOLDER>  Folder of the file or files, created if missing [default: ./backups]
          --output-file <FILE>   Name or path of the file; `-` means stdout [default: name from the
                                 backend]
          --force                Replace an existing file, or a copy in the store, once the new one is
                                 complete
          --accept-unproven      Accept a backup that is not proven complete: it has no length, no
                                 checksum and no end marker

    Engine:
      -e, --engine <NAME>          Engine to use; `auto` picks the preferred engine that responds
                                   [default: auto]
          --engine-memory <SIZE>   Maximum memory of an engine, such as 512Mi or 1Gi; 16Mi to 4Gi
                                   [default: 256Mi]
          --engine-timeout <TIME>  Maximum time for one call of an engine, such as 30s or 1h; 1s to 24h
                                   [default: 15m; 5s to detect a backend]
          --audit <FILE>           File to append engine calls to, as JSON lines without secrets

    Target:
          --statefulset <NAME>  StatefulSet of the target [default: broker]
          --pod <NAME>          Pod to contact; for `list` only, `all` means every pod in which a
                                container runs [default: first ready pod]

    Credentials of the backend:
          --username <NAME>            User name for the backend
          --password-stdin             Read the password from standard input
          --password-file <FILE>       Read the password from a file
          --password <PASSWORD>        Password, visible to every user of this machine; prefer
                                       --password-stdin, --password-file or $BROKER_PASSWORD
          --credentials-secret <NAME>  Secret in the namespace with keys `username` and `password`, or
                                       `token`
          --credentials <NAME=SOURCE>  Credentials that an engine asks for by name, from
                                       `secret/SECRET`; repeatable

    Output:
      -o, --output <FORMAT>  Format of the result: table, wide (more columns), json, yaml or name (names
                             only) [default: table]
          --color <WHEN>     Use of colour: auto (terminals only), always or never [default: auto]
      -v, --verbose          Report each step on stderr

    Cluster:
      -n, --namespace <NAMESPACE>     Namespace of the target [default: namespace of the context]
          --context <CONTEXT>         Context of the kubeconfig [default: current context]
          --kubeconfig <FILES>        Kubeconfig files, separated by colons [default: $KUBECONFIG or
                                      ~/.kube/config]
          --cluster <CLUSTER>         Cluster of the kubeconfig [default: cluster of the context]
          --user <USER>               User of the kubeconfig [default: user of the context]
          --as <USER>                 User to impersonate
          --as-group <GROUP>          Group to impersonate; repeatable
          --request-timeout <TIME>    Maximum time for one request to the API server, such as 30s or 2m;
                                      0 means no limit [default: 30s]
          --tls-server-name <NAME>    Name to expect in the certificate of the API server
          --insecure-skip-tls-verify  Skip the check of the API server's certificate; insecure

    Options of further engines:
      kubectl broker backup create --engine aws --help
      kubectl broker backup create --engine backuprequest --help
      kubectl broker backup create --engine hivemq --help
      kubectl broker backup create --engine kafka --help
      kubectl broker backup create --engine operator --help
      kubectl broker backup create --engine strategy --help
    ");
}

#[test]
fn the_help_of_a_named_engine_has_its_options_alone() {
    assert_snapshot!(run("backup create --engine kafka --help").stdout, @"
    Create a backup and wait until it is complete

    Usage: kubectl broker backup create [OPTIONS]

    Options:
          --wait[=<BOOL>]   Wait for the end of the operation; `--wait=false` only starts it [default:
                            true] [possible values: true, false]
          --timeout <TIME>  Maximum time to wait, such as 30s or 10m [default: 5m]
      -h, --help            Print help

    Store:
          --to <STORE>             Copy the backup to this store, by its name or address
          --source-cluster <NAME>  Name of the cluster in the copy [default: from the kubeconfig]

    Options of engine kafka:
          --file <FILE>
              File with a KafkaBackup in YAML or JSON, for fields without a flag; `-` means standard
              input
          --from <FROM>
              KafkaBackup to run now, as a copy without its schedule
          --name <NAME>
              Name of the object to create [default: a name that ends with the time]
          --topics <TOPICS>
              Topics, separated by commas
          --bootstrap-servers <BOOTSTRAP-SERVERS>
              Bootstrap servers of Kafka, separated by commas [default for `restore`: those of the
              backup]
          --security-protocol <SECURITY-PROTOCOL>
              Security protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL [default: set by the
              operator, PLAINTEXT]
          --sasl-secret <SASL-SECRET>
              Secret with keys `username` and `password` for Kafka
          --sasl-mechanism <SASL-MECHANISM>
              SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
          --ca-secret <CA-SECRET>
              Secret with key `ca.crt`, the certificate authority of Kafka
          --tls-secret <TLS-SECRET>
              Secret with keys `ca.crt`, `tls.crt` and `tls.key`, if Kafka requires a client certificate
          --storage <STORAGE>
              Storage: pvc://CLAIM[/PATH], s3://BUCKET[/PREFIX], gs://BUCKET[/PREFIX] or
              azure://ACCOUNT/CONTAINER[/PREFIX]
          --storage-secret <STORAGE-SECRET>
              Secret with the credentials for the storage, under the default keys of the operator
          --s3-region <S3-REGION>
              Region of the bucket
          --s3-endpoint <S3-ENDPOINT>
              URL of an S3 service other than Amazon S3; requests have the bucket in the path
          --compression <COMPRESSION>
              Compression of segments [default: set by the operator, zstd] [possible values: none, lz4,
              zstd]
          --compression-level <COMPRESSION-LEVEL>
              Compression level of zstd, 1 to 22
          --continuous
              Back up new records continuously, without an end
          --stop-at-current-offsets
              Stop at the offsets that the topics have at the start
          --consumer-group-snapshot
              Also back up the offsets of consumer groups

    Engine:
      -e, --engine <NAME>          Engine to use; `auto` picks the preferred engine that responds
                                   [default: auto]
          --engine-memory <SIZE>   Maximum memory of an engine, such as 512Mi or 1Gi; 16Mi to 4Gi
                                   [default: 256Mi]
          --engine-timeout <TIME>  Maximum time for one call of an engine, such as 30s or 1h; 1s to 24h
                                   [default: 15m; 5s to detect a backend]
          --audit <FILE>           File to append engine calls to, as JSON lines without secrets

    Target:
          --statefulset <NAME>  StatefulSet of the target [default: broker]
          --pod <NAME>          Pod to contact; for `list` only, `all` means every pod in which a
                                container runs [default: first ready pod]

    Credentials of the backend:
          --username <NAME>            User name for the backend
          --password-stdin             Read the password from standard input
          --password-file <FILE>       Read the password from a file
          --password <PASSWORD>        Password, visible to every user of this machine; prefer
                                       --password-stdin, --password-file or $BROKER_PASSWORD
          --credentials-secret <NAME>  Secret in the namespace with keys `username` and `password`, or
                                       `token`
          --credentials <NAME=SOURCE>  Credentials that an engine asks for by name, from
                                       `secret/SECRET`; repeatable

    Output:
      -o, --output <FORMAT>  Format of the result: table, wide (more columns), json, yaml or name (names
                             only) [default: table]
          --color <WHEN>     Use of colour: auto (terminals only), always or never [default: auto]
      -v, --verbose          Report each step on stderr

    Cluster:
      -n, --namespace <NAMESPACE>     Namespace of the target [default: namespace of the context]
          --context <CONTEXT>         Context of the kubeconfig [default: current context]
          --kubeconfig <FILES>        Kubeconfig files, separated by colons [default: $KUBECONFIG or
                                      ~/.kube/config]
          --cluster <CLUSTER>         Cluster of the kubeconfig [default: cluster of the context]
          --user <USER>               User of the kubeconfig [default: user of the context]
          --as <USER>                 User to impersonate
          --as-group <GROUP>          Group to impersonate; repeatable
          --request-timeout <TIME>    Maximum time for one request to the API server, such as 30s or 2m;
                                      0 means no limit [default: 30s]
          --tls-server-name <NAME>    Name to expect in the certificate of the API server
          --insecure-skip-tls-verify  Skip the check of the API server's certificate; insecure
    ");
}

#[test]
fn an_engine_is_named_before_or_after_help_in_any_spelling() {
    let kafka = run("backup create --engine kafka --help").stdout;
    for line in [
        "backup create --help --engine kafka",
        "backup create -h -e kafka",
        "backup create --engine=kafka -h",
        "backup -e kubectl-broker/kafka create --help",
    ] {
        assert_eq!(run(line).stdout, kafka, "{line}");
    }
    let unnamed = run("backup create --help").stdout;
    for engine in ["auto", "unknown", "acme/kafka"] {
        let line = format!("backup create --engine {engine} --help");
        assert_eq!(run(&line).stdout, unnamed, "{line}");
    }
}

#[test]
fn a_flag_of_another_engine_is_hidden_and_still_parsed() {
    let help = run("backup create --project x --engine kafka --help");
    assert_eq!(help.code, 0, "{}", help.stderr);
    assert!(!help.stdout.contains("--project"), "{}", help.stdout);
    let unknown = run("backup create --projekt x --help");
    assert_eq!(unknown.code, 2, "{}", unknown.stdout);
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
