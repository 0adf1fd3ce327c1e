//! Marks dangerous capabilities, so that they come first when a user decides.
//!
//! A mark too many costs a look; a missing one may cost a cluster. Therefore commands are marked unless they
//! are known to be harmless, and any word that may name a shell counts as a shell.

use std::collections::BTreeSet;
use std::fmt;

use broker_manifest::{
    AwsService, Method, ObjectKind, ResourceVerb, Route, Scope, StorePlace, StoreVerb,
};

/// The reason why a capability is dangerous, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// The engine is chosen without being named.
    Default,
    /// A shell, an interpreter, or a program that starts others: it can do anything in the pod.
    Shell,
    Secrets,
    /// RBAC, and objects that decide about requests to the API server.
    Permissions,
    /// Objects that run programs in the cluster.
    Workloads,
    OtherNamespace,
    ClusterWide,
    AnyBucket,
    /// Credentials of the user are added.
    Credentials,
    /// The engine decides whose certificate is accepted.
    Certificate,
    Writes,
    /// A command that is not known to be harmless.
    Command,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Shell => "shell",
            Self::Secrets => "secrets",
            Self::Permissions => "permissions",
            Self::Workloads => "workloads",
            Self::OtherNamespace => "other namespace",
            Self::ClusterWide => "cluster-wide",
            Self::AnyBucket => "any bucket",
            Self::Credentials => "credentials",
            Self::Certificate => "certificate",
            Self::Writes => "writes",
            Self::Command => "command",
        })
    }
}

/// Shells, interpreters, database clients with a language, and programs that start the program in their
/// arguments.
const SHELLS: &[&str] = &[
    // These are shells.
    "sh",
    "ash",
    "bash",
    "busybox",
    "csh",
    "dash",
    "elvish",
    "fish",
    "ksh",
    "mksh",
    "nu",
    "oksh",
    "osh",
    "pdksh",
    "posh",
    "powershell",
    "pwsh",
    "rbash",
    "rc",
    "tcsh",
    "toybox",
    "xonsh",
    "yash",
    "zsh",
    "cmd",
    // These are interpreters.
    "awk",
    "bun",
    "clojure",
    "deno",
    "ed",
    "elixir",
    "emacs",
    "erl",
    "ex",
    "expect",
    "gawk",
    "gdb",
    "groovy",
    "guile",
    "irb",
    "java",
    "jjs",
    "jrunscript",
    "jshell",
    "julia",
    "kotlin",
    "lua",
    "luajit",
    "m4",
    "make",
    "mawk",
    "micropython",
    "nawk",
    "node",
    "nodejs",
    "ocaml",
    "octave",
    "perl",
    "php",
    "pypy",
    "python",
    "qjs",
    "racket",
    "raku",
    "rscript",
    "r",
    "ruby",
    "sbcl",
    "scala",
    "sed",
    "tclsh",
    "vi",
    "view",
    "vim",
    "nvim",
    "wish",
    "wasmtime",
    "wasmer",
    // These are clients with a language or a way to start a shell.
    "clickhouse-client",
    "cqlsh",
    "cypher-shell",
    "git",
    "influx",
    "less",
    "man",
    "mariadb",
    "mongo",
    "mongosh",
    "more",
    "mysql",
    "psql",
    "redis-cli",
    "sqlite",
    "sqlplus",
    "valkey-cli",
    // These are programs that start others.
    "bwrap",
    "chpst",
    "chroot",
    "chrt",
    "command",
    "crictl",
    "ctr",
    "docker",
    "dumb-init",
    "entr",
    "env",
    "eval",
    "exec",
    "find",
    "firejail",
    "flock",
    "gosu",
    "ionice",
    "kubectl",
    "linux",
    "ltrace",
    "nerdctl",
    "nice",
    "nohup",
    "nsenter",
    "numactl",
    "openssl",
    "parallel",
    "podman",
    "prlimit",
    "proot",
    "rsync",
    "run-parts",
    "runuser",
    "script",
    "setarch",
    "setpriv",
    "setsid",
    "setuidgid",
    "socat",
    "ssh",
    "start-stop-daemon",
    "stdbuf",
    "strace",
    "su",
    "su-exec",
    "sudo",
    "doas",
    "systemd-run",
    "tar",
    "taskset",
    "time",
    "timeout",
    "tini",
    "unshare",
    "watch",
    "xargs",
    "zip",
    "nc",
    "ncat",
    "netcat",
    "telnet",
    "ld-linux-x86-64.so",
    "ld-musl-x86_64.so",
    "catatonit",
];

/// Commands that only read names, sizes and the time, whatever their arguments are.
const LOOKS: &[&str] = &[
    "[",
    "basename",
    "cksum",
    "date",
    "df",
    "dirname",
    "du",
    "echo",
    "false",
    "free",
    "hostname",
    "id",
    "ls",
    "md5sum",
    "nproc",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "sleep",
    "stat",
    "test",
    "true",
    "uname",
    "uptime",
    "wc",
    "whoami",
];

/// Returns the mark of a command. Its program may be any of the words, as in `env sh` or `/usr/bin/timeout 5
/// /bin/bash -c …`.
pub(super) fn of_command(words: &[String]) -> Option<Mark> {
    let names = words.iter().flat_map(|word| {
        let separators = |c: char| c.is_whitespace() || ";|&()<>\"'`=,:$".contains(c);
        word.split(separators).map(program)
    });
    let mut names = names.filter(|name| !name.is_empty());
    if names.any(|name| is_one_of(SHELLS, &name)) {
        return Some(Mark::Shell);
    }
    let first = words.first().map(|word| program(word));
    let looks = first.is_some_and(|name| LOOKS.contains(&&*name));
    (!looks).then_some(Mark::Command)
}

/// Returns the name of a program without its folder.
fn program(word: &str) -> String {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.to_ascii_lowercase()
}

/// Returns true for one of these programs in any version, such as `python3.11`, `lua-5.4`, `sqlite3`,
/// `pwsh.exe`.
fn is_one_of(known: &[&str], name: &str) -> bool {
    let bare = name.strip_suffix(".exe").unwrap_or(name);
    let unversioned = bare.trim_end_matches(|c: char| c.is_ascii_digit() || ".-_".contains(c));
    known.contains(&bare) || known.contains(&unversioned)
}

/// Returns the mark of a request.
pub(super) fn of_route(route: &Route) -> Option<Mark> {
    match route.method() {
        Method::Get | Method::Head => None,
        Method::Post | Method::Put | Method::Patch | Method::Delete => Some(Mark::Writes),
    }
}

/// Returns the mark of a request to S3. If its first segment is a parameter, it may reach any bucket.
pub(super) fn of_bucket(route: &Route) -> Option<Mark> {
    let bucket = route.template().split('/').nth(1).unwrap_or_default();
    bucket.starts_with('{').then_some(Mark::AnyBucket)
}

/// Returns the marks of an access to objects of a store.
pub(super) fn of_stored(place: &StorePlace, verb: StoreVerb, signed: bool) -> BTreeSet<Mark> {
    let marks = [
        (*place == StorePlace::Any).then_some(Mark::AnyBucket),
        verb.writes().then_some(Mark::Writes),
        signed.then_some(Mark::Credentials),
    ];
    marks.into_iter().flatten().collect()
}

/// Returns the marks of an action of one of Amazon's services.
pub(super) fn of_action(action: &str) -> BTreeSet<Mark> {
    let writes = (!AwsService::reads(action)).then_some(Mark::Writes);
    writes.into_iter().chain([Mark::Credentials]).collect()
}

/// Kinds outside of namespaces. Further ones begin with `Cluster`.
const CLUSTER_WIDE: &[&str] = &[
    "apiservice",
    "certificatesigningrequest",
    "componentstatus",
    "csidriver",
    "csinode",
    "customresourcedefinition",
    "flowschema",
    "ingressclass",
    "mutatingadmissionpolicy",
    "mutatingadmissionpolicybinding",
    "mutatingwebhookconfiguration",
    "namespace",
    "node",
    "persistentvolume",
    "priorityclass",
    "prioritylevelconfiguration",
    "runtimeclass",
    "storageclass",
    "validatingadmissionpolicy",
    "validatingadmissionpolicybinding",
    "validatingwebhookconfiguration",
    "volumeattachment",
    "volumesnapshotclass",
    "volumesnapshotcontent",
    "selfsubjectreview",
    "subjectaccessreview",
    "tokenreview",
];

/// API groups that decide about permissions.
const PERMISSIONS: &[&str] = &[
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "rbac.authorization.k8s.io",
];

/// API groups whose objects run programs.
const WORKLOADS: &[&str] = &[
    "apps",
    "argoproj.io",
    "batch",
    "extensions",
    "tekton.dev",
    "serving.knative.dev",
];

/// Returns the marks of a verb on Kubernetes objects.
pub(super) fn of_objects(kind: &ObjectKind, scope: &Scope, verb: ResourceVerb) -> Vec<Mark> {
    let (group, name) = (
        kind.group.to_ascii_lowercase(),
        kind.kind.to_ascii_lowercase(),
    );
    let writes = !matches!(
        verb,
        ResourceVerb::Get | ResourceVerb::List | ResourceVerb::Watch
    );
    let is_core = group.is_empty();
    // Other kinds contain secrets as well: ExternalSecret, SealedSecret, VaultSecret.
    let secrets = name.contains("secret");
    let permissions = PERMISSIONS.contains(&&*group)
        || is_core && name == "serviceaccount"
        || name.ends_with("role")
        || name.ends_with("rolebinding");
    let runs = WORKLOADS.contains(&&*group)
        || is_core && matches!(&*name, "pod" | "podtemplate" | "replicationcontroller");
    let cluster_wide =
        *scope == Scope::Cluster || name.starts_with("cluster") || CLUSTER_WIDE.contains(&&*name);
    [
        (secrets, Mark::Secrets),
        (permissions, Mark::Permissions),
        (runs && writes, Mark::Workloads),
        (
            matches!(scope, Scope::Namespace(_) | Scope::Any),
            Mark::OtherNamespace,
        ),
        (cluster_wide, Mark::ClusterWide),
        (writes, Mark::Writes),
    ]
    .into_iter()
    .filter_map(|(is, mark)| is.then_some(mark))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &str) -> Option<Mark> {
        let words: Vec<_> = words.split('|').map(str::to_owned).collect();
        of_command(&words)
    }

    #[test]
    fn a_shell_is_known_wherever_it_stands() {
        for words in [
            "sh|-c|ls",
            "/bin/bash",
            "env|sh",
            "/usr/bin/env|-S|bash -c ls",
            "/usr/bin/env|PATH=/x|python3.11|x.py",
            "busybox|ash",
            "timeout|5|/bin/sh|-c|{script}",
            "perl5.36|-e|x",
            "node|-e|x",
            "find|/|-exec|rm|{x}",
            "xargs|rm",
            "nsenter|-t|1",
            "gawk|BEGIN",
            "lua-5.4|x",
            "/opt/x/sqlite3|db",
            "C:\\Windows\\pwsh.exe|-c|x",
            "du|--exec=sh",
            "LS|SH",
        ] {
            assert_eq!(command(words), Some(Mark::Shell), "{words}");
        }
    }

    #[test]
    fn a_command_that_does_more_than_look_is_marked() {
        for words in [
            "rm|-rf|{folder}",
            "mv|-n|{a}|{b}",
            "cat|{file}",
            "vault|operator",
            "dd|of=/x",
        ] {
            assert_eq!(command(words), Some(Mark::Command), "{words}");
        }
        for words in [
            "ls|-l|{folder}",
            "/bin/df|-Pk|{folder}",
            "du|-sk|/opt/hivemq/backup",
            "test|-d|/x",
        ] {
            assert_eq!(command(words), None, "{words}");
        }
    }

    fn objects(rule: &str, verb: ResourceVerb, scope: &Scope) -> Vec<Mark> {
        let (group_version, kind) = rule.rsplit_once('/').expect("a kind");
        let (group, version) = group_version
            .rsplit_once('/')
            .unwrap_or(("", group_version));
        let kind = ObjectKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        of_objects(&kind, scope, verb)
    }

    #[test]
    fn kinds_that_give_more_than_they_say_are_marked() {
        use Mark::{ClusterWide, OtherNamespace, Permissions, Secrets, Workloads, Writes};
        use ResourceVerb::{Create, Get};
        for (rule, verb, marks) in [
            ("v1/Secret", Get, vec![Secrets]),
            ("bitnami.com/v1alpha1/SealedSecret", Get, vec![Secrets]),
            ("v1/ConfigMap", Get, vec![]),
            ("v1/ConfigMap", Create, vec![Writes]),
            (
                "rbac.authorization.k8s.io/v1/RoleBinding",
                Create,
                vec![Permissions, Writes],
            ),
            (
                "rbac.authorization.k8s.io/v1/ClusterRole",
                Get,
                vec![Permissions, ClusterWide],
            ),
            ("v1/Pod", Get, vec![]),
            ("v1/Pod", Create, vec![Workloads, Writes]),
            ("batch/v1/CronJob", Create, vec![Workloads, Writes]),
            ("v1/Node", Get, vec![ClusterWide]),
        ] {
            assert_eq!(objects(rule, verb, &Scope::Command), marks, "{rule}");
        }
        assert_eq!(
            objects(
                "v1/ConfigMap",
                Get,
                &Scope::Namespace("kube-system".to_owned())
            ),
            [OtherNamespace]
        );
    }

    #[test]
    fn requests_that_change_and_buckets_that_are_not_named_are_marked() {
        let route = |text: &str| text.parse::<Route>().expect("a route");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(
                of_route(&route(&format!("{method} /b"))),
                Some(Mark::Writes)
            );
        }
        assert_eq!(of_route(&route("GET /b")), None);
        assert_eq!(
            of_bucket(&route("GET /{bucket}/{+key}")),
            Some(Mark::AnyBucket)
        );
        assert_eq!(of_bucket(&route("GET /acme/{+key}")), None);
    }
}
