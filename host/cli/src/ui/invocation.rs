//! The command line of this process, as far as the commands in hints need it.
//!
//! Commands of this program and of kubectl reach the same cluster and target only with the flags of this
//! invocation. The flags are added when a hint is shown, so that errors need not know them.

use std::borrow::Cow;

use host_base::{Terms, shell};

/// The beginning of this program's commands in errors and hints, however the program was started.
const OURS: &str = "kubectl broker";
/// Verbs of `backup` that need no cluster.
const LOCAL: [&str; 2] = ["verify", "history"];

/// Commands of kubectl for which the namespace does not matter.
const OF_THE_CLUSTER: [&str; 4] = ["get namespaces", "config", "api-resources", "auth whoami"];

/// How the user started this process.
#[derive(Debug)]
pub struct Invocation {
    program: Cow<'static, str>,
    flags: Vec<GivenFlag>,
}

/// A flag on the command line about the cluster, the target or the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenFlag {
    /// Name of the flag, without dashes.
    pub long: String,
    pub short: Option<char>,
    /// Value of the flag. None for a flag that takes no value.
    pub value: Option<String>,
    /// The commands of this program that take the flag, such as `backup`.
    pub commands: Vec<String>,
    /// The engines that have the flag, by every name. None for a flag of this program.
    pub engines: Option<Vec<String>>,
    /// Whether kubectl has the same flag.
    pub is_of_kubectl: bool,
}

impl Invocation {
    /// Creates an invocation. `program` is the name of the program in its usage text.
    #[must_use]
    pub fn new(program: String, flags: Vec<GivenFlag>) -> Self {
        Self {
            program: Cow::Owned(program),
            flags,
        }
    }

    pub(super) const fn unknown() -> Self {
        Self {
            program: Cow::Borrowed(OURS),
            flags: Vec::new(),
        }
    }

    fn own(&self, arguments: &str) -> String {
        let mut words = arguments.split_whitespace();
        let (verb, operation) = (words.next(), words.next());
        let mut completed = arguments.to_owned();
        let (Some(verb), false) = (verb, operation.is_some_and(|it| LOCAL.contains(&it))) else {
            return completed;
        };
        let engine = engine_of(arguments);
        for flag in &self.flags {
            let suits = match (&flag.engines, engine) {
                (Some(engines), Some(engine)) => engines.iter().any(|it| it == engine),
                _ => true,
            };
            if suits && flag.commands.iter().any(|it| it == verb) && !flag.stands_in(arguments) {
                completed.push(' ');
                completed.push_str(&flag.words());
            }
        }
        completed
    }

    /// Adds flags to a command of kubectl. They come first, because the arguments may end with a command for a
    /// pod.
    fn of_kubectl(&self, arguments: &str) -> String {
        let mut variable = String::new();
        let mut flags = String::new();
        for flag in self.flags.iter().filter(|flag| flag.is_of_kubectl) {
            // Users can't grant permissions to themselves, so `create` commands get no identity flags.
            let is_identity = flag.long == "user" || flag.long.starts_with("as");
            let is_needless = (is_identity && arguments.starts_with("create "))
                || (flag.long == "namespace"
                    && OF_THE_CLUSTER.iter().any(|it| arguments.starts_with(it)));
            if is_needless || flag.stands_in(arguments) {
                continue;
            }
            match &flag.value {
                // The flag `--kubeconfig` takes only one file.
                Some(files) if flag.long == "kubeconfig" && files.contains(SEPARATOR) => {
                    variable = format!("KUBECONFIG={} ", shell::word(files));
                }
                _ => flags.push_str(&format!("{} ", flag.words())),
            }
        }
        format!("{variable}kubectl {flags}{arguments}")
    }
}

impl Terms for Invocation {
    fn flag(&self, flag: &str) -> Option<String> {
        Some(flag.to_owned())
    }

    /// Returns a command with the given flags that it takes.
    fn command(&self, command: &str) -> Option<String> {
        if let Some(arguments) = command.strip_prefix(OURS)
            && (arguments.is_empty() || arguments.starts_with(' '))
        {
            return Some(format!("{}{}", self.program, self.own(arguments)));
        }
        Some(match command.strip_prefix("kubectl ") {
            Some(arguments) => self.of_kubectl(arguments),
            None => command.to_owned(),
        })
    }
}

/// Returns the engine that the arguments of a command name.
fn engine_of(arguments: &str) -> Option<&str> {
    let mut words = arguments.split_whitespace();
    words.find(|word| *word == "--engine")?;
    words.next()
}

/// The separator of the files in KUBECONFIG.
const SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

impl GivenFlag {
    fn stands_in(&self, arguments: &str) -> bool {
        let short = self.short.map(|short| format!("-{short}"));
        arguments
            .split_whitespace()
            .take_while(|word| *word != "--")
            .any(|word| {
                let name = word.split_once('=').map_or(word, |(name, _)| name);
                name.strip_prefix("--") == Some(&*self.long) || short.as_deref() == Some(name)
            })
    }

    fn words(&self) -> String {
        let name = match self.short {
            // The short form is the customary one.
            Some('n') => "-n".to_owned(),
            _ => format!("--{}", self.long),
        };
        match &self.value {
            None => name,
            Some(value) if value.starts_with('-') => {
                format!("--{}={}", self.long, shell::word(value))
            }
            Some(value) => format!("{name} {}", shell::word(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use host_base::{Author, Hint};

    use super::*;

    fn flag(long: &str, value: &str) -> GivenFlag {
        let is_target = matches!(long, "engine" | "statefulset" | "sidecar-port");
        GivenFlag {
            long: long.to_owned(),
            short: match long {
                "namespace" => Some('n'),
                "engine" => Some('e'),
                _ => None,
            },
            value: (!value.is_empty()).then(|| value.to_owned()),
            commands: if long == "engine" {
                vec!["backup".to_owned()]
            } else {
                vec!["backup".to_owned(), "engines".to_owned()]
            },
            engines: (long == "sidecar-port").then(|| vec!["sidecar".to_owned()]),
            is_of_kubectl: !is_target,
        }
    }

    fn complete(invocation: &Invocation, text: &str) -> String {
        let hint = Hint::new(text, Author::Host);
        hint.in_terms(invocation).expect("words")
    }

    fn given(flags: &[(&str, &str)]) -> Invocation {
        let flags = flags.iter().map(|(long, value)| flag(long, value));
        Invocation::new("kubectl broker".to_owned(), flags.collect())
    }

    #[test]
    fn commands_get_the_flags_that_they_take_and_lack() {
        let invocation = given(&[
            ("namespace", "a b"),
            ("context", "it's"),
            ("engine", "sidecar"),
        ]);
        for (text, completed) in [
            (
                "Look: `kubectl broker backup list --engine hivemq`, then go on",
                "Look: `kubectl broker backup list --engine hivemq -n 'a b' --context 'it'\\''s'`, then go on",
            ),
            (
                "`kubectl broker engines` shows them",
                "`kubectl broker engines -n 'a b' --context 'it'\\''s'` shows them",
            ),
            (
                "`kubectl get pods -n x` and `kubectl exec -n x p -- ps -n 1`",
                "`kubectl --context 'it'\\''s' get pods -n x` and `kubectl --context 'it'\\''s' exec -n x p -- ps -n 1`",
            ),
            (
                "`kubectl broker plugin list`, `kubectl broker backup verify x`, `--engine y`",
                "`kubectl broker plugin list`, `kubectl broker backup verify x`, `--engine y`",
            ),
            (
                "`kubectl get namespaces` or `kubectl port-forward`",
                "`kubectl --context 'it'\\''s' get namespaces` or `kubectl -n 'a b' --context 'it'\\''s' port-forward`",
            ),
        ] {
            assert_eq!(complete(&invocation, text), completed);
        }
    }

    #[test]
    fn a_port_flag_goes_only_to_commands_of_its_engine() {
        let invocation = given(&[("sidecar-port", "1")]);
        for (text, completed) in [
            (
                "`kubectl broker backup list --engine sidecar`",
                "`kubectl broker backup list --engine sidecar --sidecar-port 1`",
            ),
            (
                "`kubectl broker backup list --engine hivemq`",
                "`kubectl broker backup list --engine hivemq`",
            ),
            (
                "`kubectl broker engines`",
                "`kubectl broker engines --sidecar-port 1`",
            ),
        ] {
            assert_eq!(complete(&invocation, text), completed);
        }
    }

    #[test]
    fn kubectl_gets_what_it_knows_in_the_form_that_it_knows() {
        let invocation = given(&[
            ("kubeconfig", "/a:/b c"),
            ("insecure-skip-tls-verify", ""),
            ("as", "me"),
            ("statefulset", "other"),
        ]);
        for (text, completed) in [
            (
                "`kubectl get pods`",
                "`KUBECONFIG='/a:/b c' kubectl --insecure-skip-tls-verify --as me get pods`",
            ),
            (
                "`kubectl create role x`",
                "`KUBECONFIG='/a:/b c' kubectl --insecure-skip-tls-verify create role x`",
            ),
        ] {
            assert_eq!(complete(&invocation, text), completed);
        }
        let one = given(&[("kubeconfig", "-odd")]);
        let completed = complete(&one, "`kubectl get pods`");
        assert_eq!(completed, "`kubectl --kubeconfig='-odd' get pods`");
    }

    #[test]
    fn the_program_is_called_as_it_was_called() {
        let invocation = Invocation::new("kb".to_owned(), Vec::new());
        assert_eq!(
            complete(
                &invocation,
                "`kubectl broker plugin list`, `kubectl brokers`"
            ),
            "`kb plugin list`, `kubectl brokers`"
        );
    }
}
