//! The object stores of the tests themselves: each is as strict as the tests of the program need it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use http::Method;
use serde_json::json;

use crate::support::{
    Azurite, Cloud, Faulty, Folders, Gcs, Invocation, S3, Server, Then, Weed, When, aws_cli, send,
    unchecked,
};

/// Puts, lists, reads, damages and deletes objects.
fn check(cloud: &dyn Cloud) {
    cloud.put("a/1", b"one");
    cloud.put("a/2", b"");
    cloud.put("b", b"other");
    assert_eq!(cloud.list("a/"), [("a/1".into(), 3), ("a/2".into(), 0)]);
    assert_eq!(cloud.get("a/1"), b"one");
    cloud.damage("a/1", 1);
    assert_eq!(cloud.get("a/1"), b"ooe");
    cloud.delete("a/1");
    cloud.delete("b");
    assert_eq!(cloud.list(""), [("a/2".into(), 0)]);
    assert!(cloud.uploads().is_empty());
    cloud.begin("open", b"part");
    let uploads = cloud.uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].0, "open");
    assert_eq!(cloud.list(""), [("a/2".into(), 0)]);
}

#[test]
fn seaweedfs_is_a_strict_s3() {
    let weed = Weed::with_bucket("strict");
    check(&weed);
    assert_eq!(weed.create("new", b"1"), Ok(()));
    assert_eq!(weed.create("new", b"2"), Err(412));
    assert_eq!(weed.get("new"), b"1");
    let wrong = json!({"ChecksumSHA256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
    let mut put = json!({"do": "put", "key": "sum", "body": "MQ=="});
    put.as_object_mut()
        .expect("an object")
        .extend(wrong.as_object().expect("an object").clone());
    assert_eq!(weed.ask(put), Err(400));
    let get = json!({"do": "get", "key": "new"});
    let reader = weed.as_user("reader");
    assert_eq!(reader.ask(get.clone()), Ok(json!("MQ==")));
    assert_eq!(reader.create("more", b""), Err(403));
    let writer = weed.as_user("writer");
    assert_eq!(writer.create("more", b""), Ok(()));
    assert_eq!(writer.ask(get.clone()), Err(403));
    assert_eq!(weed.as_user("stranger").ask(get), Err(403));
}

#[test]
fn seaweedfs_holds_a_locked_version() {
    let weed = Weed::with_locked_bucket("locked");
    let until = "2099-01-01T00:00:00Z";
    weed.ask(json!({
        "do": "put", "key": "kept", "body": "MQ==",
        "ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until,
    }))
    .expect("a locked object");
    let versions = weed.ask(json!({"do": "versions", "key": "kept"}));
    let versions = versions.expect("a list");
    let version = &versions[0];
    let delete = json!({"do": "delete", "key": "kept", "VersionId": version});
    assert_eq!(weed.ask(delete), Err(403));
    // Without a version, a marker hides the object.
    weed.delete("kept");
    assert!(weed.list("").is_empty());
    assert_eq!(
        weed.ask(json!({"do": "versions", "key": "kept"})),
        Ok(versions)
    );
}

#[test]
fn moto_azurite_and_the_simulation_of_google_keep_objects() {
    let moto = S3::with_bucket("lax");
    check(&moto);
    assert_eq!(moto.create("new", b"1"), Ok(()));
    assert_eq!(moto.create("new", b"2"), Err(412));
    moto.close();
    assert_eq!(moto.get("new"), b"1");

    let azurite = Azurite::with_container("blobs");
    check(&azurite);
    assert_eq!(azurite.create("new", b"1"), Ok(()));
    assert_eq!(azurite.create("new", b"2"), Err(409));

    check(&Gcs::with_bucket("simulated"));
}

#[test]
fn the_simulation_of_google_has_generations() {
    let gcs = Gcs::with_bucket("simulated");
    let put = |condition: &str, body: &[u8]| {
        let headers =
            format!("authorization: Bearer \r\nx-goog-if-generation-match: {condition}\r\n");
        send(gcs.address(), "PUT /simulated/a", &headers, body)
    };
    let racers: Vec<_> = thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| put("0", b"first"))).collect();
        let joined = racers
            .into_iter()
            .map(|racer| racer.join().expect("an answer"));
        joined.collect()
    });
    let won = |answer: &&String| answer.starts_with("HTTP/1.1 200");
    let lost = |answer: &&String| answer.starts_with("HTTP/1.1 412");
    assert_eq!(racers.iter().filter(won).count(), 1);
    assert_eq!(racers.iter().filter(lost).count(), 7);
    let second = put("1", b"second");
    assert!(second.contains("x-goog-generation: 2"), "{second}");
    assert!(put("1", b"third").starts_with("HTTP/1.1 412"));
    assert_eq!(gcs.get("a"), b"second");
    let bearer = "authorization: Bearer \r\n";
    let read = |query: &str| {
        send(
            gcs.address(),
            &format!("GET /simulated/a{query}"),
            bearer,
            b"",
        )
    };
    assert!(read("").contains("x-goog-generation: 2"));
    assert!(read("?generation=1").starts_with("HTTP/1.1 404"));
    let missing = send(gcs.address(), "DELETE /simulated/none", bearer, b"");
    assert!(missing.starts_with("HTTP/1.1 404"));

    let ask = |request: &str, body: &[u8]| {
        let answer = send(gcs.address(), request, bearer, body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{request}: {answer}");
        answer
    };
    let begun = ask("POST /simulated/m?uploads", b"");
    let (_, upload) = begun.split_once("<UploadId>").expect("an upload");
    let (upload, _) = upload.split_once('<').expect("its end");
    let part = ask(
        &format!("PUT /simulated/m?partNumber=1&uploadId={upload}"),
        b"part",
    );
    let (_, tag) = part.split_once("etag: ").expect("a tag");
    let tag = tag.lines().next().expect("a line");
    let parts = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{tag}</ETag></Part></CompleteMultipartUpload>"
    );
    let done = ask(
        &format!("POST /simulated/m?uploadId={upload}"),
        parts.as_bytes(),
    );
    assert!(done.contains("x-goog-generation: 3"), "{done}");
    assert_eq!(gcs.get("m"), b"part");
    assert!(gcs.uploads().is_empty());
    let rest = ask("GET /simulated?list-type=2&start-after=a", b"");
    assert!(rest.contains("<Key>m</Key>") && !rest.contains("<Key>a</Key>"));
}

#[test]
fn stock_aws_reads_from_seaweedfs() {
    let weed = Weed::with_bucket("stock");
    weed.put("copies/a", b"bytes");
    let home = tempfile::tempdir().expect("a folder");
    let aws = Invocation::new(&aws_cli(), &Folders::shared(home.path()));
    let object = format!("{}/a", weed.url());
    let output = weed.known_to(aws).output(&["s3", "cp", &object, "-"]);
    assert_eq!(output.stdout, b"bytes", "{output:?}");
}

#[test]
fn faults_before_the_server_leave_nothing() {
    let moto = S3::with_bucket("faults");
    let faulty = Faulty::before(&moto);
    let puts = || When::method(Method::PUT);
    faulty.rule(puts().nth(1), Then::SlowDown(Some(7)));
    faulty.rule(puts().nth(2), Then::Forbidden);
    faulty.rule(puts().nth(3), Then::CloseBefore);
    assert_eq!(faulty.create("a", b"1"), Err(503));
    assert_eq!(faulty.create("a", b"1"), Err(403));
    assert_eq!(faulty.create("a", b"1"), Err(0));
    assert!(moto.list("").is_empty());
    assert_eq!(faulty.create("a", b"1"), Ok(()));
    assert_eq!(faulty.get("a"), b"1");

    let seen: Vec<_> = faulty.requests();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[0].path, "/faults/a");
    assert_eq!(seen[0].headers["if-none-match"], "*");
    assert_eq!(seen[4].method, Method::GET);
    faulty.list("b");
    assert!(faulty.requests()[0].query.contains("prefix=b"));

    faulty.heal();
    faulty.rule(
        When::any().path("/b").query("x=1").first(1),
        Then::SlowDown(Some(7)),
    );
    let read = || send(faulty.address(), "GET /faults/b?x=1", "", b"");
    assert!(read().contains("retry-after: 7"));
    assert!(read().starts_with("HTTP/1.1 404"));
}

#[test]
fn faults_after_the_server_leave_its_work() {
    let moto = S3::with_bucket("faults");
    let faulty = Faulty::before(&moto);
    faulty.rule(When::method(Method::PUT).first(1), Then::CloseAfter);
    assert_eq!(faulty.create("a", b"0123456789"), Err(0));
    assert_eq!(moto.get("a"), b"0123456789");

    faulty.rule(When::method(Method::GET).nth(1), Then::Damage(9));
    faulty.rule(When::method(Method::GET), Then::CutBody(4));
    assert_eq!(faulty.get("a"), b"0123456788");
    assert_eq!(faulty.ask(json!({"do": "get", "key": "a"})), Err(0));
    let mut stream = TcpStream::connect(faulty.address()).expect("a connection");
    let key = unchecked("s3");
    write!(
        stream,
        "GET /faults/a HTTP/1.1\r\nhost: faults\r\nauthorization: {key}\r\n\r\n"
    )
    .expect("a request");
    let mut answer = Vec::new();
    // The end may be a reset.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("content-length: 10"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n0123"), "{answer}");
}

#[test]
fn a_held_request_waits_for_the_test() {
    let moto = S3::with_bucket("faults");
    let faulty = Faulty::before(&moto);
    let before = faulty.hold_before(When::method(Method::PUT).path("/a"));
    let after = faulty.hold_after(When::method(Method::PUT).path("/b"));
    let put = |address: SocketAddr, key: &str| {
        let request = format!("PUT /faults/{key}");
        thread::spawn(move || send(address, &request, "", b"1"))
    };
    let a = put(faulty.address(), "a");
    before.wait();
    assert!(moto.list("").is_empty());
    let b = put(faulty.address(), "b");
    after.wait();
    assert_eq!(moto.list(""), [("b".into(), 1)]);
    assert!(!a.is_finished() && !b.is_finished());
    before.release();
    after.release();
    assert!(a.join().expect("an answer").starts_with("HTTP/1.1 200"));
    assert!(b.join().expect("an answer").starts_with("HTTP/1.1 200"));
    assert_eq!(moto.list("").len(), 2);

    faulty.rule(When::method(Method::PUT).path("/c"), Then::Hang);
    let c = put(faulty.address(), "c");
    while !faulty
        .requests()
        .iter()
        .any(|seen| seen.path == "/faults/c")
    {
        thread::yield_now();
    }
    assert!(!c.is_finished());
    // The end of the proxy closes the connection.
    drop(faulty);
    assert_eq!(c.join().expect("an end"), "");
    assert_eq!(moto.list("").len(), 2);
}

#[test]
fn servers_end_with_their_owner() {
    let moto = S3::with_bucket("gone");
    let azurite = Azurite::with_container("gone");
    let addresses = [moto.address(), azurite.address()];
    drop((moto, azurite));
    for address in addresses {
        assert!(TcpStream::connect(address).is_err(), "{address}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("left over");
    std::fs::write(&file, "").expect("a file");
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$; exec sleep 1000"]);
    let pid = |line: &str| line.trim().parse::<u32>().ok();
    let (server, pid) =
        Server::start(&command, std::slice::from_ref(&file), pid).expect("a process");
    let process = format!("/proc/{pid}");
    assert!(Path::new(&process).exists() && file.exists());
    drop(server);
    assert!(!Path::new(&process).exists() && !file.exists());

    let mut broken = Command::new("sh");
    broken.args(["-c", "echo no port >&2"]);
    let ended = Server::start(&broken, &[], |_| None::<()>);
    assert_eq!(ended.err().as_deref(), Some("sh ended: no port\n"));
}
