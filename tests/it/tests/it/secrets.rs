//! The token of the kubeconfig is never shown. That it is in no output of any run is checked of every
//! run of every test; here are those that are most talkative.

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
