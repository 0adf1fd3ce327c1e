use crate::support::Bench;

fn told(bench: &Bench, arguments: &[&str]) -> (Option<i32>, String) {
    let output = bench.run(arguments);
    assert!(output.stdout.is_empty());
    let root = bench.path("").display().to_string();
    let text = String::from_utf8(output.stderr).expect("text");
    (
        output.status.code(),
        text.replace(root.trim_end_matches('/'), "ROOT"),
    )
}

#[test]
fn all_that_is_wrong_is_said_before_anything_starts() {
    let bench = Bench::new();
    bench.write(
        "config.yaml",
        "app: {port: high}\nstrategy: {type: tape}\nsecrets: {api_token: \"${API_TOKEN}\"}\n",
    );
    for arguments in [&[][..], &["--check"]] {
        let (code, text) = told(&bench, arguments);
        assert_eq!(code, Some(2));
        insta::allow_duplicates! {
            insta::assert_snapshot!(text, @"
            error: config.yaml can't be used
              line 1, column 1: capabilities.version is required
              line 1, column 1: capabilities.types is required
              line 1, column 1: Missing paths.workdir
              line 1, column 1: Missing paths.artifacts
              line 1, column 1: Missing paths.temp_dump
              line 1, column 13: Invalid integer for app.port: high
              line 2, column 18: Unsupported strategy type: tape; use database_dump, file_archive or custom
              line 3, column 22: Missing required environment variable: API_TOKEN
            ");
        }
    }
}

#[test]
fn a_configuration_can_be_checked_without_touching_anything() {
    let bench = Bench::new().env("NAME", "x");
    bench.configure("type: custom\nconfig: {command: 'echo ${NAME}'}");
    assert_eq!(
        told(&bench, &["--check"]),
        (Some(0), "config.yaml can be used\n".to_owned())
    );
    assert!(!bench.path("artifacts").exists());
}

#[test]
fn a_file_that_is_missing_is_named() {
    let (code, text) = told(&Bench::new(), &[]);
    assert_eq!(
        (code, text.as_str()),
        (
            Some(2),
            "error: Configuration file not found: config.yaml\n"
        )
    );
}

#[test]
fn folders_that_can_not_be_used_are_found_at_start() {
    let bench = Bench::new();
    bench.configure("type: custom\nartifact: {filename: out}\nconfig: {command: x}");
    bench.write("artifacts/out/file", "");
    bench.write("temp/dump/file", "");
    let (code, text) = told(&bench, &[]);
    assert_eq!(code, Some(2));
    insta::assert_snapshot!(text, @"
    error: config.yaml can't be used
      paths.temp_dump: ROOT/temp/dump: is a directory
      strategy.artifact.filename: ROOT/artifacts/out: is a directory
    ");
}

#[test]
fn two_agents_never_share_their_files() {
    let bench = Bench::new();
    bench.configure("type: custom\nconfig: {command: x}");
    let _first = bench.start();
    let (code, text) = told(&bench, &["--log-level", "error"]);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!(text, @"error: Another agent uses ROOT/artifacts/.broker-agent.lock: each needs folders of its own");
}

#[test]
fn a_port_that_is_taken_is_said_with_what_to_do() {
    let bench = Bench::new();
    bench.configure("type: custom\nconfig: {command: x}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let config = std::fs::read_to_string(bench.path("config.yaml")).expect("it is there");
    bench.write(
        "config.yaml",
        config.replace("port: 0", &format!("port: {port}")),
    );
    let (code, text) = told(&bench, &["--log-level", "error"]);
    assert_eq!(code, Some(1));
    let text = text.replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(text, @"error: No connections can be accepted at 127.0.0.1:PORT: Address already in use (os error 98); set app.host and app.port to a free address");
}

#[test]
fn the_help_names_every_flag() {
    let output = Bench::new().run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(String::from_utf8(output.stdout).expect("text"), @"
    Sidecar that makes a backup of its application on request over HTTP, and returns it as the answer

    Usage: broker-agent [OPTIONS]

    Options:
          --config <FILE>      Configuration file [env: SIDECAR_CONFIG_PATH=] [default:
                               /etc/sidecar/config.yaml]
          --check              Check the configuration, list all its errors, and exit
          --log-level <LEVEL>  Minimum level of the lines on stderr [env: BROKER_AGENT_LOG=] [default:
                               info] [possible values: error, warn, info, debug]
      -h, --help               Print help
      -V, --version            Print version
    ");
}
