//! The one owner of stdout and stderr. Data goes to stdout; everything else goes to stderr.

mod changes;
mod closed;
mod document;
mod format;
mod invocation;
mod kind;
mod live;
mod menu;
mod table;
mod transfer;
mod views;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use host_base::{Answer, Backup, Meter, Problem, Reporter, Working, text};
use jiff::Timestamp;
use transfer::TransferProgress;

pub use changes::Changes;
pub use document::Document;
pub use format::Format;
pub use invocation::{GivenFlag, Invocation};
pub use kind::{KINDS, Kind};
pub use views::{
    BundleRow, BundleView, CaseRow, KeyChangeView, KeyRow, KeysView, PluginChangeRow,
    PluginChangesView, PluginChecksView, PluginDiffView, PluginPackView, PluginProjectView,
    PluginRow, PluginTestView, PluginUpdateRow, PluginUpdatesView, PluginView, PluginsView,
    VersionView,
};

/// Longest message of an error or a note, in characters.
const MAX_MESSAGE: usize = 2000;
/// Work that is done sooner needs no sign of life.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    Always,
    Never,
}

/// How a command speaks to its user.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    format: Format,
    color: Color,
    verbose: bool,
    invocation: &'static Invocation,
}

/// Of a command line that was not read yet.
static UNKNOWN: Invocation = Invocation::unknown();

impl Ui {
    #[must_use]
    pub fn new(format: Format, color: Color, verbose: bool) -> Self {
        Self {
            format,
            color,
            verbose,
            invocation: &UNKNOWN,
        }
    }

    /// The same, with the commands in hints made for this invocation.
    #[must_use]
    pub fn of(self, invocation: &'static Invocation) -> Self {
        Self { invocation, ..self }
    }

    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes the result of a command.
    ///
    /// # Errors
    /// When stdout can't be written. A reader that has seen enough (`| head`) is no error.
    pub fn data(&self, data: &dyn Document) -> io::Result<()> {
        let text = match self.format {
            Format::Table => data.table(false),
            Format::Wide => data.table(true),
            Format::Name => data.names(),
            Format::Json => document::json(&data.document())?,
            Format::Yaml => document::yaml(&data.document())?,
        };
        self.write_out(&text)
    }

    /// Writes text that is no document: a completion script.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub fn write_out(&self, text: &str) -> io::Result<()> {
        match self.write_all_out(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// A result that changes, of which every change is shown.
    #[must_use]
    pub fn changes(self) -> Changes {
        Changes::new(self)
    }

    /// Looks whether stdout can be written to at all.
    ///
    /// # Errors
    /// When it was closed before the program began.
    pub fn check_out(self) -> io::Result<()> {
        closed::check()
    }

    fn write_all_out(self, text: &str) -> io::Result<()> {
        closed::check()?;
        let stdout = io::stdout();
        let choice = self.choice(stdout.is_terminal());
        let mut stream = AutoStream::new(stdout.lock(), choice);
        stream.write_all(text.as_bytes())?;
        stream.flush()
    }

    /// Something that the user may want to know. Where programs read, the result says it.
    pub fn note(&self, message: &str) {
        if !matches!(self.format, Format::Json | Format::Yaml) {
            self.line(Style::new(), "", message);
        }
    }

    /// Something that the user should know.
    pub fn warn(&self, message: &str) {
        self.line(WARNING, "warning: ", message);
    }

    /// Something for whoever looks for a fault; shown with `--verbose`.
    pub fn debug(&self, message: &str) {
        if self.verbose {
            self.line(Style::new().dimmed(), "debug: ", message);
        }
    }

    /// How a command failed: for people, or as one JSON object where the output is JSON.
    pub fn failure(&self, problem: &dyn Problem) {
        if self.format == Format::Json
            && let Ok(text) = document::json(&document::error_document(
                problem,
                self.hint(problem).as_deref(),
            ))
        {
            self.write_err(&text);
            return;
        }
        let longest = if problem.is_whole() {
            usize::MAX
        } else {
            MAX_MESSAGE
        };
        self.lines(ERROR, "error: ", &problem.to_string(), longest);
        if let Some(hint) = self.hint(problem) {
            let label = match problem.hint_written_by() {
                Some(engine) => format!("hint from engine {engine}: "),
                None => "hint: ".to_owned(),
            };
            self.line(HINT, &label, &hint);
        }
    }

    /// What to do about a problem, as it is shown: its commands work in the shell that this one was run in.
    #[must_use]
    pub fn hint(self, problem: &dyn Problem) -> Option<String> {
        let hint = problem.hint()?;
        let hint = if problem.is_hint_of_others() {
            hint
        } else {
            self.with_commands(&hint)
        };
        Some(document::sentence(&hint))
    }

    /// A sentence of this program, its commands made to work in the shell that this one was run in. Nothing
    /// that an engine or a server wrote belongs in it, but for values that are quoted.
    #[must_use]
    pub fn with_commands(self, sentence: &str) -> String {
        self.invocation.complete(sentence)
    }

    /// Shows the line that stands below a table.
    pub fn summary(&self, data: &dyn Document) {
        if let (true, Some(summary)) = (self.format.is_table(), data.summary()) {
            self.note(&self.with_commands(&summary));
        }
    }

    /// Shows a sign of life on a terminal while `work` takes longer than a moment.
    pub async fn while_waiting<T>(&self, message: &str, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = tokio::time::sleep(PATIENCE) => {}
        }
        let _spinner = live::spinner(message);
        work.await
    }

    /// Asks something on stderr and reads a line from stdin; none at its end.
    pub fn ask(self, question: &str) -> Option<String> {
        let _quiet = live::quiet();
        let mut answer = String::new();
        self.write_err(&text::printable(question, MAX_MESSAGE));
        match io::stdin().read_line(&mut answer) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(answer.trim().to_owned()),
        }
    }

    /// Something that the user has to agree to: no line of it is cut.
    pub fn warn_whole(&self, message: &str) {
        self.lines(WARNING, "warning: ", message, usize::MAX);
    }

    fn line(self, style: Style, label: &str, message: &str) {
        self.lines(style, label, message, MAX_MESSAGE);
    }

    fn lines(self, style: Style, label: &str, message: &str, longest: usize) {
        // Messages have lines of their own making only where we put them; text from outside was
        // escaped where it was put in, and is escaped here whatever happened there.
        let lines: Vec<_> = message
            .lines()
            .map(|line| text::printable(line, longest))
            .collect();
        let message = lines.join("\n  ");
        self.write_err(&format!("{style}{label}{style:#}{message}\n"));
    }

    fn write_err(self, text: &str) {
        let stderr = io::stderr();
        let choice = self.choice(stderr.is_terminal());
        live::aside(|| {
            // There is nobody left to tell that stderr can't be written.
            let _ = AutoStream::new(stderr.lock(), choice).write_all(text.as_bytes());
        });
    }

    fn choice(self, terminal: bool) -> ColorChoice {
        match self.color {
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                    || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                if terminal && !refused {
                    ColorChoice::Always
                } else {
                    ColorChoice::Never
                }
            }
        }
    }
}

impl Reporter for Ui {
    fn note(&self, message: &str) {
        Self::note(self, message);
    }

    fn warn(&self, message: &str) {
        Self::warn(self, message);
    }

    fn debug(&self, message: &str) {
        Self::debug(self, message);
    }

    fn warn_with_advice(&self, message: &str, advice: &str) {
        Self::warn(self, &format!("{message}. {}", self.with_commands(advice)));
    }

    /// Changes what the sign of life on a terminal says. There is none where stderr is no terminal, or nothing is
    /// shown on it.
    fn working(&self, what: &str) -> Option<Working> {
        live::relabel(what).map(|shown| Box::new(shown) as Working)
    }

    fn transfer(&self, verb: &'static str) -> Box<dyn Meter> {
        Box::new(TransferProgress::new(*self, verb))
    }

    fn choose<'a>(&'a self, backups: &'a [Backup]) -> Answer<'a, usize> {
        Box::pin(menu::choose(backups, Timestamp::now()))
    }
}
