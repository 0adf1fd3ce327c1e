//! Lists of objects.

use super::{Caller, Got, all};
use crate::aws::{Bucket, Object};

async fn start(keys: &[&str]) -> Caller {
    let caller = Caller::start().await;
    let bucket = Bucket::new("list");
    caller
        .aws
        .add_bucket(keys.iter().fold(bucket, |bucket, key| {
            bucket.object(key, Object::new((*key).to_owned()))
        }));
    caller
}

async fn list(caller: &Caller, query: &str) -> Got {
    caller.ask(&format!("GET /list?list-type=2{query}")).await
}

/// Encodes a token for a query.
fn encoded(text: &str) -> String {
    let all = percent_encoding::NON_ALPHANUMERIC;
    percent_encoding::utf8_percent_encode(text, all).to_string()
}

/// Reads all pages, and returns their keys and prefixes.
async fn pages(caller: &Caller, query: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        assert!(found.len() < 10, "the pages do not end: {found:?}");
        let got = list(caller, &format!("{query}{token}")).await.ok();
        let root = got.root();
        let keys = root.children("Contents").filter_map(|it| it.child("Key"));
        let prefixes = root
            .children("CommonPrefixes")
            .filter_map(|it| it.child("Prefix"));
        let entries: Vec<_> = keys.chain(prefixes).map(str::to_owned).collect();
        assert_eq!(root.child("KeyCount"), Some(&*entries.len().to_string()));
        found.push(entries);
        let next = root.child("NextContinuationToken");
        assert_eq!(
            root.child("IsTruncated"),
            Some(if next.is_some() { "true" } else { "false" })
        );
        let Some(next) = next else {
            return found;
        };
        token = format!("&continuation-token={}", encoded(next));
    }
}

#[tokio::test]
async fn an_entry_has_the_facts_of_its_object() {
    let caller = start(&["a"]).await;
    caller.aws.put("list", "b", Object::new("").with_sha256());
    let got = list(&caller, "").await.ok();
    let root = got.root();
    assert_eq!(root.name, "ListBucketResult");
    assert_eq!(root.child("Name"), Some("list"));
    assert_eq!(root.child("MaxKeys"), Some("1000"));
    assert_eq!(got.header("x-amz-bucket-region"), "eu-central-1");
    let [first, second] = root.children("Contents").collect::<Vec<_>>()[..] else {
        panic!("{}", got.text());
    };
    assert_eq!(first.child("Size"), Some("1"));
    assert_eq!(
        first.child("LastModified"),
        Some("2025-11-09T14:30:00.000Z")
    );
    let etag = caller.aws.object("list", "a").unwrap().etag();
    assert_eq!(first.child("ETag"), Some(&*etag));
    assert_eq!(first.child("StorageClass"), Some("STANDARD"));
    assert_eq!(first.child("ChecksumAlgorithm"), Some("CRC64NVME"));
    assert_eq!(second.child("ChecksumAlgorithm"), Some("SHA256"));
}

#[tokio::test]
async fn pages_continue_where_the_last_one_ended() {
    let caller = start(&["a", "b/1", "b/2", "c", "d"]).await;
    let found = pages(&caller, "&max-keys=2").await;
    assert_eq!(found, [vec!["a", "b/1"], vec!["b/2", "c"], vec!["d"]]);
    assert_eq!(
        pages(&caller, "&prefix=b%2F&max-keys=1").await,
        [["b/1"], ["b/2"]]
    );
    assert_eq!(
        pages(&caller, "&start-after=b%2F1").await,
        [["b/2", "c", "d"]]
    );
    assert_eq!(pages(&caller, "&start-after=b%2F1&prefix=d").await, [["d"]]);
    assert_eq!(pages(&caller, "&start-after=z&prefix=d").await, [[""; 0]]);
    assert_eq!(pages(&caller, "&max-keys=0").await, [[""; 0]]);
    assert_eq!(pages(&caller, "&prefix=x").await, [[""; 0]]);
}

#[tokio::test]
async fn keys_with_the_same_folder_are_one_entry_of_one_page() {
    let caller = start(&["a/1", "a/2", "a0", "b/1", "b/2", "c"]).await;
    let found = pages(&caller, "&delimiter=%2F&max-keys=1").await;
    assert_eq!(found, [["a/"], ["a0"], ["b/"], ["c"]]);
    assert_eq!(
        pages(&caller, "&delimiter=%2F&prefix=a%2F").await,
        [["a/1", "a/2"]]
    );
    // The keys after the start still have the folder.
    let found = pages(&caller, "&delimiter=%2F&start-after=a%2F1").await;
    assert_eq!(found, [["a0", "c", "a/", "b/"]]);
}

#[tokio::test]
async fn a_page_has_at_most_1000_entries() {
    let caller = start(&[]).await;
    let objects = (0..1001).map(|number| (format!("{number:04}"), Object::new("")));
    caller.aws.add_bucket(Bucket::new("list").objects(objects));
    let found = pages(&caller, "&max-keys=5000").await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1]);
}

#[tokio::test]
async fn names_are_encoded_if_the_client_asks_for_it() {
    let key = "a b+c/ü&*\u{1}";
    let caller = start(&[key]).await;
    let plain = list(&caller, "").await.ok();
    assert_eq!(all(plain.text(), "Key"), ["a b+c/ü&amp;*&#x1;"]);
    assert!(all(plain.text(), "EncodingType").is_empty());
    let got = list(&caller, "&encoding-type=url&prefix=a%20&delimiter=%2B")
        .await
        .ok();
    assert_eq!(all(got.text(), "Prefix"), ["a+", "a+b%2B"]);
    assert_eq!(all(got.text(), "Delimiter"), ["%2B"]);
    let got = list(&caller, "&encoding-type=url").await.ok();
    assert_eq!(all(got.text(), "Key"), ["a+b%2Bc/%C3%BC%26*%01"]);
    assert_eq!(all(got.text(), "EncodingType"), ["url"]);
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let caller = start(&["a"]).await;
    for query in [
        "&max-keys=-1",
        "&max-keys=x",
        "&encoding-type=x",
        "&continuation-token=x",
        "&continuation-token=",
    ] {
        let got = list(&caller, query).await;
        assert_eq!(got.error(), (400, "InvalidArgument".to_owned()), "{query}");
    }
    // The first version of lists is not known.
    let got = caller.ask("GET /list").await;
    assert_eq!(got.error(), (501, "NotImplemented".to_owned()));
}

#[tokio::test]
async fn buckets_are_listed_with_their_regions() {
    let caller = start(&[]).await;
    caller
        .aws
        .add_bucket(Bucket::new("old").region("us-east-1"));
    caller.aws.add_bucket(Bucket::new("other").foreign());
    let got = caller.ask("GET /").await.ok();
    assert_eq!(all(got.text(), "Name"), ["acme", "list", "old"]);
    let regions = all(got.text(), "BucketRegion");
    assert_eq!(regions, ["eu-central-1", "eu-central-1", "us-east-1"]);
    let got = caller.ask("GET /list?location").await.ok();
    assert_eq!(got.root().text, "eu-central-1");
    let got = caller.ask("GET /list?versioning").await.ok();
    assert_eq!(got.root().name, "VersioningConfiguration");
    let got = caller.ask("GET /list?object-lock").await;
    let code = "ObjectLockConfigurationNotFoundError".to_owned();
    assert_eq!(got.error(), (404, code));
}
