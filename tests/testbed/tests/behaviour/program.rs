//! The program `testbed`.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::text;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_against_a_cluster_and_its_exit_code_is_handed_on() {
    let script = "test -r \"$KUBECONFIG\" && exit 7";
    let output = program(&["run", "--fault", "api-latency=1", "--", "sh", "-c", script]).output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(output.stderr));
    let killed = program(&["run", "--", "sh", "-c", "kill -9 $$"])
        .output()
        .await
        .unwrap();
    assert_eq!(killed.status.code(), Some(128 + 9));
    let missing = program(&["run", "--", "there-is-no-such-command"])
        .output()
        .await
        .unwrap();
    assert_eq!(missing.status.code(), Some(127));
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kubectl_run_by_the_program_finds_the_cluster() {
    let script = "test \"$(kubectl get pod broker-0 -n platform -o name)\" = pod/broker-0";
    let output = program(&["run", "--", "sh", "-c", script]).output();
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", text(output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_prints_a_kubeconfig_for_its_owner_only() {
    let mut child = program(&["serve"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let path = lines.next_line().await.unwrap().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("namespace: messaging")
    );
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_listed_and_an_unknown_one_is_refused() {
    let list = text(program(&["faults"]).output().await.unwrap().stdout);
    for fault in testbed::catalogue() {
        assert!(
            list.contains(&fault.name) && list.contains(fault.about),
            "{}",
            fault.name
        );
    }
    let output = program(&["run", "--fault", "nope", "--", "true"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(output.stderr).contains("testbed faults"));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn no_container_outlives_a_program_that_is_killed() {
    let image = "image=registry.test/shell:1=/bin/sh";
    let serve = ["serve", "--set", image, "--set", "namespace=default"];
    let mut child = program(&serve).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let kubeconfig = lines.next_line().await.unwrap().unwrap();
    let kubectl = |arguments: &[&str]| {
        let mut command = Command::new("kubectl");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &kubeconfig)
            .env("KUBECACHEDIR", format!("{kubeconfig}-cache"));
        command
    };
    // The kubelet makes one dollar of two.
    let script = "echo $$$$; exec sleep 1000";
    let create = [
        "create",
        "job",
        "j",
        "--image=registry.test/shell:1",
        "--",
        "sh",
        "-c",
        script,
    ];
    assert!(kubectl(&create).status().await.unwrap().success());
    let wait = kubectl(&["wait", "--for=jsonpath={.status.ready}=1", "job/j"]).status();
    assert!(wait.await.unwrap().success());
    let mut follow = kubectl(&["logs", "-f", "job/j"]);
    let mut follow = follow
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(follow.stdout.take().unwrap()).lines();
    let process = shown.next_line().await.unwrap().unwrap();
    let state = std::path::Path::new("/proc").join(&process).join("stat");
    assert!(state.exists());
    child.kill().await.unwrap();
    let gone = async {
        while std::fs::read_to_string(&state).is_ok_and(|state| !state.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    tokio::time::timeout(limit, gone).await.unwrap();
}
