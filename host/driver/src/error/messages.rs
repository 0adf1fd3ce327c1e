//! All that an operation says when it could not be done.

use host_base::{Report, ReportKind, Terms};
use insta::assert_snapshot;
use testbed::messages;

use super::*;

/// The words of a program that has no command line.
struct NoFlags;

impl Terms for NoFlags {
    fn flag(&self, _: &str) -> Option<String> {
        None
    }

    fn command(&self, command: &str) -> Option<String> {
        Some(command.to_owned())
    }
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn denied() -> io::Error {
    io::ErrorKind::PermissionDenied.into()
}

fn transfer(kind: ReportKind, message: &str) -> TransferError {
    TransferError::Source(Report::new(kind, message))
}

fn refused(hint: Option<&str>) -> OpsError {
    let mut report = Report::new(ReportKind::Forbidden, "the backend refuses that");
    report.hint = hint.map(str::to_owned);
    OpsError::Engine(EngineError::Reported {
        engine: text("engine kubectl-broker/hivemq"),
        is_bundled: true,
        report,
    })
}

/// An error of the host that an engine passed on with these words and this hint.
fn in_context(is_bundled: bool, message: &str, hint: Option<&str>) -> OpsError {
    let mut report = Report::new(ReportKind::Unavailable, message);
    report.hint = hint.map(str::to_owned);
    OpsError::InContext {
        said: Box::new(EngineError::Reported {
            engine: text("engine acme/vault"),
            is_bundled,
            report,
        }),
        has_hint: hint.is_some(),
        source: Box::new(OpsError::NothingWhole),
    }
}

fn given(name: &str, command: &str, words: &str) -> GivenOption {
    GivenOption {
        name: text(name),
        command: text(command),
        words: text(words),
    }
}

fn not_authenticated(auth: Auth, were_sent: bool) -> OpsError {
    let report = Report::new(ReportKind::Unauthenticated, "GET /list answered 401");
    OpsError::NotAuthenticated(Box::new(NotAuthenticated {
        error: EngineError::Reported {
            engine: text("engine acme/small"),
            is_bundled: false,
            report,
        },
        auth,
        were_sent,
    }))
}

#[test]
#[expect(clippy::too_many_lines, reason = "all errors stand in one table")]
fn what_is_said_of_operations_that_could_not_be_done() {
    let errors = [
        OpsError::NotWhole {
            id: text("it's 1"),
            state: text("RUNNING"),
            reason: None,
            engine: text("hivemq"),
            running: true,
        },
        OpsError::NotWhole {
            id: text("20250906-114000"),
            state: text("FAILED"),
            reason: Some(text("disk full")),
            engine: text("hivemq"),
            running: false,
        },
        OpsError::Files {
            of: 1,
            failed: vec![transfer(ReportKind::Integrity, "a.zip is damaged")],
        },
        OpsError::Files {
            of: 3,
            failed: vec![
                transfer(ReportKind::Integrity, "a.zip is damaged"),
                transfer(ReportKind::NotFound, "b.zip is gone"),
            ],
        },
        OpsError::Files {
            of: 3,
            failed: vec![transfer(ReportKind::NotFound, "b.zip is gone")],
        },
        OpsError::NoFiles {
            engine: None,
            able: Vec::new(),
            get: None,
        },
        OpsError::NoFiles {
            engine: Some(text("kafka")),
            able: texts(["a", "b"]),
            get: None,
        },
        OpsError::NoFiles {
            engine: Some(text("hivemq")),
            able: Vec::new(),
            get: Some(text("kubectl broker store get nightly x")),
        },
        OpsError::TooSlow {
            id: text("1"),
            seconds: 30,
        },
        OpsError::NothingSaved {
            engine: text("acme/small"),
            id: text("1"),
        },
        OpsError::UnknownEngine {
            name: text("hivemk"),
            near: Some(text("hivemq")),
            known: texts(["hivemq", "kafka"]),
        },
        OpsError::UnknownEngine {
            name: text("x"),
            near: None,
            known: texts(["hivemq", "kafka"]),
        },
        OpsError::AmbiguousEngine {
            name: text("x"),
            engines: texts(["a/x", "b/x"]),
        },
        OpsError::CannotDo {
            engine: text("kafka"),
            operation: Operation::Download,
            reason: Some(text("files stay in the store")),
            able: texts(["hivemq", "strategy"]),
        },
        OpsError::CannotDo {
            engine: text("kafka"),
            operation: Operation::Download,
            reason: None,
            able: Vec::new(),
        },
        OpsError::NobodyCan {
            operation: Operation::Restore,
        },
        OpsError::OnlyNamed {
            what: text("restore"),
            command: text("restore"),
            operation: Operation::Restore,
            able: texts(["acme/small", "acme/large"]),
        },
        OpsError::NoSuchVerb {
            engine: Some(text("hivemq")),
            verb: text("metrics"),
            able: texts(["sidecar"]),
        },
        OpsError::NoSuchVerb {
            engine: None,
            verb: text("metrics"),
            able: Vec::new(),
        },
        OpsError::ManyHaveVerb {
            verb: text("metrics"),
            engines: texts(["sidecar", "acme/small"]),
            differ: false,
        },
        OpsError::ManyHaveVerb {
            verb: text("plan"),
            engines: texts(["acme/one", "zeta/two"]),
            differ: true,
        },
        OpsError::OtherVerb {
            verb: text("metrics"),
            engine: text("acme/small"),
            reader: text("sidecar"),
        },
        OpsError::VerbOption {
            engine: text("acme/small"),
            verb: text("metrics"),
            problem: text("has no option `all`"),
            able: Vec::new(),
        },
        OpsError::VerbOption {
            engine: text("acme/small"),
            verb: text("metrics"),
            problem: text("has no option `all`"),
            able: texts(["sidecar"]),
        },
        OpsError::EndedBadly {
            activity: Activity::Backup,
            id: text("1"),
            state: text("FAILED"),
            reason: Some(text("disk full")),
            engine: Some(text("hivemq")),
            partly: false,
        },
        OpsError::EndedBadly {
            activity: Activity::Restore,
            id: text("1"),
            state: text("PARTIAL"),
            reason: None,
            engine: None,
            partly: true,
        },
        OpsError::NeedsWaiting {
            flag: text("destination"),
        },
        OpsError::StandsStill {
            engine: text("aws"),
        },
        OpsError::NotItsOption {
            engine: text("kafka"),
            given: Box::new(given("scope", "list", "--scope local")),
            able: texts(["sidecar", "acme/one", "acme/two", "acme/three", "acme/four"]),
        },
        OpsError::NotItsOption {
            engine: text("kafka"),
            given: Box::new(given("scope", "list", "--scope local")),
            able: Vec::new(),
        },
        OpsError::ManyHaveOption {
            given: Box::new(given("kind", "list", "--kind x")),
            engines: texts(["acme/one", "zeta/two"]),
        },
        OpsError::OtherMeaning {
            engine: text("acme/one"),
            given: Box::new(given("kind", "list", "--kind x")),
            reader: text("kafka"),
        },
        OpsError::BadOptionValue {
            engine: text("kafka"),
            option: text("compression"),
            command: text("create"),
            needs: text("one of none, zstd"),
        },
        OpsError::OptionMissing {
            engine: text("acme/cnpg"),
            option: text("claim"),
            command: text("create"),
        },
        not_authenticated(Auth::Basic, false),
        not_authenticated(Auth::Basic, true),
        not_authenticated(Auth::Bearer, false),
        not_authenticated(Auth::None, false),
        OpsError::Unfinished {
            id: text("1"),
            source: Box::new(refused(Some("Ask for it"))),
        },
        OpsError::OtherTarget {
            id: text("20250905-130215"),
            begun_at: text("StatefulSet broker, namespace messaging of https://api.example"),
            session: text("StatefulSet other, namespace messaging of https://api.example"),
        },
        OpsError::NotEnded {
            id: text("1"),
            engine: text("hivemq"),
        },
        OpsError::StillRunning {
            id: text("1"),
            engine: text("hivemq"),
            seconds: 30,
        },
        OpsError::NoTrace {
            id: text("1"),
            state: text("COMPLETED"),
            engine: text("hivemq"),
            seconds: 30,
            timed_out: false,
        },
        OpsError::NoTrace {
            id: text("1"),
            state: text("COMPLETED"),
            engine: text("hivemq"),
            seconds: 30,
            timed_out: true,
        },
        OpsError::UnusableId {
            engine: text("hivemq"),
            reason: text("it has a slash"),
        },
        OpsError::NoPods {
            engine: text("kafka"),
        },
        OpsError::OutcomeUnknown {
            reason: text("connection reset"),
            engine: text("hivemq"),
        },
        OpsError::ExportLost {
            source: Box::new(refused(None)),
            broke_off: false,
            to_output: false,
        },
        OpsError::ExportLost {
            source: Box::new(refused(Some("Ask for it"))),
            broke_off: true,
            to_output: false,
        },
        OpsError::ExportLost {
            source: Box::new(refused(None)),
            broke_off: true,
            to_output: true,
        },
        OpsError::ExportTooSlow {
            seconds: 30,
            to_output: false,
        },
        OpsError::NothingToLeave {
            engine: text("strategy"),
        },
        OpsError::NotCopied {
            id: text("it's 1"),
            again: text("kubectl broker backup download --engine hivemq --id 1 --to nightly"),
            source: Box::new(OpsError::NoBackups {
                engine: text("hivemq"),
            }),
        },
        OpsError::NothingToCopy {
            engine: text("kafka"),
        },
        OpsError::OtherSource {
            copy: text("prod/mqtt/broker/hivemq/7@01234567"),
            of: text("prod/mqtt/broker/hivemq"),
        },
        OpsError::UnknownFile {
            path: "a.zip".into(),
        },
        OpsError::SeveralToRestore {
            copy: text("prod/mqtt/broker/acme/vault/7@01234567"),
            store: text("nightly"),
            count: 2,
        },
        OpsError::SeveralFiles {
            engine: text("vault"),
            to_output: false,
        },
        OpsError::SeveralFiles {
            engine: text("vault"),
            to_output: true,
        },
        OpsError::ReportOnOutput { verb: text("logs") },
        OpsError::SetIncomplete {
            source: Box::new(TransferError::Empty.into()),
            folder: "backups/b 1".into(),
            files: vec![text("/home/ann/backups/b 1/a\u{1b}.tar")],
            begins_anew: false,
        },
        OpsError::SetIncomplete {
            source: Box::new(OpsError::NoHome),
            folder: "backups/b".into(),
            files: (1..=7).map(|number| number.to_string()).collect(),
            begins_anew: true,
        },
        OpsError::OneOfSeveral {
            source: Box::new(
                TransferError::Exists {
                    path: "backups/b/a.tar".into(),
                }
                .into(),
            ),
        },
        OpsError::OneOfSeveral {
            source: Box::new(
                TransferError::Busy {
                    path: "backups/b/a.tar".into(),
                }
                .into(),
            ),
        },
        OpsError::NotConfirmed {
            what: text("restore 1 to broker"),
        },
        OpsError::WrongName {
            typed: String::new(),
            wanted: text("broker"),
        },
        OpsError::WrongName {
            typed: text("brokre"),
            wanted: text("broker"),
        },
        OpsError::HalfCredentials {
            missing: "password",
        },
        OpsError::UnknownCredentials {
            engine: text("acme/vault"),
            name: text("adm"),
            known: vec![text("admin")],
        },
        OpsError::UnknownCredentials {
            engine: text("acme/vault"),
            name: text("adm"),
            known: Vec::new(),
        },
        OpsError::NamedSecret {
            name: text("admin"),
            source: Box::new(ClusterError::SecretNotFound {
                name: text("vault"),
                namespace: text("messaging"),
                near: vec![text("vault-admin")],
            }),
        },
        OpsError::IdentitySecret {
            source: Box::new(ClusterError::SecretNotFound {
                name: text("aeg"),
                namespace: text("messaging"),
                near: vec![text("age")],
            }),
        },
        OpsError::IdentitySecret {
            source: Box::new(ClusterError::SecretKeyMissing {
                name: text("age"),
                namespace: text("messaging"),
                key: text("identity"),
                existing: vec![text("backups.key")],
            }),
        },
        OpsError::BadIdentitySecret {
            name: text("age"),
            namespace: text("messaging"),
            key: text("identity"),
            reason: text("it is not UTF-8"),
        },
        OpsError::IncompleteCredentials {
            name: text("admin"),
            missing: "token",
        },
        OpsError::BadCredentials {
            what: "a user name has no colon",
        },
        OpsError::LockedHere {
            operation: text("restore"),
            place: text("broker in namespace messaging"),
            holder: Some(text("process 7 of ann")),
            path: "/locks/a".into(),
        },
        OpsError::LockedHere {
            operation: text("restore"),
            place: text("broker in namespace messaging"),
            holder: None,
            path: "/locks/a".into(),
        },
        OpsError::LocalLock {
            path: "/locks/a".into(),
            source: denied(),
        },
        OpsError::NoHome,
        OpsError::NoRandomness,
        OpsError::NoBackups {
            engine: text("hivemq"),
        },
        OpsError::NothingChosen,
        OpsError::Menu { source: denied() },
        OpsError::NothingWhole,
        in_context(true, "no list of snapshots", None),
        in_context(false, "no list of snapshots", None),
        in_context(false, "no list", Some("Look at `_cat/health`")),
        in_context(
            false,
            &OpsError::NothingWhole.to_string(),
            Some("Look at `_cat/health`"),
        ),
        OpsError::Worker {
            reason: text("it panicked"),
        },
    ];
    for error in &errors {
        let hint = error.hint().and_then(|hint| hint.in_terms(&NoFlags));
        let hint = hint.unwrap_or_default();
        // A program without a command line must not tell its readers to give a flag.
        assert!(!hint.contains("`--"), "{hint}");
        assert!(!error.to_string().contains("`--"), "{error}");
    }
    let table = messages!(
        OpsError {
            NotWhole,
            InContext,
            Files,
            NoFiles,
            TooSlow,
            NothingSaved,
            UnknownEngine,
            AmbiguousEngine,
            CannotDo,
            NobodyCan,
            OnlyNamed,
            NoSuchVerb,
            ManyHaveVerb,
            OtherVerb,
            VerbOption,
            EndedBadly,
            NeedsWaiting,
            StandsStill,
            NotItsOption,
            ManyHaveOption,
            OtherMeaning,
            BadOptionValue,
            OptionMissing,
            NotAuthenticated,
            Unfinished,
            OtherTarget,
            NotEnded,
            StillRunning,
            NoTrace,
            UnusableId,
            NoPods,
            OutcomeUnknown,
            ExportLost,
            ExportTooSlow,
            NothingToLeave,
            SeveralFiles,
            ReportOnOutput,
            SetIncomplete,
            OneOfSeveral,
            NotConfirmed,
            WrongName,
            HalfCredentials,
            UnknownCredentials,
            NamedSecret,
            IdentitySecret,
            BadIdentitySecret,
            IncompleteCredentials,
            BadCredentials,
            LockedHere,
            LocalLock,
            NoHome,
            NoRandomness,
            NoBackups,
            NothingChosen,
            Menu,
            NothingWhole,
            Worker,
            NotCopied,
            NothingToCopy,
            OtherSource,
            UnknownFile,
            SeveralToRestore,
        } passes on { Cluster, Engine, Transfer, Store },
        errors
    );
    assert_snapshot!(table, @r#"
    NotWhole, exit 11
      backup it's 1 can't be downloaded: it is RUNNING
      hint: Follow it with `kubectl broker backup status --engine hivemq --id 'it'\''s 1'`
    NotWhole, exit 1
      backup 20250906-114000 can't be downloaded: it is FAILED (disk full)
      hint: `kubectl broker backup list --engine hivemq` shows which backups are complete
    Files, exit 13
      a.zip is damaged
    Files, exit 13
      2 of 3 files failed verification: a.zip is damaged; b.zip is gone
    Files, exit 3
      1 of 3 files failed verification: b.zip is gone
    NoFiles, exit 2
      no engine can restore from a file
      hint: Name a backup that the backend has with `--id ID` or `--latest`: no available engine takes files
    NoFiles, exit 2
      engine kafka can't restore from a file
      hint: Engines that can: a, b
    NoFiles, exit 2
      engine hivemq can't restore from a file
      hint: Get the file with `kubectl broker store get nightly x`, and restore it with the backend's own tools
    TooSlow, exit 124
      backup 1 did not arrive within 30 s
      hint: Run the same command again with a longer `--timeout` or none; the download resumes if the backend supports that
    NothingSaved, exit 14
      engine acme/small reported backup 1 as saved but wrote no file
      hint: Report this to the engine's author
    UnknownEngine, exit 2
      there is no engine `hivemk`
      hint: Did you mean `--engine hivemq`?
    UnknownEngine, exit 2
      there is no engine `x`
      hint: Available engines: hivemq, kafka
    AmbiguousEngine, exit 2
      engine `x` is ambiguous: a/x, b/x
      hint: Name the one you mean, for example `--engine a/x`
    CannotDo, exit 2
      engine kafka can't `download`: files stay in the store
      hint: Engines that can: hivemq, strategy
    CannotDo, exit 2
      engine kafka can't `download`
      hint: No available engine can
    NobodyCan, exit 2
      no engine can `restore`
      hint: `kubectl broker engines` shows what each engine can do
    OnlyNamed, exit 2
      no engine is chosen unasked to restore; engines that can: acme/small, acme/large
      hint: Name one with `kubectl broker backup restore --engine acme/small`, or let `auto` choose it with `kubectl broker plugin default acme/small --operations restore`
    NoSuchVerb, exit 2
      engine hivemq has no verb `metrics`
      hint: Use an engine that has it: `kubectl broker backup metrics --engine sidecar`
    NoSuchVerb, exit 2
      no engine has the verb `metrics`
      hint: as NobodyCan
    ManyHaveVerb, exit 2
      several engines have the verb `metrics`: sidecar, acme/small
      hint: Name the one you mean: `kubectl broker backup metrics --engine sidecar`, `kubectl broker backup metrics --engine acme/small`
    ManyHaveVerb, exit 2
      several engines have the verb `plan` with different meanings: acme/one, zeta/two
      hint: Name the one you mean: `kubectl broker backup plan --engine acme/one`, `kubectl broker backup plan --engine zeta/two`
    OtherVerb, exit 2
      the verb `metrics` of engine acme/small, which is the default, has other options than that of engine sidecar
      hint: as ManyHaveVerb
    VerbOption, exit 2
      the verb `metrics` of engine acme/small has no option `all`
      hint: `kubectl broker backup metrics --engine acme/small --help` shows its options
    VerbOption, exit 2
      the verb `metrics` of engine acme/small has no option `all`
      hint: Leave out the option, or use an engine that has it: `kubectl broker backup metrics --engine sidecar`
    EndedBadly, exit 1
      backup 1 failed: FAILED (disk full)
      hint: `kubectl broker backup list --engine hivemq` shows the state of all backups
    EndedBadly, exit 3
      restore of 1 is incomplete: PARTIAL
    NeedsWaiting, exit 2
      option `destination` takes effect when the backup is complete, so the command must wait
      hint: Leave out `--wait=false`; `--timeout` limits the time to wait
    StandsStill, exit 2
      engine aws does a part of the work itself, so the command must wait
      hint: as NeedsWaiting
    NotItsOption, exit 2
      engine kafka has no option `scope` for `list`
      hint: Leave out the option, or use an engine that has it: `kubectl broker backup list --engine sidecar --scope local`, `kubectl broker backup list --engine acme/one --scope local`, `kubectl broker backup list --engine acme/two --scope local`, `kubectl broker backup list --engine acme/three --scope local`
    NotItsOption, exit 2
      engine kafka has no option `scope` for `list`
      hint: Leave out the option
    ManyHaveOption, exit 2
      several engines have an option `kind` for `list` with different meanings: acme/one, zeta/two
      hint: Name the one you mean: `kubectl broker backup list --engine acme/one --kind x`, `kubectl broker backup list --engine zeta/two --kind x`
    OtherMeaning, exit 2
      option `kind` for `list` means something else to the chosen engine acme/one than to engine kafka
      hint: Name the one you mean: `kubectl broker backup list --engine kafka --kind x`, `kubectl broker backup list --engine acme/one --kind x`
    BadOptionValue, exit 2
      option `compression` of engine kafka must be one of none, zstd
      hint: `kubectl broker backup create --engine kafka --help` describes the option
    OptionMissing, exit 2
      engine acme/cnpg needs option `claim` for `create`
      hint: Give it: `kubectl broker backup create --engine acme/cnpg --claim CLAIM`
    NotAuthenticated, exit 12
      engine acme/small says: GET /list answered 401
      hint: Give the user name and password of the backend: `--username` with `--password-stdin`, `--password-file` or $BROKER_PASSWORD, or name a Secret that has them with `--credentials-secret`
    NotAuthenticated, exit 12
      engine acme/small says: GET /list answered 401
      hint: The backend refused the credentials that were sent: check that they are those of the backend and not those of the cluster
    NotAuthenticated, exit 12
      engine acme/small says: GET /list answered 401
      hint: Put the token of the backend into $BROKER_TOKEN, or name a Secret that has it as `token` with `--credentials-secret`
    NotAuthenticated, exit 12
      engine acme/small says: GET /list answered 401
      hint: The engine's manifest asks for no credentials at this endpoint, so none were sent: report this to the engine's author
    Unfinished, exit 12
      backup 1 is complete, but the step after it failed: {source}
      hint: Ask for it
    OtherTarget, exit 2
      backup 20250905-130215 was begun in StatefulSet broker, namespace messaging of https://api.example, and not in StatefulSet other, namespace messaging of https://api.example
      hint: Go on with it in the target where it was begun
    NotEnded, exit 124
      1 has not ended
      hint: Follow it with `kubectl broker backup status --engine hivemq --id 1`
    StillRunning, exit 124
      1 has not ended within 30 s; it continues in the backend
      hint: Follow it with `kubectl broker backup status --engine hivemq --id 1`, or give a longer `--timeout`
    NoTrace, exit 1
      the restore of 1 is not visible 30 s after the request: the state is still COMPLETED
      hint: The restore may have ended between two checks, or not have begun. Before you try again, check `kubectl broker backup status --engine hivemq --id 1` and the log of the backend
    NoTrace, exit 124
      the restore of 1 is not visible 30 s after the request: the state is still COMPLETED
      hint: the same
    UnusableId, exit 1
      the backend of engine hivemq named a backup with an unusable id: it has a slash
      hint: The backend chose this id; `kubectl broker backup list --engine hivemq -o json` shows it in full
    NoPods, exit 2
      engine kafka does not work with pods, so not every pod can be asked
      hint: Leave out `--pod`
    OutcomeUnknown, exit 1
      the answer was lost (connection reset), and no new backup is listed: it is unknown whether one was begun
      hint: Check `kubectl broker backup list --engine hivemq` before you try again
    ExportLost, exit 12
      {source}; no byte of the backup arrived, and it is unknown whether the backup was made
      hint: The same command makes a new backup
    ExportLost, exit 12
      {source}; nothing is kept, because this backend can't resume an interrupted backup
      hint: Ask for it. The same command makes a new backup
    ExportLost, exit 12
      {source}; the output is not a complete backup
      hint: the same
    ExportTooSlow, exit 124
      the backup did not arrive within 30 s; nothing is kept, because this backend can't resume an interrupted backup
      hint: Give a longer `--timeout`, or none; each try makes a new backup
    NothingToLeave, exit 2
      the command must wait for engine strategy, whose backend returns the backup in the response
      hint: Leave out `--wait=false`; `--timeout` limits the time of the whole command
    NotCopied, exit 10
      backup it's 1 is complete, but was not copied: {source}
      hint: Copy it with `kubectl broker backup download --engine hivemq --id 1 --to nightly`
    NothingToCopy, exit 2
      engine kafka can't copy backups to a store: it can't download them
      hint: Choose another engine with `--engine NAME`, or leave `--to` out
    OtherSource, exit 2
      copy prod/mqtt/broker/hivemq/7@01234567 is of another target: prod/mqtt/broker/hivemq
      hint: If you mean it, name it in full: `prod/mqtt/broker/hivemq/7@01234567`
    UnknownFile, exit 2
      nothing says which backup a.zip is
      hint: Name the backup with `--engine NAME`, `--id ID` and `--statefulset NAME`
    SeveralToRestore, exit 2
      copy prod/mqtt/broker/acme/vault/7@01234567 has 2 files, and a restore takes one
      hint: Download the files with `kubectl broker store get nightly prod/mqtt/broker/acme/vault/7@01234567`, and restore one of them with `kubectl broker backup restore --file FILE`
    SeveralFiles, exit 2
      engine vault may save several files here, which can't have the name of one
      hint: Leave out `--output-file`; `--output-dir FOLDER` chooses the folder
    SeveralFiles, exit 2
      engine vault may save several files here, which can't go to stdout
      hint: the same
    ReportOnOutput, exit 2
      stdout can't carry both the file that `logs` saves and the report of the verb
      hint: Give `--output-file` a name
    SetIncomplete, exit 13
      {source}; the set is incomplete: 1 file is complete in backups/b 1 (a\u{1b}.tar)
      hint: Run the same command again with `--force`: it resumes partial downloads, and replaces complete files unless a checksum proves them
    SetIncomplete, exit 3
      {source}; the set is incomplete: 7 files are complete in backups/b (1, 2, 3, 4, 5, 2 more)
      hint: as ExportLost
    OneOfSeveral, exit 11
      {source}
      hint: Choose another folder with `--output-dir`, or replace the file with `--force`: the old file stays until the new one is complete and verified
    OneOfSeveral, exit 11
      {source}
      hint: Choose another folder with `--output-dir`
    NotConfirmed, exit 2
      confirmation is required, so nothing was done: restore 1 to broker
      hint: Pass `--yes` to confirm; on a terminal you are asked for the name of the target
    WrongName, exit 2
      nothing was done: no name was typed, but `broker` is required
      hint: Run the same command again and type the name as the question shows it, or pass `--yes`
    WrongName, exit 2
      nothing was done: the typed name is `brokre`, not `broker`
      hint: the same
    HalfCredentials, exit 2
      the credentials of the backend have no password
      hint: Give `--username` with `--password-stdin`, `--password-file` or $BROKER_PASSWORD, or name a Secret with `--credentials-secret`
    UnknownCredentials, exit 2
      engine acme/vault takes no credentials `adm`
      hint: It takes: admin
    UnknownCredentials, exit 2
      engine acme/vault takes no credentials `adm`
      hint: Leave out `--credentials`, or name another engine with `--engine`
    NamedSecret, exit 10
      the credentials `admin` can't be read: {source}
      hint: Did you mean `--credentials admin=secret/vault-admin`?
    IdentitySecret, exit 10
      age identities can't be read: {source}
      hint: Did you mean `--identity secret/age`?
    IdentitySecret, exit 10
      age identities can't be read: {source}
      hint: Name the key with `--identity secret/age:KEY`
    BadIdentitySecret, exit 2
      can't read age identities from key identity of Secret age in namespace messaging: it is not UTF-8
      hint: Name another key with `--identity secret/age:KEY`, or create another Secret from a file of `age-keygen -o FILE`: `kubectl create secret generic NAME -n messaging --from-file=identity=FILE`
    IncompleteCredentials, exit 2
      the credentials `admin` have no token
      hint: Name a Secret that has it with `--credentials admin=secret/NAME`; its keys are `username` and `password`, or `token`
    BadCredentials, exit 2
      the credentials of the backend can't be used: a user name has no colon
      hint: as HalfCredentials
    LockedHere, exit 11
      another restore of broker in namespace messaging is running on this machine: process 7 of ann
      hint: Wait until the other process has ended; it holds the lock /locks/a
    LockedHere, exit 11
      another restore of broker in namespace messaging is running on this machine
      hint: the same
    LocalLock, exit 1
      the lock file /locks/a can't be used: {source}
      hint: Set HOME or XDG_STATE_HOME to a writable folder
    NoHome, exit 1
      there is no home folder to keep a lock in
      hint: as LocalLock
    NoRandomness, exit 1
      the system gives no random numbers
      hint: Check that /dev/urandom can be read
    NoBackups, exit 10
      engine hivemq has no backup to choose from
    NothingChosen, exit 130
      nothing was chosen
    Menu, exit 1
      the menu can't be shown: {source}
      hint: Name the backup with `--id`
    NothingWhole, exit 10
      no backup has succeeded
      hint: `kubectl broker backup list -o wide` shows all backups and why they failed
    InContext, exit 10
      no list of snapshots: {source}
      hint: as NothingWhole
    InContext, exit 10
      engine acme/vault says: no list of snapshots: {source}
      hint: as NothingWhole
    InContext, exit 10
      engine acme/vault says: no list: {source}
      hint: as NothingWhole
    InContext, exit 10
      {source}
      hint: as NothingWhole
    Worker, exit 1
      a worker of this process ended unexpectedly: it panicked
    "#);
}

#[test]
fn an_engine_adds_to_a_message_and_to_a_hint_without_losing_either() {
    let error = in_context(false, "no list", Some("Look at `_cat/health`"));
    assert_eq!(error.failure(), OpsError::NothingWhole.failure());
    assert_eq!(error.written_by(), Some("acme/vault"));
    let hint = error.hint().expect("a hint");
    assert_eq!(hint.engine(), None);
    assert!(
        hint.to_string()
            .ends_with(" and why they failed. Engine acme/vault adds: Look at `_cat/health`"),
        "{hint}"
    );
    // With a hint alone, the error is the original, and this program wrote it.
    let same = OpsError::NothingWhole.to_string();
    let error = in_context(false, &same, Some("Look at `_cat/health`"));
    assert_eq!(error.to_string(), same);
    assert_eq!(error.written_by(), None);
    // An original without a hint leaves the engine's.
    let OpsError::InContext { said, .. } = error else {
        panic!("{error}");
    };
    let error = OpsError::InContext {
        said,
        has_hint: true,
        source: Box::new(OpsError::NothingChosen),
    };
    let hint = error.hint().expect("a hint");
    assert_eq!(hint.engine(), Some("acme/vault"));
}
