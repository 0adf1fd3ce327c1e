use std::fs;
use std::process::Command;

use crate::support::{BEARER, Bench, sha256, tool, until};
use crate::wire::{self, Reply, send};

fn whole(reply: &Reply) -> &[u8] {
    assert_eq!(
        reply.status,
        200,
        "{}",
        String::from_utf8_lossy(&reply.body)
    );
    assert!(reply.is_whole);
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    assert_eq!(reply.header("content-length"), None);
    assert_eq!(reply.header("trailer"), Some("x-checksum-sha256"));
    assert_eq!(reply.trailers["x-checksum-sha256"], sha256(&reply.body));
    &reply.body
}

#[test]
fn a_streamed_dump_has_its_checksum_behind_it_and_touches_no_disk() {
    let bench = Bench::new();
    let bytes: Vec<u8> = (0..1_000_003_u32)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    bench.write("work/source", &bytes);
    // `post` runs before the last bytes are sent.
    bench.configure(
        "type: database_dump
config:
  command: 'cat source; ls -A ../temp ../artifacts > seen'
  post: touch post-was-run
  stream: true",
    );
    let agent = bench.start();
    assert_eq!(whole(&agent.export()), bytes);
    assert!(bench.path("work/post-was-run").exists());
    let seen = fs::read_to_string(bench.path("work/seen")).expect("it was written");
    assert!(
        !seen.contains("dump") && !seen.contains("backup.dat"),
        "{seen}"
    );
    until("it is counted", || {
        agent.metric("broker_agent_sent_bytes_total") == "1000003"
    });
}

#[test]
fn a_streamed_archive_is_whole() {
    let bench = Bench::new();
    bench.write("work/data/a", vec![1; 300_000]);
    bench.configure("type: file_archive\nconfig: {paths: [data], compression: zstd, stream: true}");
    bench.write("download", whole(&bench.start().export()));
    let plain = tool(Command::new("zstd").arg("-dc"), &bench.path("download"));
    bench.write("plain.tar", plain);
    let mut tar = Command::new("tar");
    let content = tool(tar.args(["-xOf", "-", "data/a"]), &bench.path("plain.tar"));
    assert_eq!(content, vec![1; 300_000]);
}

#[test]
fn what_fails_before_its_first_byte_is_an_error_with_a_status() {
    let bench = Bench::new();
    for (strategy, text) in [
        (
            "{command: 'echo little; exit 4', stream: true}",
            "Command failed with exit code 4",
        ),
        (
            "{command: echo little, post: exit 5, stream: true}",
            "Command failed with exit code 5",
        ),
        (
            "{pre: exit 6, command: echo little, stream: true}",
            "Command failed with exit code 6",
        ),
        ("{command: 'true', stream: true}", "The artifact is empty"),
    ] {
        bench.configure(&format!("type: database_dump\nconfig: {strategy}"));
        let reply = bench.start().export();
        assert_eq!(reply.status, 500);
        assert!(reply.error().starts_with(text), "{}", reply.error());
    }
}

#[test]
fn what_fails_in_the_middle_can_not_be_taken_for_whole() {
    let bench = Bench::new();
    for strategy in [
        "{command: 'head -c 500000 /dev/zero; exit 4', stream: true}",
        "{command: 'head -c 500000 /dev/zero; kill -9 $$', stream: true}",
        "{command: 'head -c 500000 /dev/zero', post: 'false', stream: true}",
    ] {
        bench.configure(&format!("type: database_dump\nconfig: {strategy}"));
        let agent = bench.start();
        let reply = agent.export();
        assert_eq!(reply.status, 200);
        assert!(!reply.is_whole && reply.trailers.is_empty());
        assert!(reply.body.len() < 500_000);
        until("the failure is counted", || {
            agent.metric("broker_agent_exports_total{outcome=\"failed\"}") == "1"
        });
        until("the reason is in the log", || {
            agent.log().contains("aborted after")
        });
    }
}

#[test]
fn a_file_that_is_gone_when_its_turn_comes_breaks_the_stream() {
    let bench = Bench::new();
    // The file is larger than all buffers between the agent and a client that does not read.
    bench.write("work/data/a", vec![0; 50_000_000]);
    bench.write("work/data/b", "gone soon");
    bench.configure("type: file_archive\nconfig: {paths: [data], stream: true}");
    let agent = bench.start();
    let client = agent.begin();
    client
        .peek(&mut [0])
        .expect("the answer begins, so the files were found");
    fs::remove_file(bench.path("work/data/b")).expect("it is there");
    let reply = wire::read(client);
    assert_eq!(reply.status, 200);
    assert!(!reply.is_whole && reply.trailers.is_empty());
    until("the reason is in the log", || {
        agent.log().contains("data/b can't be read")
    });
}

#[test]
fn a_client_that_could_not_see_a_broken_end_is_refused() {
    let bench = Bench::new();
    bench.configure("type: database_dump\nconfig: {command: echo dump, stream: true}");
    let agent = bench.start();
    let reply = send(
        agent.address,
        &["POST /backup/export HTTP/1.0", BEARER],
        b"",
    );
    assert_eq!(reply.status, 505);
    assert_eq!(reply.error(), "A streamed export needs HTTP/1.1");
}
