//! The containers of pods: their environment, their files, their end, and their output.

use serde_json::json;

use super::*;
use crate::support::get;

/// Returns the output of the only pod of a Job.
async fn log(bed: &Testbed, job: &str) -> String {
    let pod = text(&pods(bed, job)[0]["metadata"]["name"]);
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}/log");
    let answer = api(bed, Request::get(path), "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    String::from_utf8(answer.body().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_gets_its_variables_from_everywhere() {
    let bed = stopped().image(
        "registry.test/env:1",
        testbed::Image::new("/bin/sh").env("OF_IMAGE", "i"),
    );
    let bed = bed.start().await.unwrap();
    for object in [
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "namespace": NAMESPACE}, "data": {"KEY": "cw=="},
        }),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": NAMESPACE}, "data": {"KEY": "c", "ALL": "a"},
        }),
    ] {
        bed.objects().put(object).unwrap();
    }
    let script = "echo $PLAIN $SECRET $CONFIG $ALL $OF_IMAGE $NOTHING $POD $PLAIN_TWICE $1";
    let job = with_container(
        job("j", script, json!({})),
        json!({
            "image": "registry.test/env:1",
            "args": ["-c", script, "sh", "$(PLAIN)"],
            "envFrom": [{"configMapRef": {"name": "c"}}],
            "env": [
                {"name": "PLAIN", "value": "p"},
                {"name": "PLAIN_TWICE", "value": "$(PLAIN)$(PLAIN)"},
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "KEY"}}},
                {"name": "CONFIG", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "KEY"}}},
                {"name": "NOTHING", "valueFrom": {
                    "secretKeyRef": {"name": "none", "key": "KEY", "optional": true},
                }},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            ],
        }),
    );
    create(&bed, &job).await;
    finished(&bed, "j", "Complete").await;
    assert_eq!(log(&bed, "j").await, "p s c a i default pp p\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_of_the_tests_is_not_that_of_a_container() {
    let bed = stopped().start().await.unwrap();
    create(&bed, &job("j", "env | cut -d = -f 1", json!({}))).await;
    finished(&bed, "j", "Complete").await;
    let names = log(&bed, "j").await;
    let known = [
        "PATH",
        "HOME",
        "HOSTNAME",
        "KUBECONFIG",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    let ours = |name: &str| name.starts_with("TESTBED_") || name.starts_with("KUBERNETES_SERVICE_");
    for name in names.lines() {
        assert!(known.contains(&name) || ours(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_are_files_whose_paths_are_replaced() {
    let bed = stopped().start().await.unwrap();
    for object in [
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "s", "namespace": NAMESPACE}, "data": {"a": "QQ==", "b": "Qg=="},
        }),
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "c", "namespace": NAMESPACE}, "data": {"x": "X"},
        }),
    ] {
        bed.objects().put(object).unwrap();
    }
    let script = "cat $SECRET ${1#--config=} $TESTBED_ROOT/info/name \
                  $TESTBED_SERVICE_ACCOUNT/namespace; echo; echo kept > $SCRATCH/file; cat $SCRATCH/file";
    let mut job = with_container(
        job("j", script, json!({})),
        json!({
            "args": ["-c", script, "sh", "--config=/etc/config/x"],
            "env": [
                {"name": "SECRET", "value": "/etc/secret/sub/renamed"},
                {"name": "SCRATCH", "value": "/scratch"},
            ],
            "volumeMounts": [
                {"name": "secret", "mountPath": "/etc/secret"},
                {"name": "config", "mountPath": "/etc/config"},
                {"name": "scratch", "mountPath": "/scratch"},
                {"name": "info", "mountPath": "/info"},
            ],
        }),
    );
    job["spec"]["template"]["spec"]["volumes"] = json!([
        {"name": "secret", "secret": {
            "secretName": "s", "items": [{"key": "b", "path": "sub/renamed"}],
        }},
        {"name": "config", "configMap": {"name": "c"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "info", "downwardAPI": {"items": [
            {"path": "name", "fieldRef": {"fieldPath": "metadata.labels['job-name']"}},
        ]}},
    ]);
    create(&bed, &job).await;
    finished(&bed, "j", "Complete").await;
    assert_eq!(log(&bed, "j").await, "BXjdefault\nkept\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_keeps_a_container_from_starting_until_it_exists() {
    let bed = stopped().start().await.unwrap();
    let job = with_container(
        job("j", "exit 0", json!({})),
        json!({"env": [
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ]}),
    );
    create(&bed, &job).await;
    let pod = waiting(&bed, "j", "CreateContainerConfigError").await;
    assert_eq!(pod["status"]["phase"], "Pending");
    let state = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(state["message"], "secret \"s\" not found");
    assert_eq!(event(&bed, "Failed").await, "Error: secret \"s\" not found");
    let job = stored_job(&bed, "j").unwrap();
    assert_eq!(job["status"]["active"], 1);
    assert!(conditions(&job).is_empty());
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "s", "namespace": NAMESPACE}, "data": {"k": "QQ=="},
    });
    bed.objects().put(secret).unwrap();
    finished(&bed, "j", "Complete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_volume_keeps_a_pod_in_creation() {
    let bed = stopped().start().await.unwrap();
    let mut job = job("j", "exit 0", json!({}));
    job["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "v", "secret": {"secretName": "gone"}}]);
    create(&bed, &job).await;
    let why = event(&bed, "FailedMount").await;
    assert_eq!(
        why,
        "MountVolume.SetUp failed for volume \"v\" : secret \"gone\" not found"
    );
    waiting(&bed, "j", "ContainerCreating").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_message_is_cut_and_kept_in_the_status() {
    let bed = stopped().start().await.unwrap();
    let script = "printf %05000d 7 > $LOG; exit 9";
    let job = with_container(
        job("j", script, json!({"backoffLimit": 0})),
        json!({"env": [{"name": "LOG", "value": "/dev/termination-log"}]}),
    );
    create(&bed, &job).await;
    finished(&bed, "j", "Failed").await;
    let pod = pod_in(&bed, "j", "Failed").await;
    let end = terminated(&pod);
    assert_eq!(
        (&end["exitCode"], &end["reason"]),
        (&json!(9), &json!("Error"))
    );
    assert_eq!(text(&end["message"]).len(), 4096);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_output_stands_in_for_a_missing_message_of_a_failure() {
    let bed = stopped().start().await.unwrap();
    let script = "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; exit 1";
    let policy = json!({"terminationMessagePolicy": "FallbackToLogsOnError"});
    let job = with_container(job("j", script, json!({"backoffLimit": 0})), policy);
    create(&bed, &job).await;
    finished(&bed, "j", "Failed").await;
    let pod = pod_in(&bed, "j", "Failed").await;
    let message = text(&terminated(&pod)["message"]);
    assert_eq!(message.lines().count(), 80);
    assert!(message.ends_with("line 99\n"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_pod_is_asked_to_end_and_killed_at_the_end_of_its_grace_period() {
    let bed = stopped().start().await.unwrap();
    let script = "trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done";
    create(&bed, &job("j", script, json!({"backoffLimit": 0}))).await;
    let pod = pod_in(&bed, "j", "Running").await;
    let name = text(&pod["metadata"]["name"]);
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}");
    // The trap must be set before the signal comes.
    said(&bed, &name, "up").await;
    let (status, answer) = delete(&bed, &path, &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["metadata"]["deletionGracePeriodSeconds"], 30);
    said(&bed, &name, "asked").await;
    assert_eq!(get(&bed, &path).await.1["status"]["phase"], "Running");
    let (_, list) = get(&bed, &format!("/api/v1/namespaces/{NAMESPACE}/pods")).await;
    let since = text(&list["metadata"]["resourceVersion"]);
    advance(&bed, 30);
    finished(&bed, "j", "Failed").await;
    until(&bed, "no pod", |bed| {
        pods(bed, "j").is_empty().then_some(())
    })
    .await;
    let path = format!(
        "/api/v1/namespaces/{NAMESPACE}/pods?watch=1&timeoutSeconds=1&resourceVersion={since}"
    );
    let events = api(&bed, Request::get(path), "").await;
    let events = String::from_utf8(events.body().to_vec()).unwrap();
    let end: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
    assert_eq!(end["type"], "DELETED");
    assert_eq!(end["object"]["status"]["phase"], "Failed");
    assert_eq!(terminated(&end["object"])["exitCode"], 137);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_restarts_waits_longer_each_time() {
    let bed = stopped().start().await.unwrap();
    let more = json!({"backoffLimit": 2, "template": {"spec": {"restartPolicy": "OnFailure"}}});
    let script = "echo run $(ls $HOME | wc -l); touch $HOME/$(ls $HOME | wc -l); exit 1";
    create(&bed, &job("j", script, more)).await;
    let pod = waiting(&bed, "j", "CrashLoopBackOff").await;
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    for delay in [10, 20] {
        until(&bed, "a back-off", |bed| {
            let pod = pods(bed, "j").into_iter().next()?;
            let state = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
            text(&state["message"])
                .starts_with(&format!("back-off {delay}s"))
                .then_some(())
        })
        .await;
        let run = if delay == 10 { "run 0\n" } else { "run 1\n" };
        assert_eq!(log(&bed, "j").await, run);
        advance(&bed, delay);
    }
    let failed = finished(&bed, "j", "Failed").await;
    assert_eq!(
        condition(&failed, "Failed")["reason"],
        "BackoffLimitExceeded"
    );
    until(&bed, "no pod", |bed| {
        pods(bed, "j").is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_the_image_does_not_have_is_a_start_error() {
    let bed = stopped().start().await.unwrap();
    let job = with_container(
        job("j", "", json!({"backoffLimit": 0})),
        json!({"command": ["/no/such/program"]}),
    );
    create(&bed, &job).await;
    finished(&bed, "j", "Failed").await;
    let pod = pod_in(&bed, "j", "Failed").await;
    assert_eq!(terminated(&pod)["reason"], "StartError");
    assert_eq!(terminated(&pod)["exitCode"], 128);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_container_is_refused_instead_of_ignored() {
    let bed = stopped().start().await.unwrap();
    let mut job = job("j", "exit 0", json!({}));
    let containers = &mut job["spec"]["template"]["spec"]["containers"];
    let second = json!({"name": "second", "image": SHELL});
    containers.as_array_mut().unwrap().push(second);
    create(&bed, &job).await;
    waiting(&bed, "j", "CreateContainerConfigError").await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn no_process_outlives_its_testbed() {
    let bed = stopped().start().await.unwrap();
    let script = "sleep 1000 & echo $! $$$$; wait";
    create(&bed, &job("j", script, json!({}))).await;
    let pod = pod_in(&bed, "j", "Running").await;
    said(&bed, &text(&pod["metadata"]["name"]), "\n").await;
    let shown = log(&bed, "j").await;
    let processes: Vec<String> = shown.split_whitespace().map(str::to_owned).collect();
    assert!(processes.iter().all(|it| it.parse::<u32>().is_ok()) && processes.len() == 2);
    drop(bed);
    let gone = tokio::time::timeout(PATIENCE, async {
        loop {
            let alive = |process: &String| {
                let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
                // A zombie has ended, and waits for a parent that looks.
                state.is_ok_and(|state| !state.contains(") Z "))
            };
            if !processes.iter().any(alive) {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    gone.await.unwrap();
}
