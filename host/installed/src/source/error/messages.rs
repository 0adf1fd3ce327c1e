//! All that is said of components that could not be got.

use insta::assert_snapshot;
use testbed::messages;

use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn unreachable() -> WebError {
    WebError::Unreachable {
        host: text("registry.example"),
        reason: text("connection refused"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
fn what_is_said_of_components_that_could_not_be_got() {
    let errors = [
        SourceError::Unreadable {
            path: "a.wasm".into(),
            source: denied(),
        },
        SourceError::Unreadable {
            path: "a.wasm".into(),
            source: io::ErrorKind::NotFound.into(),
        },
        SourceError::NotAFile {
            path: "engines".into(),
        },
        SourceError::TooLong {
            what: text("a.wasm"),
            limit: 1000,
        },
        SourceError::BadUrl {
            url: text("https://"),
            reason: "it has no host",
        },
        SourceError::PlainHttp {
            url: text("http://engines.example/a.wasm"),
        },
        SourceError::Offline {
            what: text("registry.example/a:1"),
        },
        SourceError::Configuration {
            what: text("config.json"),
            reason: text("it is no JSON"),
        },
        SourceError::Web(unreachable()),
        SourceError::TimedOut {
            what: text("registry.example/a:1"),
            after: Duration::from_secs(30),
        },
        SourceError::TooManyRedirects {
            url: text("https://engines.example/a.wasm"),
            limit: 5,
        },
        SourceError::Downgrade {
            from: text("https://engines.example/a.wasm"),
            to: text("http://engines.example/a.wasm"),
        },
        SourceError::NotFound {
            what: text("registry.example/a:1"),
            message: text("MANIFEST_UNKNOWN"),
        },
        SourceError::NotAllowed {
            what: text("registry.example/a:1"),
            status: 401,
            message: String::new(),
        },
        SourceError::Status {
            what: text("registry.example/a:1"),
            status: 503,
            message: text("busy"),
        },
        SourceError::Broken {
            what: text("registry.example/a:1"),
            reason: text("it is no JSON"),
        },
        SourceError::Digest {
            what: text("registry.example/a:1"),
            expected: text("sha256:aa"),
            found: text("sha256:bb"),
        },
        SourceError::NotAnEngine {
            what: text("registry.example/a:1"),
            reason: text("it has 3 layers"),
        },
        SourceError::Index {
            what: text("registry.example/a:1"),
            images: texts([
                "registry.example/a@sha256:aa",
                "registry.example/a@sha256:bb",
            ]),
        },
        SourceError::Helper {
            program: text("docker-credential-pass"),
            reason: text("ended with 1"),
        },
        SourceError::HelperTimedOut {
            program: text("docker-credential-pass"),
            after: Duration::from_secs(30),
        },
        SourceError::PasswordInClear {
            host: text("registry.example"),
        },
    ];
    let table = messages!(
        SourceError {
            Unreadable,
            NotAFile,
            TooLong,
            BadUrl,
            PlainHttp,
            Offline,
            Configuration,
            Web,
            TimedOut,
            TooManyRedirects,
            Downgrade,
            NotFound,
            NotAllowed,
            Status,
            Broken,
            Digest,
            NotAnEngine,
            Index,
            Helper,
            HelperTimedOut,
            PasswordInClear,
        } passes on { Signature },
        errors
    );
    assert_snapshot!(table, @"
    Unreadable, exit 12
      can't read a.wasm: {source}
      hint: Check the path, and whether you may read it
    Unreadable, exit 10
      can't read a.wasm: {source}
      hint: the same
    NotAFile, exit 2
      engines is not a plain file
      hint: Name the `.wasm` file itself
    TooLong, exit 14
      a.wasm has more than 1000 bytes, the most that it may have
      hint: Name the engine itself, a `.wasm` file; if it is one, ask its author for a smaller one
    BadUrl, exit 2
      `https://` is no address that an engine can be fetched from: it has no host
      hint: Addresses look like https://HOST/ENGINE.wasm
    PlainHttp, exit 2
      http://engines.example/a.wasm would be fetched without TLS
      hint: Use https. For a registry of your own, `--insecure-registry HOST:PORT` allows it
    Offline, exit 2
      registry.example/a:1 is on the network, and `--offline` rules that out
      hint: Give a file or a bundle, or leave out `--offline`. `kubectl broker plugin bundle` makes a bundle on a machine with a network
    Configuration, exit 2
      config.json can't be used: it is no JSON
      hint: Correct the setting, or remove it
    Web, exit 1
      can't reach registry.example: connection refused
      hint: Check the name, the network, HTTPS_PROXY and NO_PROXY. A registry without TLS needs `--insecure-registry HOST:PORT`
    TimedOut, exit 124
      registry.example/a:1 did not come within 30s
      hint: Try again later
    TooManyRedirects, exit 1
      https://engines.example/a.wasm leads to another address more than 5 times
      hint: Ask whoever runs that address, or name the final one
    Downgrade, exit 1
      https://engines.example/a.wasm leads to http://engines.example/a.wasm, away from TLS
      hint: as TooManyRedirects
    NotFound, exit 10
      registry.example/a:1 does not exist: MANIFEST_UNKNOWN
      hint: Look at the name, the version, and the tag or digest
    NotAllowed, exit 12
      not allowed to read registry.example/a:1 (401)
      hint: Log in to the registry with `docker login HOST` (or `oras login HOST`)
    Status, exit 1
      registry.example/a:1 was answered with 503: busy
      hint: as TimedOut
    Broken, exit 1
      the answer for registry.example/a:1 can't be used: it is no JSON
      hint: Try again; if it stays so, ask whoever runs the server
    Digest, exit 13
      registry.example/a:1 has the digest sha256:bb, where sha256:aa was expected
      hint: The bytes were damaged or exchanged on the way. Ask the publisher for the digest
    NotAnEngine, exit 14
      registry.example/a:1 is no engine: it has 3 layers
      hint: An engine is one layer of the type application/wasm: `oras push REF ENGINE.wasm:application/wasm`
    Index, exit 2
      registry.example/a:1 is an index of 2 images that may be meant
      hint: Name one of them: registry.example/a@sha256:aa, registry.example/a@sha256:bb
    Helper, exit 12
      the credential helper `docker-credential-pass` ended with 1
      hint: The docker configuration names it in `credsStore` or `credHelpers`; `docker login` without a helper writes the password to that file
    HelperTimedOut, exit 124
      the credential helper `docker-credential-pass` did not answer within 30s
      hint: as Helper
    PasswordInClear, exit 12
      registry.example wants a password, which is not sent without TLS
      hint: Give the registry a certificate
    ");
}
