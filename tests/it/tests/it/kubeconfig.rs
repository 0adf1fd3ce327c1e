//! Invalid kubeconfigs.

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
    assert_snapshot!(run.outcome(), @"
    Usage: $HOME/.kube/config KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
    hint: KUBECONFIG `--kubeconfig`
    exit 2
    ");
}

#[test]
fn a_kubeconfig_that_is_not_there() {
    let run = program(Path::new("/nonexistent/config")).run("backup list");
    assert_snapshot!(run.outcome(), @"
    Usage: $KUBECONFIG KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
    hint: KUBECONFIG `--kubeconfig`
    exit 2
    ");
}

#[test]
fn a_kubeconfig_that_does_not_parse() {
    assert_snapshot!(with_kubeconfig("clusters: [{name: \u{1b}[2J").reason(), @r"
    Usage: $KUBECONFIG: unexpected character: `\u{1b}' at line 1, column 19
    hint: `kubectl config view`
    exit 2
    ");
    assert_snapshot!(with_kubeconfig("just text").reason(), @"
    Usage: $KUBECONFIG: expected mapping start at line 1, column 1
    hint: `kubectl config view`
    exit 2
    ");
    assert_snapshot!(with_kubeconfig("").outcome(), @"
    Usage: $KUBECONFIG KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
    hint: KUBECONFIG `--kubeconfig`
    exit 2
    ");
}

#[test]
fn a_context_that_does_not_exist() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup list --context testbd").outcome(), @"
    Usage: testbd testbed testbed-default
    hint: `--context testbed`
    exit 2
    ");
    assert_snapshot!(bed.run("backup list --context production").hint(), @"
    Usage: production
    hint: Contexts in the kubeconfig: testbed, testbed-default
    exit 2
    ");
}

#[test]
fn a_cluster_or_user_that_does_not_exist() {
    let bed = Bed::start();
    assert_snapshot!(bed.run("backup list --cluster other").outcome(), @"
    Usage: other
    hint: testbed
    exit 2
    ");
    assert_snapshot!(bed.run("backup list --user other").message(), @"
    Usage: the kubeconfig has no user other
    hint: testbed
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
    assert_snapshot!(run.message(), @"
    Failed: can't reach https://127.0.0.1:PORT: the certificate of the server was signed by another authority of the same name as the trusted one
    hint: `certificate-authority` `tls-server-name`
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
    assert_snapshot!(run.outcome(), @"
    NotFound:
    hint: `--statefulset` `kubectl --context testbed-default get statefulsets -n default`
    exit 10
    ");
}

/// Runs the program with the kubeconfig of the testbed after `change`.
fn changed(bed: &Bed, change: impl FnOnce(String) -> String) -> Run {
    with_kubeconfig(&change(
        fs::read_to_string(bed.kubeconfig()).expect("a kubeconfig"),
    ))
}

/// Returns the text after `name: ` in a kubeconfig.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.contains(name));
    line.and_then(|line| line.split_once(": "))
        .expect("a field")
        .1
        .trim()
}

#[test]
fn base64_may_be_broken_into_lines() {
    let bed = Bed::start();
    for style in ["|", ">", "|-"] {
        let run = changed(&bed, |text| {
            let data = value(&text, "certificate-authority-data").to_owned();
            let lines: Vec<String> = data
                .as_bytes()
                .chunks(64)
                .map(|line| format!("\n        {}", String::from_utf8_lossy(line)))
                .collect();
            text.replace(&data, &format!("{style}{}", lines.concat()))
        });
        assert_eq!(run.code, 0, "{}", run.shown());
    }
}

#[test]
fn an_empty_text_is_as_no_field() {
    let bed = Bed::start();
    let run = changed(&bed, |text| {
        let token = format!("token: {}", bed.token());
        let server = format!("server: {}", value(&text, "server:"));
        text.replace(
            &token,
            &format!(
                "token: {0}\n    tokenFile: ''\n    client-certificate: ''\n    client-certificate-data: ''\n    \
                 client-key-data: ''\n    username: ''\n    password: ''\n    as: ''",
                bed.token()
            ),
        )
        .replace(
            &server,
            &format!("{server}\n    tls-server-name: ''\n    certificate-authority: ''\n    proxy-url: ''"),
        )
    });
    assert_eq!(run.code, 0, "{}", run.shown());
}

#[test]
fn a_token_file_may_end_with_a_line_break() {
    let bed = Bed::start();
    let file = bed.folder().join("token");
    fs::write(&file, format!("{}\n", bed.token())).expect("a file");
    let run = changed(&bed, |text| {
        text.replace(
            &format!("token: {}", bed.token()),
            &format!("tokenFile: {}", file.display()),
        )
    });
    assert_eq!(run.code, 0, "{}", run.shown());
}

#[test]
fn a_server_without_a_scheme_is_http_and_gets_no_credentials() {
    let run = with_kubeconfig(
        "current-context: a\nclusters: [{name: c, cluster: {server: '127.0.0.1:1'}}]\n\
         users: [{name: u, user: {token: canary}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n",
    );
    assert_snapshot!(run.outcome(), @"
    note: http://127.0.0.1:1
    Failed: 111 http://127.0.0.1:1 «Connection refused»
    hint: `kubectl config current-context`
    exit 1
    ");
}

#[test]
fn exceptions_from_the_proxy_are_read_as_go_reads_them() {
    let bed = Bed::start();
    for exceptions in ["localhost,", ",", "http://x,*.y", "10.0.0.0/99, [::1", " "] {
        let run = bed
            .program()
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", exceptions)
            .run("backup list --engine sidecar");
        assert_eq!(run.code, 0, "{exceptions}: {}", run.shown());
    }
}

#[test]
fn a_skipped_check_and_an_authority_exclude_each_other() {
    let bed = Bed::start();
    let run = changed(&bed, |text| {
        text.replace(
            "    server:",
            "    insecure-skip-tls-verify: true\n    server:",
        )
    });
    assert_eq!(run.code, 2, "{}", run.shown());
    assert!(
        run.stderr.contains("insecure-skip-tls-verify"),
        "{}",
        run.stderr
    );
    let run = bed.run("backup list --engine sidecar --insecure-skip-tls-verify");
    assert_eq!(run.code, 0, "{}", run.shown());
}

#[test]
fn a_kubeconfig_without_an_end_or_a_writer_is_refused() {
    let run = program(Path::new("/dev/zero")).run("backup list");
    assert_snapshot!(run.reason(), @"
    Usage: $KUBECONFIG: it is a device, not a file
    hint:
    exit 2
    ");
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let run = program(&pipe).run("backup list");
    assert_eq!(run.code, 2, "{}", run.shown());
    assert!(run.stderr.contains("nobody writes to it"), "{}", run.stderr);
}

#[test]
fn a_kubeconfig_may_come_through_a_pipe() {
    let bed = Bed::start();
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let text = fs::read(bed.kubeconfig()).expect("a kubeconfig");
    let (run, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| fs::write(&pipe, &text));
        let run = program(&pipe).run("backup list --engine sidecar");
        (run, writer.join().expect("a writer"))
    });
    assert_eq!(run.code, 0, "{}", run.shown());
    written.expect("written");
}
