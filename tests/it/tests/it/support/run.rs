//! The output and the exit code of a program.

use std::path::Path;
use std::process::Output;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::outcome::{Telling, Verbatim};

/// A program that has ended.
#[derive(Debug)]
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    /// The exit code. If a signal ended the program, it is 128 plus the signal's number.
    pub code: i32,
    /// Paths that differ from run to run, and the names that replace them.
    places: Vec<(String, &'static str)>,
    /// Arguments that may be names of something.
    named: Vec<String>,
    /// The parts that [`Run::outcome`] has word for word.
    verbatim: Verbatim,
}

impl Run {
    /// Returns the run of an output; `places` are replaced by their names.
    pub fn of<'a>(
        output: &Output,
        places: impl IntoIterator<Item = (&'a Path, &'static str)>,
    ) -> Self {
        use std::os::unix::process::ExitStatusExt;

        let code = output.status.code();
        let signal = || 128 + output.status.signal().unwrap_or_default();
        let text =
            |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8");
        let run = Self {
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: code.unwrap_or_else(signal),
            places: places
                .into_iter()
                .map(|(path, name)| (path.to_string_lossy().into_owned(), name))
                .collect(),
            named: Vec::new(),
            verbatim: Verbatim::Nothing,
        };
        run.check();
        run
    }

    /// The same, of a program that was started with these arguments.
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        // The first words are commands, and formats are no names.
        let may_name = |(index, word): (usize, &&str)| {
            let before = index.checked_sub(1).map(|before| arguments[before]);
            let is_name = index > 1 && !word.starts_with('-') && before != Some("-o");
            is_name.then(|| (*word).to_owned())
        };
        self.named = arguments.iter().enumerate().filter_map(may_name).collect();
        self
    }

    /// The same with what must be said of an engine that is not bundled taken out: whose it is, and
    /// which words are its own.
    pub fn show_as_bundled(&mut self) {
        for text in [&mut self.stdout, &mut self.stderr] {
            *text = AS_BUNDLED
                .iter()
                .fold(text.clone(), |text, (pattern, with)| {
                    pattern.replace_all(&text, *with).into_owned()
                });
        }
    }

    /// Checks the rules that apply to every run.
    fn check(&self) {
        for text in [&self.stdout, &self.stderr] {
            let found = text
                .chars()
                .find(|c| *c != '\n' && *c != '\t' && drives_a_terminal(*c));
            assert_eq!(found, None, "a control character in {text:?}");
        }
        for text in [&self.stdout, &self.stderr] {
            assert!(!text.contains("testbed-token"), "the token in {text}");
        }
        // Only panics of the host begin a line. A panic of an engine is part of an error.
        let panicked = self.stderr.lines().any(|line| line.starts_with("thread '"));
        assert!(!panicked, "{}", self.stderr);
    }

    /// Checks that a failed run wrote nothing to stdout. [`super::Invocation::data_although_failed`] disables
    /// the check.
    pub fn check_no_data_of_a_failure(&self) {
        if self.code != 0 {
            assert_eq!(self.stdout, "", "data of a command that failed");
        }
    }

    /// Returns the whole output without the parts that differ from run to run.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text += &format!("{name}:\n{}\n", self.stable(stream));
            }
        }
        text + &format!("exit {}", self.code)
    }

    /// Returns the outcome without a sentence: data on stdout, the kind of failure, and the facts of each
    /// message (see [`super::outcome`]). A better sentence does not change it.
    ///
    /// Sentences of the program are tested beside its errors, in the modules `messages`. Engines, manifests or
    /// several layers make other sentences. One test has each of them, with [`Run::reason`], [`Run::message`],
    /// [`Run::hint`] or [`Run::shown`].
    pub fn outcome(&self) -> String {
        self.told(self.verbatim)
    }

    /// The same, and word for word what stands behind the first colon of the error.
    pub fn reason(&self) -> String {
        self.told(Verbatim::Reason)
    }

    /// The same, with errors and warnings word for word.
    pub fn message(&self) -> String {
        self.told(Verbatim::Message)
    }

    /// The same, with hints word for word.
    pub fn hint(&self) -> String {
        self.told(Verbatim::Hint)
    }

    /// For what looks at [`Run::outcome`]: that has these words, too.
    pub fn telling(mut self, verbatim: Verbatim) -> Self {
        self.verbatim = verbatim;
        self
    }

    fn told(&self, verbatim: Verbatim) -> String {
        if verbatim == Verbatim::All {
            return self.shown();
        }
        let telling = Telling {
            code: self.code,
            named: &self.named,
            verbatim,
        };
        let mut text = String::new();
        if !self.stdout.is_empty() {
            text += &format!("stdout:\n{}\n", telling.data(&self.stable(&self.stdout)));
        }
        text += &telling.of(&self.stable(&self.stderr));
        text + &format!("exit {}", self.code)
    }

    fn stable(&self, text: &str) -> String {
        let places = self.places.iter();
        let text = places.fold(text.to_owned(), |text, (path, name)| {
            text.replace(path, name)
        });
        FILTERS.iter().fold(text, |text, (pattern, with)| {
            pattern.replace_all(&text, *with).into_owned()
        })
    }

    /// Returns the document on stdout.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("stdout is one JSON document")
    }

    /// Returns the document on stderr of a command that failed with `-o json`.
    pub fn error(&self) -> Value {
        assert_ne!(self.code, 0);
        serde_json::from_str(&self.stderr).expect("stderr is one JSON object")
    }

    /// Returns the ids of the backups on stdout, from `-o json`.
    pub fn ids(&self) -> Vec<String> {
        let document = self.json();
        let items = document["items"].as_array().expect("a list of backups");
        let id = |item: &Value| item["id"].as_str().expect("an id").to_owned();
        items.iter().map(id).collect()
    }

    /// Returns the item with that id on stdout, from `-o json`.
    pub fn item(&self, id: &str) -> Value {
        let document = self.json();
        let items = document["items"].as_array().expect("a list");
        let found = items.iter().find(|item| item["id"] == id);
        found
            .unwrap_or_else(|| panic!("{id} is not in {document:#}"))
            .clone()
    }
}

/// Ports, ages, the times in names of files, and the gaps of columns, whose width depends on them, and places in what was built.
/// The flags of some targets in hints, too, and the name of the program with more engines: some tests run with installed
/// engines as well. Hints of those engines get no flags. The module `hints` tests the flags.
static FILTERS: LazyLock<[(Regex, &str); 16]> = LazyLock::new(|| {
    [
        (r"127\.0\.0\.1:[0-9]{2,5}", "127.0.0.1:PORT"),
        (
            r"(?P<gap>  )[0-9]+[ydhms](?:[0-9]+[dhms])?(?P<end> |\n)",
            "${gap}AGE$end",
        ),
        (r"(?m)^[0-9]+[ydhms](?:[0-9]+[dhms])?(?P<end>  )", "AGE$end"),
        (r"\bapp-[0-9]{8}-[0-9]{6}\b", "app-TIME"),
        // The API server adds this to names.
        (
            r"\b(?P<name>nightly|offset-reset|offset-rollback)-[b-z2-9]{5}\b",
            "${name}-SUFFIX",
        ),
        (r"-restore-[a-z0-9]{5}\b", "-restore-RANDOM"),
        (r"(?P<word>[^ \n])   +", "$word   "),
        (r"src/(?P<file>[a-z]+)\.rs:[0-9:]+:", "src/$file.rs:LINE:"),
        // Many commands begin with this line. One test of `targets` has it.
        (
            r"(?m)^Using (?:StatefulSet|namespace|engine|folder) .*\n",
            "",
        ),
        // Which engines a run has to compile depends on the runs before it, and on how fast it is.
        (r"(?m)^Compiling engines? .*\n", ""),
        ("`with-engines ", "`kubectl broker "),
        (
            "(?P<command>`kubectl broker [^`]*?)(?: -n proj-retail-prd| -n kafka| --statefulset app)",
            "$command",
        ),
        ("`kubectl -n (?:kafka|proj-retail-prd) ", "`kubectl "),
        ("(?P<command>--location) --engine backuprequest`", "$command`"),
        (r" +\n", "\n"),
        (r"\n+$", ""),
    ]
    .map(|(pattern, with)| (Regex::new(pattern).expect("a pattern"), with))
});

/// Replacements that turn messages about an engine of [`super::programs::THIRD_PARTY`] into those about a
/// bundled one.
static AS_BUNDLED: LazyLock<[(Regex, &str); 15]> = LazyLock::new(|| {
    [
        (r"--engine acme-engineers/", "--engine "),
        (
            // A check names the engine in the form that `--engine` accepts.
            r#"(?P<row>"check": "[^"]*",\s*"engine": ")acme-engineers/"#,
            "$row",
        ),
        (
            r#""(?P<field>source|hintSource)": "acme-engineers/[a-z]+""#,
            "\"$field\": null",
        ),
        (
            r"(?m)^Using engine acme-engineers/.* which is not bundled\n",
            "",
        ),
        (r"(?i)engine acme-engineers/[a-z]+ says: ", ""),
        (r"hint from engine acme-engineers/[a-z]+: ", "hint: "),
        (r"\(engine acme-engineers/", "(engine "),
        (r", engine acme-engineers/", ", engine "),
        (r"\(for engine acme-engineers/", "(for engine "),
        (
            r"engine acme-engineers/(?P<what>[a-z]+ saves )",
            "engine $what",
        ),
        // This is the heading of a failed check.
        (
            r"(?m)^acme-engineers/(?P<check>[a-z]+/[a-z]+(?::[a-z]+)?:)$",
            "$check",
        ),
        (r"engine acme-engineers/", "engine kubectl-broker/"),
        (r#""acme-engineers/"#, "\"kubectl-broker/"),
        // The first column of a table contains the whole name.
        (r"(?m)^acme-engineers/", "kubectl-broker/"),
        (r"acme-engineers/", ""),
    ]
    .map(|(pattern, with)| (Regex::new(pattern).expect("a pattern"), with))
});

/// Returns whether the character is C0, C1, or invisible and changes how text is read. The list is
/// independent of the program's own.
pub fn drives_a_terminal(c: char) -> bool {
    c.is_control()
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{2069}').contains(&c)
        || c == '\u{feff}'
}
