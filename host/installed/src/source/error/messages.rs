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
      a.wasm is too large: at most 1000 bytes are allowed
      hint: Name the engine itself, a `.wasm` file; if this is the engine, ask its author for a smaller one
    BadUrl, exit 2
      `https://` is not a valid address of an engine: it has no host
      hint: Addresses look like https://HOST/ENGINE.wasm
    PlainHttp, exit 2
      refusing to fetch http://engines.example/a.wasm without TLS
      hint: Use https. For a registry of your own, `--insecure-registry HOST:PORT` allows it
    Offline, exit 2
      registry.example/a:1 is on the network, which `--offline` excludes
      hint: Give a file or a bundle, or leave out `--offline`. `kubectl broker plugin bundle` makes a bundle on a machine with a network
    Configuration, exit 2
      config.json can't be used: it is no JSON
      hint: Correct the setting, or remove it
    Web, exit 1
      can't reach registry.example: connection refused
      hint: Check the name, the network, HTTPS_PROXY and NO_PROXY. A registry without TLS needs `--insecure-registry HOST:PORT`
    TimedOut, exit 124
      fetching registry.example/a:1 timed out after 30s
      hint: Try again later
    TooManyRedirects, exit 1
      https://engines.example/a.wasm redirects more than 5 times
      hint: Ask the operator of that server, or give the final address
    Downgrade, exit 1
      https://engines.example/a.wasm redirects to http://engines.example/a.wasm without TLS
      hint: as TooManyRedirects
    NotFound, exit 10
      registry.example/a:1 does not exist: MANIFEST_UNKNOWN
      hint: Check the name, the version, and the tag or digest
    NotAllowed, exit 12
      not allowed to read registry.example/a:1 (401)
      hint: Log in to the registry with `docker login HOST` (or `oras login HOST`)
    Status, exit 1
      the server answered 503 to the request for registry.example/a:1: busy
      hint: as TimedOut
    Broken, exit 1
      the answer for registry.example/a:1 is invalid: it is no JSON
      hint: Try again; if the error repeats, ask the operator of the server
    Digest, exit 13
      registry.example/a:1 has the digest sha256:bb, not the expected sha256:aa
      hint: The bytes were damaged or replaced in transit. Ask the publisher for the digest
    NotAnEngine, exit 14
      registry.example/a:1 is not an engine: it has 3 layers
      hint: An engine is one layer of the type application/wasm: `oras push REF ENGINE.wasm:application/wasm`
    Index, exit 2
      registry.example/a:1 is an index of 2 possible images
      hint: Name one of them: registry.example/a@sha256:aa, registry.example/a@sha256:bb
    Helper, exit 12
      the credential helper `docker-credential-pass` ended with 1
      hint: The docker configuration names the helper in `credsStore` or `credHelpers`; `docker login` without a helper writes the password to that file
    HelperTimedOut, exit 124
      the credential helper `docker-credential-pass` did not answer within 30s
      hint: as Helper
    PasswordInClear, exit 12
      registry.example wants a password, which is not sent without TLS
      hint: Give the registry a certificate
    ");
}
