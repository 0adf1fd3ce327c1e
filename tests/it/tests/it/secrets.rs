//! The token of the kubeconfig is never shown. Every run of every test checks its output for the token; these
//! tests use the most verbose commands.

use crate::support::Bed;

#[test]
fn the_token_is_in_no_output() {
    for faults in [
        &[][..],
        &["unauthorized"],
        &["deny=*:*"],
        &["api-html"],
        &["sidecar-auth=the-token"],
    ] {
        let bed = Bed::with(faults);
        for arguments in ["backup list", "engines", "backup status --latest"] {
            for more in ["-v", "-v -o json", "-v -o yaml"] {
                let run = bed
                    .program()
                    .env("RUST_LOG", "trace")
                    .env("RUST_BACKTRACE", "full")
                    .run(&format!("{arguments} {more}"));
                for text in [&run.stdout, &run.stderr] {
                    assert!(
                        !text.contains(bed.token()) && !text.contains("the-token"),
                        "{text}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_token_that_can_not_be_sent_is_not_shown() {
    let bed = Bed::start();
    let text = std::fs::read_to_string(bed.kubeconfig()).expect("a kubeconfig");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    let broken = text.replace(bed.token(), "\"canary\\nsecret\"");
    std::fs::write(&path, broken).expect("a kubeconfig");
    let run = bed
        .program()
        .kubeconfig(&path)
        .run("backup list --engine sidecar -v");
    assert_ne!(run.code, 0);
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
}

#[test]
fn the_backend_gets_no_credentials_of_the_cluster() {
    let bed = Bed::start();
    bed.run("backup list --engine sidecar");
    bed.run("backup list --engine hivemq");
    for request in bed.backend_requests().all() {
        assert!(!format!("{:?}", request.headers).contains(bed.token()));
    }
}

/// A credential plugin inherits the environment of this program, but must not get the backend's password.
#[test]
fn a_credential_plugin_gets_no_secrets_of_the_backend() {
    let bed = Bed::with(&["hivemq-auth=backup:testbed-password"]);
    let text = std::fs::read_to_string(bed.kubeconfig()).expect("a kubeconfig");
    let folder = tempfile::tempdir().expect("a folder");
    let seen = folder.path().join("seen");
    let answer = format!(r#"{{"status": {{"token": "{}"}}}}"#, bed.token());
    let script = folder.path().join("plugin");
    let lines = format!("#!/bin/sh\nenv > '{}'\necho '{answer}'\n", seen.display());
    std::fs::write(&script, lines).expect("a plugin");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&script, mode).expect("a mode");
    let path = folder.path().join("config");
    let user = "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: Never}";
    let text = text.replace(&format!("token: {}", bed.token()), user);
    std::fs::write(&path, text).expect("a kubeconfig");
    let run = bed
        .program()
        .kubeconfig(&path)
        .env("BROKER_PASSWORD", "testbed-password")
        .env("BROKER_TOKEN", "canary-token")
        .env("BROKER_CREDENTIALS_ADMIN_TOKEN", "canary-of-admin")
        .run("backup --engine hivemq list -o name --limit 1 --username backup");
    assert_eq!(run.code, 0, "{}", run.shown());
    let seen = std::fs::read_to_string(&seen).expect("an environment");
    assert!(seen.contains("KUBERNETES_EXEC_INFO="), "{seen}");
    assert!(
        !seen.contains("BROKER_PASSWORD") && !seen.contains("canary"),
        "{seen}"
    );
}
