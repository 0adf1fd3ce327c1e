use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use host_base::{Failure, Problem};
use serde_json::{Value, json};

use super::*;
use crate::testing::{Answers, FarEnd, serve, status};

const LS: Command<'_> = Command {
    pod: "broker-0",
    container: "hivemq",
    argv: &["ls", "-1", "/a b&c"],
    deadline: Duration::from_secs(10),
};

async fn run(
    script: impl Fn(FarEnd) -> BoxFuture<'static, ()> + Send + Sync + 'static,
) -> Result<CommandOutput, ClusterError> {
    serve(Answers::default(), script).await.exec(&LS).await
}

/// Runs a command whose far end sends only this outcome.
async fn ended(outcome: Value) -> Result<CommandOutput, ClusterError> {
    run(move |mut pod| {
        let outcome = outcome.to_string();
        async move { pod.message(3, outcome.as_bytes()).await }.boxed()
    })
    .await
}

fn success() -> String {
    json!({"metadata": {}, "status": "Success"}).to_string()
}

#[tokio::test]
async fn the_arguments_go_out_as_they_are_and_both_streams_come_back_apart() {
    let script = |mut pod: FarEnd| {
        async move {
            assert_eq!(pod.pod, "broker-0");
            assert_eq!(
                pod.query,
                "container=hivemq&stdout=true&stderr=true\
                 &command=ls&command=%2D1&command=%2Fa%20b%26c"
            );
            // A kubelet announces itself with an empty message.
            for (channel, text) in [
                (1, ""),
                (1, "one\n"),
                (2, "oh"),
                (255, "\u{1}"),
                (1, "two\n"),
            ] {
                pod.message(channel, text.as_bytes()).await;
            }
            pod.message(3, success().as_bytes()).await;
        }
        .boxed()
    };
    let cluster = serve(Answers::default(), script).await;
    let output = cluster.exec(&LS).await.unwrap();
    assert!(output.is_success());
    assert_eq!(output.stdout, b"one\ntwo\n");
    assert_eq!(output.stderr, b"oh");
    assert_eq!(cluster.request_count(), 1);
}

#[tokio::test]
async fn an_exit_code_is_an_answer_and_a_command_that_never_ran_is_an_error() {
    let failed = json!({
        "status": "Failure", "reason": "NonZeroExitCode",
        "message": "command terminated with non-zero exit code: exit status 2",
        "details": {"causes": [{"reason": "ExitCode", "message": "2"}]},
    });
    assert_eq!(ended(failed).await.unwrap().exit_code, 2);
    let unknown = json!({
        "status": "Failure", "reason": "InternalError", "code": 500,
        "message": "exec: \"ls\": executable file not found in $PATH\u{7}",
        "details": {"causes": [{"message": "no code"}]},
    });
    let error = ended(unknown).await.unwrap_err();
    assert!(
        matches!(error, ClusterError::CommandNotRun { .. }),
        "{error}"
    );
    assert!(
        error.to_string().ends_with("not found in $PATH\\u{7}"),
        "{error}"
    );
}

#[tokio::test]
async fn without_an_outcome_nothing_is_known_whatever_the_output_looked_like() {
    let closed = run(|mut pod| {
        async move {
            pod.message(1, b"all of it\n").await;
            pod.close().await;
        }
        .boxed()
    });
    let died = run(|mut pod| async move { pod.message(1, b"half").await }.boxed());
    let nonsense = ended(json!(["Success"]));
    for error in [closed.await, died.await, nonsense.await] {
        assert!(
            matches!(error, Err(ClusterError::CommandLost { .. })),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn more_output_than_is_kept_is_an_error_and_not_a_shorter_output() {
    let full = vec![b'x'; MAX_OUTPUT / 2];
    let script = |channel: u8, extra: usize| {
        let full = full.clone();
        move |mut pod: FarEnd| {
            let full = full.clone();
            async move {
                pod.message(channel, &full).await;
                pod.message(channel, &full).await;
                pod.message(channel, &vec![b'y'; extra]).await;
                pod.message(3, success().as_bytes()).await;
            }
            .boxed()
        }
    };
    assert_eq!(run(script(1, 0)).await.unwrap().stdout.len(), MAX_OUTPUT);
    let error = run(script(2, 1)).await.unwrap_err();
    assert!(
        matches!(
            error,
            ClusterError::CommandTooLoud {
                stream: "standard error",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_given_up_and_said_to_run_on() {
    let script = |pod: FarEnd| {
        async move {
            let _pod = pod;
            std::future::pending::<()>().await;
        }
        .boxed()
    };
    let cluster = serve(Answers::default(), script).await;
    let short = Command {
        deadline: Duration::from_millis(50),
        ..LS
    };
    let error = cluster.exec(&short).await.unwrap_err();
    assert_eq!(error.failure(), Failure::TimedOut);
    assert!(
        matches!(error, ClusterError::CommandTimedOut { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn refusals_are_explained() {
    let refused = async |code: u16, message: &str| {
        let answers = Answers::default().with("pods/broker-0/exec", code, &status(code, message));
        let cluster = serve(answers, |pod| pod.close().boxed()).await;
        cluster.exec(&LS).await.unwrap_err()
    };
    let error = refused(403, "User \"eve\" cannot get resource \"pods/exec\"").await;
    assert!(
        error
            .to_string()
            .starts_with("not allowed to get pods/exec broker-0 in namespace mqtt"),
        "{error}"
    );
    let hint = error.advice().unwrap();
    assert!(
        hint.contains("--verb=get,create --resource=pods/exec`"),
        "{hint}"
    );
    // Without a reason, it is the second check of Kubernetes 1.35.
    let error = refused(403, "pods \"broker-0\" is forbidden: ").await;
    assert!(error.to_string().contains("to create pods/exec"), "{error}");
    let error = refused(404, "pods \"broker-0\" not found").await;
    assert!(matches!(error, ClusterError::PodGone { .. }), "{error}");
    let error = refused(500, "container not found (\"hivemq\")").await;
    assert!(
        matches!(error, ClusterError::PodNotUsable { .. }),
        "{error}"
    );
    let error = refused(400, "container hivemq is not valid for pod broker-0").await;
    assert!(
        error.to_string().ends_with("is not valid for pod broker-0"),
        "{error}"
    );
}

/// Runs a command that the API server fails to pass to the kubelet at the first attempts.
async fn failing_at_first(
    times: usize,
    message: &'static str,
) -> (Result<CommandOutput, ClusterError>, usize) {
    let failed =
        json!({"status": "Failure", "reason": "InternalError", "code": 500, "message": message});
    let script = move |mut pod: FarEnd| {
        let outcome = if pod.number < times {
            failed.to_string()
        } else {
            success()
        };
        async move { pod.message(3, outcome.as_bytes()).await }.boxed()
    };
    let cluster = serve(Answers::default(), script).await;
    let ended = cluster.exec(&LS).await;
    (ended, cluster.request_count())
}

#[tokio::test]
async fn a_kubelet_that_is_away_is_asked_again_where_nothing_can_have_run() {
    let away = "Internal error occurred: error dialing backend: dial tcp 192.168.49.2:10250: connect: connection refused";
    let unknown = "Internal error occurred: unable to upgrade connection: pod does not exist";
    for message in [away, unknown] {
        let (ended, requests) = failing_at_first(1, message).await;
        assert!(ended.unwrap().is_success());
        assert_eq!(requests, 2);
    }
    let (ended, _) = failing_at_first(usize::MAX, away).await;
    let error = ended.unwrap_err();
    let ClusterError::KubeletFailed(failure) = &error else {
        panic!("{error}");
    };
    assert_eq!(failure.tries, 4);
    let stopped =
        "Internal error occurred: unable to upgrade connection: container not found (\"hivemq\")";
    let (ended, requests) = failing_at_first(1, stopped).await;
    let error = ended.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), requests),
        (
            "pod broker-0 can't be used: container not found (\"hivemq\")",
            1
        )
    );
    // The command may have run, so it is not repeated.
    let broken = "Internal error occurred: error sending request: Post \"https://192.168.49.2:10250/exec\": EOF";
    let (ended, requests) = failing_at_first(1, broken).await;
    assert!(
        matches!(ended, Err(ClusterError::CommandLost { .. })),
        "{ended:?}"
    );
    assert_eq!(requests, 1);
}
