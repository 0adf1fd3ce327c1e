use super::*;

const SMALL: &str = "
capabilities: {version: v1, types: [db]}
strategy: {type: custom, config: {command: make-backup}}
paths: {workdir: /w, artifacts: /a, temp_dump: /t/dump}
secrets: {api_token: a-token-of-some-length}
";

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    pairs.collect()
}

fn parsed(text: &str, pairs: &[(&str, &str)]) -> Config {
    Config::parse(text, &environment(pairs)).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn problems(text: &str) -> String {
    let problems = Config::parse(text, &Environment::new()).expect_err("it can't be used");
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn commands(config: &Config) -> &Commands {
    match &config.strategy.work {
        Work::Commands(commands) => commands,
        Work::FileArchive(_) => panic!("a strategy of commands"),
    }
}

fn archive(config: &Config) -> &FileArchive {
    match &config.strategy.work {
        Work::FileArchive(archive) => archive,
        Work::Commands(_) => panic!("a strategy of files"),
    }
}

#[test]
fn what_is_not_written_is_what_the_contract_says() {
    let config = parsed(SMALL, &[]);
    assert_eq!(
        (config.app.host.to_string().as_str(), config.app.port),
        ("0.0.0.0", 8000)
    );
    let artifact = &config.strategy.artifact;
    assert_eq!(artifact.filename, "backup.dat");
    assert_eq!(artifact.format, "binary");
    assert_eq!(artifact.content_type, "application/octet-stream");
    let commands = commands(&config);
    assert!(!commands.capture_stdout && !config.strategy.stream);
    assert_eq!(commands.workdir, PathBuf::from("/w"));
    assert_eq!(commands.shell, ["/bin/sh", "-c"]);
    assert_eq!(config.warnings, []);
    assert_eq!(
        serde_json::to_string(&config.capabilities).expect("it is JSON"),
        r#"{"version":"v1","types":["db"]}"#
    );
}

#[test]
fn strategies_have_aliases_and_capture_what_is_usual_for_them() {
    for (written, name, captures) in [
        ("Postgres", "database_dump", true),
        ("mysql", "database_dump", true),
        ("mariadb", "database_dump", true),
        ("DATABASE_DUMP", "database_dump", true),
        ("custom", "custom", false),
    ] {
        let config = parsed(&SMALL.replace("custom", written), &[]);
        assert_eq!(config.strategy.name, name);
        assert_eq!(commands(&config).capture_stdout, captures);
    }
    let files = SMALL.replace(
        "custom, config: {command: make-backup}",
        "filesystem, config: {paths: [a]}",
    );
    assert_eq!(parsed(&files, &[]).strategy.name, "file_archive");
}

#[test]
fn numbers_and_truth_values_may_come_from_the_environment() {
    let text = SMALL.replace(
        "command: make-backup",
        "command: x, capture_stdout: ${CAPTURE}, env: {N: 007, B: yes}",
    );
    let text = format!(
        "{text}\napp: {{port: \"${{PORT}}\", host: '::1'}}\nlimits: {{artifact_size: ${{SIZE:-2GiB}}}}\n"
    );
    let config = parsed(&text, &[("CAPTURE", "true"), ("PORT", "9000")]);
    assert!(commands(&config).capture_stdout);
    assert_eq!(config.app.port, 9000);
    assert_eq!(config.limits.artifact, 2 << 30);
    assert_eq!(
        commands(&config).env,
        environment(&[("B", "yes"), ("N", "007")])
    );
}

#[test]
fn a_command_is_text_for_the_shell_or_a_list_of_words() {
    let text = SMALL.replace(
        "command: make-backup",
        "commands: ['a | b', [pg_dump, --dbname, 'x y']], pre: one",
    );
    let config = parsed(&text, &[]);
    let shell = |text: &str| CommandLine::Shell(text.to_owned());
    assert_eq!(commands(&config).pre, [shell("one")]);
    let words = ["pg_dump", "--dbname", "x y"].map(str::to_owned).to_vec();
    assert_eq!(
        commands(&config).main,
        [shell("a | b"), CommandLine::Words(words)]
    );
}

#[test]
fn relative_patterns_are_below_the_base_whose_name_is_no_pattern() {
    let files = "file_archive, config: {paths: ['data/**', '/etc/app.conf', '~/x'], base_dir: '/srv/[1]/', compression: zstd}";
    let text = SMALL.replace("custom, config: {command: make-backup}", files);
    let config = parsed(&text, &[("HOME", "/home/app")]);
    let archive = archive(&config);
    assert_eq!(
        archive.patterns,
        ["/srv/[[]1[]]/data/**", "/etc/app.conf", "/home/app/x"]
    );
    assert_eq!(
        (archive.format, archive.compression),
        (Format::Tar, Compression::Zstd)
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_line() {
    let text = "\
app: {port: web, hots: 1}
capabilities:
  types: {a: b}
  est_size: big
strategy:
  type: databse
  artifact:
    filename: ../etc/passwd
    format: \"two\\nlines\"
    content_type: gzip
paths:
  workdir: ${WORKDIR}
  artifacts: [a]
secrets: {}
limits: {artifact_size: 1GB, waitng: 3}
";
    insta::assert_snapshot!(problems(text), @"
    line 1, column 13: Invalid integer for app.port: web
    line 1, column 18: app.hots is not known; did you mean app.host?
    line 3, column 3: capabilities.version is required
    line 3, column 10: capabilities.types must be a list of texts
    line 4, column 13: Invalid integer for capabilities.est_size: big
    line 6, column 9: Unsupported strategy type: databse; use database_dump, file_archive or custom
    line 8, column 15: strategy.artifact.filename must be a plain file name: no folder, no quotes, no backslash, nothing invisible, ASCII
    line 9, column 13: strategy.artifact.format must be one line of ASCII that is not empty
    line 10, column 19: strategy.artifact.content_type must be a media type, such as application/gzip
    line 12, column 3: Missing paths.temp_dump
    line 12, column 12: Missing required environment variable: WORKDIR
    line 13, column 14: paths.artifacts must be text
    line 14, column 10: secrets.api_token is required
    line 15, column 25: Invalid size for limits.artifact_size: 1GB; write a number of bytes, or one like `500MiB`
    line 15, column 30: limits.waitng is not known; did you mean limits.waiting?
    ");
}

#[test]
fn options_of_strategies_are_checked_at_start() {
    let with = |strategy: &str| {
        problems(&SMALL.replace("custom, config: {command: make-backup}", strategy))
    };
    insta::assert_snapshot!(with("custom, config: {command: a, commands: [b], shell: bash, env: {A: [1]}}"), @"
    line 3, column 57: strategy.config.command and strategy.config.commands can't both be set
    line 3, column 69: strategy.config.shell must be a list of words, such as [/bin/bash, -o, pipefail, -c]
    line 3, column 84: strategy.config.env.A must be text
    ");
    insta::assert_snapshot!(with("postgres, config: {commands: [a, b], stream: maybe, capture_stdout: on}"), @"
    line 3, column 36: strategy.config.capture_stdout needs exactly one command
    line 3, column 63: strategy.config.stream must be true or false
    ");
    insta::assert_snapshot!(with("custom, config: {command: '  ', stream: true}"), @"
    line 3, column 34: strategy.config.stream needs capture_stdout: true
    line 3, column 44: strategy.config.command must be a command, or a list of them; each is text for the shell, or a list of words
    ");
    insta::assert_snapshot!(with("custom, config: {pre: {a: b}}"), @"
    line 3, column 34: strategy.config.command is required
    line 3, column 40: strategy.config.pre must be a command, or a list of them; each is text for the shell, or a list of words
    ");
    insta::assert_snapshot!(with("custom, commands: {backup: [a]}, config: {commnd: x}"), @"
    line 3, column 36: strategy.commands is of an older layout; write pre, command and post into strategy.config
    line 3, column 59: strategy.config.command is required
    line 3, column 60: strategy.config.commnd is not known; did you mean strategy.config.command?
    ");
    insta::assert_snapshot!(with("file_archive, config: {paths: [], format: rar}"), @"
    line 3, column 48: strategy.config.paths is required: a list of paths or patterns
    line 3, column 60: strategy.config.format must be tar or zip
    ");
    insta::assert_snapshot!(with("file_archive, config: {paths: ['a/***'], format: zip, compression: xz, stream: true}"), @"
    line 3, column 40: strategy.config.stream needs format: tar, because the beginning of a zip is written last
    line 3, column 48: strategy.config.paths: a/*** is not a valid pattern: wildcards are either regular `*` or recursive `**`
    line 3, column 85: strategy.config.compression must be store or deflate for a zip, not xz
    ");
}

#[test]
fn a_document_that_is_no_mapping_is_refused() {
    assert_eq!(problems(""), "Configuration root must be a mapping");
    assert_eq!(
        problems("- a\n"),
        "line 1, column 1: Configuration root must be a mapping"
    );
}

#[test]
fn what_works_and_is_better_changed_is_a_warning() {
    let text = SMALL
        .replace("version: v1", "version: 2")
        .replace("a-token-of-some-length", "short");
    let warnings: Vec<_> = parsed(&text, &[])
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(warnings.join("\n"), @"
    line 2, column 25: capabilities.version must be v1: the orchestrator accepts no other
    line 5, column 22: secrets.api_token has fewer than 16 characters: it can be guessed
    ");
}

#[test]
fn other_secrets_have_any_name_and_are_never_shown() {
    let text = SMALL.replace(
        "{api_token",
        "{database_url: 'postgres://u:p4ss@db', api_token",
    );
    let config = parsed(&text, &[]);
    assert_eq!(config.secrets[0].expose(), "postgres://u:p4ss@db");
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("p4ss") && !shown.contains("a-token"),
        "{shown}"
    );
}

#[test]
fn a_token_that_no_header_can_carry_is_refused() {
    let text = SMALL.replace("a-token-of-some-length", "'with space'");
    assert!(problems(&text).contains("can't be sent in a header"));
}
