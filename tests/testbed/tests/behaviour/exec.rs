//! Commands in pods behave as with a real kubelet, and the files match the backups.

use http::{Request, StatusCode};
use serde_json::Value;
use testbed::{Backup, BackupState, PodAddress, Testbed};

use crate::support::{api, bed, fault, forward, get, next, send, text};

const V5: &str = "v5.channel.k8s.io";
const FOLDER: &str = "/opt/hivemq/backup";

/// The result of a command: its streams, and the outcome if one arrived.
struct Ran {
    stdout: String,
    stderr: String,
    outcome: Option<Value>,
}

impl Ran {
    fn code(&self) -> u8 {
        let outcome = self.outcome.as_ref().unwrap();
        if outcome["status"] == "Success" {
            return 0;
        }
        let code = outcome.pointer("/details/causes/0/message").unwrap();
        code.as_str().unwrap().parse().unwrap()
    }
}

async fn exec(bed: &Testbed, pod: &str, command: &[&str]) -> Result<Ran, (StatusCode, String)> {
    let (namespace, name) = pod.split_once('/').unwrap();
    let mut target =
        format!("{namespace}/pods/{name}/exec?container=hivemq&stdout=true&stderr=true");
    for argument in command {
        target += &format!("&command={}", argument.replace('/', "%2F"));
    }
    let (mut socket, protocol) = forward(bed, &target, &format!("{V5}, v4.channel.k8s.io")).await?;
    assert_eq!(protocol.as_deref(), Some(V5));
    assert_eq!(
        next(&mut socket).await.unwrap().unwrap()[..],
        [1],
        "no greeting"
    );
    let (mut stdout, mut stderr, mut outcome) = (Vec::new(), Vec::new(), None);
    while let Some(Ok(frame)) = next(&mut socket).await {
        match frame[0] {
            1 => stdout.extend_from_slice(&frame[1..]),
            2 => stderr.extend_from_slice(&frame[1..]),
            3 => outcome = Some(serde_json::from_slice(&frame[1..]).unwrap()),
            _ => {}
        }
    }
    Ok(Ran {
        stdout: text(stdout),
        stderr: text(stderr),
        outcome,
    })
}

async fn code(bed: &Testbed, pod: &str, command: &[&str]) -> u8 {
    exec(bed, pod, command).await.unwrap().code()
}

/// Returns the ordinals of the pods of a set that have a path.
async fn pods_with(bed: &Testbed, namespace: &str, count: usize, path: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for index in 0..count {
        if code(
            bed,
            &format!("{namespace}/broker-{index}"),
            &["test", "-d", path],
        )
        .await
            == 0
        {
            found.push(index);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_backup_is_a_folder_on_exactly_one_pod() {
    let bed = bed().await;
    for backup in bed.hivemq("messaging").unwrap().backups() {
        let pods = pods_with(&bed, "messaging", 3, &format!("{FOLDER}/{}", backup.id)).await;
        let wanted = usize::from(backup.state != BackupState::Failed);
        assert_eq!(pods.len(), wanted, "{}", backup.id);
    }
    // The backup is on the pod whose sidecar knows it.
    let known = format!("{FOLDER}/20250806-080853");
    assert_eq!(pods_with(&bed, "messaging", 3, &known).await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_backup_has_its_folder_and_its_file_when_it_is_done() {
    let bed = bed().await;
    let create = Request::post("/api/v1/management/backups").body(String::new());
    let answer = send(&bed, "messaging/broker-0", 8081, create.unwrap())
        .await
        .unwrap();
    let id = answer.json()["backup"]["id"].as_str().unwrap().to_owned();
    let folder = format!("{FOLDER}/{id}");
    let pods = pods_with(&bed, "messaging", 3, &folder).await;
    assert_eq!(pods.len(), 1, "it runs");
    let pod = PodAddress::new("messaging", &format!("broker-{}", pods[0]));
    let file = format!("{folder}/{id}.backup");
    assert!(!bed.files().exists(&pod, &file));
    let hivemq = bed.hivemq("messaging").unwrap();
    let done = hivemq.backup(&id).unwrap();
    hivemq.put(Backup::new(
        &id,
        done.created_at,
        Some(4096),
        BackupState::Completed,
    ));
    assert!(bed.files().exists(&pod, &file));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_away_stays_away() {
    let bed = bed().await;
    let (pod, from) = ("messaging/broker-0", format!("{FOLDER}/20250819-143025"));
    let size = exec(&bed, pod, &["du", "-sb", &from]).await.unwrap().stdout;
    assert_eq!(size, format!("50340065\t{from}\n"));
    assert_eq!(code(&bed, pod, &["mkdir", "-p", "/mnt/kept"]).await, 0);
    assert_eq!(code(&bed, pod, &["mv", &from, "/mnt/kept/it"]).await, 0);
    assert_eq!(code(&bed, pod, &["test", "-d", &from]).await, 1);
    assert!(
        bed.files()
            .exists(&PodAddress::new("messaging", "broker-0"), "/mnt/kept/it")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_may_be_named_by_the_environment() {
    let bed = bed().await;
    let printenv = ["printenv", "HIVEMQ_BACKUP_FOLDER"];
    let unset = exec(&bed, "messaging/broker-0", &printenv).await.unwrap();
    assert_eq!((unset.code(), unset.stdout.as_str()), (1, ""));
    let set = exec(&bed, "platform/broker-0", &printenv).await.unwrap();
    assert_eq!(
        (set.code(), set.stdout.as_str()),
        (0, "/mnt/shared/backup\n")
    );
    let backup = "/mnt/shared/backup/20250819-143025";
    assert_eq!(pods_with(&bed, "platform", 2, backup).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_seen_by_df_and_mv() {
    let bed = bed().await;
    fault(&bed, "disk-free=2048");
    let pod = "messaging/broker-0";
    let df = exec(&bed, pod, &["df", "-Pk", FOLDER])
        .await
        .unwrap()
        .stdout;
    let row: Vec<&str> = df.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row[3..], ["2", "100%", FOLDER], "{df}");
    let from = format!("{FOLDER}/20250819-143025");
    let full = exec(&bed, pod, &["mv", &from, "/mnt"]).await.unwrap();
    assert_eq!(full.code(), 1);
    assert!(
        full.stderr.ends_with(": No space left on device\n"),
        "{}",
        full.stderr
    );
    assert_eq!(code(&bed, pod, &["test", "-d", &from]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_the_image_lacks_has_no_exit_code() {
    let bed = bed().await;
    fault(&bed, "no-program=df");
    let pod = "messaging/broker-0";
    let outcome = exec(&bed, pod, &["df", "-Pk", FOLDER])
        .await
        .unwrap()
        .outcome;
    let outcome = outcome.unwrap();
    assert_eq!(
        (&outcome["status"], &outcome["code"]),
        (&"Failure".into(), &500.into())
    );
    let message = outcome["message"].as_str().unwrap();
    assert!(
        message.contains("exec: \"df\": executable file not found"),
        "{message}"
    );
    assert_eq!(code(&bed, pod, &["du", "-sk", FOLDER]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_leaves_the_output_without_an_outcome() {
    let bed = bed().await;
    fault(&bed, "exec-cut");
    let ran = exec(&bed, "messaging/broker-0", &["ls", FOLDER])
        .await
        .unwrap();
    assert!(ran.stdout.contains("20250819-143025"));
    assert!(ran.outcome.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_those_of_a_real_cluster() {
    let bed = bed().await;
    let refused = async |pod: &str| exec(&bed, pod, &["ls"]).await.err().unwrap();
    // With v5 the connection ends at the API server, which reports the kubelet's error as the outcome.
    let ran = exec(&bed, "notready/broker-0", &["ls"]).await.unwrap();
    assert_eq!(
        ran.outcome.unwrap()["message"],
        "Internal error occurred: unable to upgrade connection: container not found (\"hivemq\")"
    );
    let target = "notready/pods/broker-0/exec?container=hivemq&stdout=true&command=ls";
    let (status, body) = forward(&bed, target, "v4.channel.k8s.io")
        .await
        .unwrap_err();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, "container not found (\"hivemq\")\n");
    let (status, body) = refused("notready/broker-1").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("does not have a host assigned"), "{body}");
    assert_eq!(refused("messaging/broker-9").await.0, StatusCode::NOT_FOUND);
    let path = "/api/v1/namespaces/messaging/pods/broker-0/exec?stdout=true&command=ls";
    let (status, body) = get(&bed, path).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        body["message"],
        "a container name must be specified for pod broker-0, choose one of: [hivemq broker-backup]"
    );
    let (_, body) = get(&bed, &format!("{path}&container=nope")).await;
    assert_eq!(
        body["message"],
        "container nope is not valid for pod broker-0"
    );
    fault(&bed, "deny=create:pods/exec");
    let (status, body) = refused("messaging/broker-0").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(
        body.contains("pods \\\"broker-0\\\" is forbidden: \""),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_tell_the_clusters_time() {
    let now = "2025-09-06T10:00:00Z".parse().unwrap();
    let bed = Testbed::builder().now(now).start().await.unwrap();
    let answer = api(&bed, Request::get("/api/v1/nodes"), "").await;
    assert_eq!(answer.headers()["date"], "Sat, 06 Sep 2025 10:00:00 GMT");
}
