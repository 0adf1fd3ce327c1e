//! Copies in a store: the rate of an upload relative to a download into a file, memory, and listings.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde::Deserialize;
use testbed::Testbed;

use crate::download::{ID, Measured, SIZE, measure, rate, times};
use crate::figures::{median, paired_ratio, verdict, verdict_at_least};
use crate::object_storage::ObjectStorage;
use crate::{Failed, say};

const RUNS: usize = 3;
const PLAIN: f64 = 0.85;
const ENCRYPTED: f64 = 0.6;
/// The target for memory in MiB.
const MEMORY: f64 = 64.0;
const LISTING: f64 = 1.5;
const COPIES: usize = 10_000;
/// A recipient whose identity nothing knows.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

pub(crate) async fn copies(programs: &Path) -> Result<(), Failed> {
    let bed = Testbed::builder()
        .fault(format!("download-size={SIZE}").parse()?)
        .start()
        .await?;
    let storage = ObjectStorage::start().await?;
    tokio::task::block_in_place(|| uploads(programs, &bed, &storage))?;
    listings(programs, &bed).await
}

fn command(programs: &Path, home: &Path, bed: &Testbed, storage: &ObjectStorage) -> Command {
    let mut command = Command::new(programs.join("kubectl-broker"));
    command
        .env_clear()
        .env("HOME", home)
        .env("KUBECONFIG", bed.kubeconfig())
        .env("AWS_ENDPOINT_URL_S3", format!("http://{}", storage.address))
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        .env("AWS_REGION", "us-east-1")
        .current_dir(home);
    command
}

fn uploads(programs: &Path, bed: &Testbed, storage: &ObjectStorage) -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let run =
        |arguments: &[&str]| measure(command(programs, home.path(), bed, storage).args(arguments));
    run(&["store", "add", "plain", "s3://bench/plain"])?;
    run(&[
        "store",
        "add",
        "closed",
        "s3://bench/closed",
        "--recipient",
        RECIPIENT,
    ])?;
    let to = |store: &str| run(&["backup", "download", "--id", ID, "--to", store, "--force"]);
    let (mut files, mut plain, mut closed): (Vec<Measured>, _, _) = (vec![], vec![], vec![]);
    for _ in 0..RUNS {
        files.push(run(&["backup", "download", "--id", ID])?);
        std::fs::remove_dir_all(home.path().join("backups"))?;
        plain.push(to("plain")?);
        closed.push(to("closed")?);
    }
    // The ratio of rates is the inverse of that of times.
    let of_plain = paired_ratio(&times(&files), &times(&plain));
    let of_closed = paired_ratio(&times(&files), &times(&closed));
    let memory = plain
        .iter()
        .chain(&closed)
        .map(|it| it.memory)
        .fold(0.0, f64::max);
    say(&format!(
        "download of 4 GiB to a store {} / to a file {} = {of_plain:.2} (target 0.85: {}); encrypted {} = {of_closed:.2} (target 0.60: {}); peak memory {memory:.1} MiB (target 64: {})",
        rate(&plain),
        rate(&files),
        verdict_at_least(of_plain, PLAIN),
        rate(&closed),
        verdict_at_least(of_closed, ENCRYPTED),
        verdict(memory, MEMORY)
    ));
    Ok(())
}

async fn listings(programs: &Path, bed: &Testbed) -> Result<(), Failed> {
    let storage = ObjectStorage::start().await?;
    for number in 0..COPIES {
        let hour = number % 24;
        let day = 1 + number / 24 % 28;
        let year = 2000 + number / (24 * 28);
        storage.put(&format!(
            "list/v1/copies/prod/mqtt/broker/kubectl-broker_2fhivemq/{year}01{day:02}T{hour:02}0000000Z-0-{number:016x}-{number}.json"
        ));
        storage.put(&format!("list/v1/data/{number:016x}-{number:016x}/1"));
    }
    let home = tempfile::tempdir()?;
    let run = |arguments: &[&str]| {
        tokio::task::block_in_place(|| {
            let mut command = command(programs, home.path(), bed, &storage);
            measure(command.args(arguments))
        })
    };
    let mut listed = Vec::new();
    let mut starts = Vec::new();
    let mut plain = Vec::new();
    let mut requests = 0;
    for _ in 0..RUNS {
        // The start of the program and the credentials are no part of a listing.
        starts.push(run(&["store", "list"])?.time);
        plain.push(plain_listing(&storage).await?);
        storage.requests();
        listed.push(run(&["store", "ls", "s3://bench/list", "-o", "json"])?.time);
        requests = storage.requests();
    }
    let above: Vec<Duration> = listed
        .iter()
        .zip(&starts)
        .map(|(a, b)| a.saturating_sub(*b))
        .collect();
    let ratio = paired_ratio(&above, &plain);
    say(&format!(
        "store ls of 10,000 copies {:.0} ms above the start of the program / the plain listing {:.0} ms = {ratio:.2} (target 1.50: {}); {requests} requests",
        median(above).as_secs_f64() * 1e3,
        median(plain).as_secs_f64() * 1e3,
        verdict(ratio, LISTING)
    ));
    storage.requests();
    run(&[
        "store",
        "prune",
        "s3://bench/list",
        "--keep-last",
        "1",
        "--yes",
        "-o",
        "json",
    ])?;
    let requests = storage.requests();
    say(&format!("  prune of them: {requests} requests"));
    Ok(())
}

/// A page of a listing, as far as a client needs it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    contents: Vec<Listed>,
    next_continuation_token: Option<String>,
}

/// An object of a listing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[expect(dead_code, reason = "only read")]
    key: String,
    #[expect(dead_code, reason = "only read")]
    size: u64,
    #[expect(dead_code, reason = "only read")]
    last_modified: Timestamp,
    #[serde(rename = "ETag")]
    #[expect(dead_code, reason = "only read")]
    e_tag: Option<String>,
}

/// Reads the pages of a listing, one after the other, and what they say about each object. Every client needs this time.
async fn plain_listing(storage: &ObjectStorage) -> Result<Duration, Failed> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let begun = Instant::now();
    for prefix in ["list/v1/copies/", "list/v1/marks/"] {
        let mut token = String::new();
        loop {
            let address = format!(
                "http://{}/bench/?list-type=2&prefix={prefix}{token}",
                storage.address
            );
            let answer = client.get(address.parse()?).await?;
            let body = answer.into_body().collect().await?.to_bytes();
            let page: Page = quick_xml::de::from_reader(&*body)?;
            std::hint::black_box(&page.contents);
            let Some(next) = page.next_continuation_token else {
                break;
            };
            token = format!("&continuation-token={next}");
        }
    }
    Ok(begun.elapsed())
}
