//! Copies of documents within S3: engine aws relative to `aws s3 sync`, against the same server.
//!
//! Nothing sets how many copies the program has in flight: it is always up to 32. A plain client that sends the same
//! requests shows what one and 32 at a time are worth with this server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use testbed::aws::{Aws, Bucket, Object, REGION};

use crate::download::{Measured, measure, times};
use crate::figures::{median, paired_ratio, verdict_at_least};
use crate::{Failed, say};

const RUNS: usize = 3;
const COPIES: u32 = 20_000;
/// The size of each document in bytes.
const SIZE: usize = 1024;
/// The program must not be slower than `aws s3 sync`.
const TARGET: f64 = 1.0;
/// The version of `aws`, as pip takes it.
const AWS_CLI: &str = "awscli>=1.40,<2";
/// A signature that the simulation reads and does not check.
const UNCHECKED: &str = "AWS4-HMAC-SHA256 Credential=AKIABENCH/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=x";

pub(crate) async fn copies(programs: &Path) -> Result<(), Failed> {
    let aws_cli = tokio::task::block_in_place(|| aws_cli(programs))?;
    let aws = Aws::start().await?;
    // A record of all requests would take more memory than the objects.
    aws.record(false);
    let text = "x".repeat(SIZE);
    let objects = (0..COPIES).map(|at| (key(at), Object::new(text.clone())));
    aws.add_bucket(Bucket::new("documents").objects(objects));
    let home = tempfile::tempdir()?;
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", home.path())
            .env("AWS_ENDPOINT_URL", aws.url())
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIABENCH")
            .env("AWS_SECRET_ACCESS_KEY", "x")
            .current_dir(home.path());
        command
    };
    // Each copy is into an empty bucket.
    let emptied = || aws.add_bucket(Bucket::new("copies"));
    let backup = || {
        emptied();
        let mut command = command(&programs.join("kubectl-broker"));
        command.args(["backup", "create", "--engine", "aws", "--documents-only"]);
        command.args(["--source-bucket", "documents"]);
        measure(command.args(["--destination-bucket", "copies"]))
    };
    let sync = || {
        emptied();
        let mut command = command(&aws_cli);
        command.args(["s3", "sync", "s3://documents", "s3://copies"]);
        let measured = measure(command.arg("--only-show-errors"))?;
        check(&aws)?;
        Ok::<_, Failed>(measured)
    };
    let (mut backups, mut syncs) = (vec![], vec![]);
    tokio::task::block_in_place(|| {
        // The first command compiles the engine, which is no part of a backup.
        backup()?;
        for _ in 0..RUNS {
            backups.push(backup()?);
            syncs.push(sync()?);
        }
        Ok::<_, Failed>(())
    })?;
    let mut plain = Vec::new();
    for at_once in [1, 32] {
        emptied();
        plain.push(plain_copies(&aws, at_once).await?);
        check(&aws)?;
    }
    let ratio = paired_ratio(&times(&syncs), &times(&backups));
    let memory = |of: &[Measured]| of.iter().map(|it| it.memory).fold(0.0, f64::max);
    say(&format!(
        "copies of 20,000 objects of 1 KiB by engine aws {} / by `aws s3 sync` {} = {ratio:.2} (target 1.00: {}); peak memory {:.1} MiB / {:.1} MiB",
        rate(median(times(&backups))),
        rate(median(times(&syncs))),
        verdict_at_least(ratio, TARGET),
        memory(&backups),
        memory(&syncs),
    ));
    let rates: Vec<_> = plain.into_iter().map(rate).collect();
    say(&format!(
        "  the same requests of a plain client, without signatures, lists and journals: {} one at a time, {} 32 at a time",
        rates[0], rates[1]
    ));
    Ok(())
}

fn key(at: u32) -> String {
    format!("document_library/20097/{at:05}.pdf")
}

/// Fails unless all documents are copied.
fn check(aws: &Aws) -> Result<(), Failed> {
    let copied = aws.keys("copies").len();
    if copied == usize::try_from(COPIES)? {
        return Ok(());
    }
    Err(format!("only {copied} objects were copied").into())
}

fn rate(time: Duration) -> String {
    format!("{:.0}/s", f64::from(COPIES) / time.as_secs_f64())
}

/// Copies the documents with this many requests in flight, and does nothing else.
async fn plain_copies(aws: &Aws, at_once: usize) -> Result<Duration, Failed> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let url = aws.url();
    let begun = Instant::now();
    let copies = stream::iter(0..COPIES).map(|at| {
        let (client, key) = (&client, key(at));
        let request = Request::put(format!("{url}/copies/{key}"))
            .header("authorization", UNCHECKED)
            .header("x-amz-checksum-algorithm", "SHA256")
            .header("x-amz-copy-source", format!("/documents/{key}"))
            .body(Empty::new());
        async move {
            let answer = client.request(request?).await?;
            answer.into_body().collect().await?;
            Ok::<_, Failed>(())
        }
    });
    copies
        .buffer_unordered(at_once)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await?;
    Ok(begun.elapsed())
}

/// Returns `aws` from PyPI in an environment of its own, which is made once.
fn aws_cli(programs: &Path) -> Result<PathBuf, Failed> {
    let folder = programs.join("bench-awscli");
    let program = folder.join("bin/aws");
    if !program.exists() {
        let mut python = Command::new("python3");
        measure(python.args(["-m", "venv"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        measure(pip.args(["install", "--quiet", AWS_CLI]))?;
    }
    Ok(program)
}
