//! The only owner of stdout and stderr. Data goes to stdout; everything else goes to stderr.

mod changes;
mod closed;
mod document;
mod fields;
mod format;
mod invocation;
mod live;
mod menu;
mod pages;
mod schema;
mod table;
mod transfer;
mod views;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use host_base::{Answer, Author, Backup, Hint, Meter, Problem, Reporter, Working, text};
use jiff::Timestamp;
use transfer::TransferProgress;

pub use changes::Changes;
pub use document::Document;
pub(crate) use document::yaml;
pub use format::Format;
pub use invocation::{GivenFlag, Invocation};
pub use pages::PageWriter;
pub use schema::{Body, copy_manifest_schema, schemas};
pub use views::{
    BundleRow, BundleView, CaseRow, CheckUpView, CheckedEngine, KeyChangeView, KeyRow, KeysView,
    ManifestCheckView, PluginChangeRow, PluginChangesView, PluginChecksView, PluginDiffView,
    PluginPackView, PluginProjectView, PluginRow, PluginTestView, PluginUpdateRow,
    PluginUpdatesView, PluginView, PluginsView, ProblemRow, VersionView,
};
pub use views::{
    CheckRow, CopiedRow, CopiedView, CopiesView, CopyChangesView, CopyCheckRow, CopyChecksView,
    CopyDownloadView, CopyRow, FailedItem, FindingRow, ItemError, LastCheckRow, LockRow, PruneView,
    ReasonRow, RepairView, SourceRow, StoreReportView, StoreRow, StoresView, VerdictRow,
};

/// Longest message of an error or a note, in characters.
const MAX_MESSAGE: usize = 2000;
/// Work that ends sooner gets no spinner.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    Always,
    Never,
}

/// How a command communicates with its user.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    format: Format,
    color: Color,
    invocation: &'static Invocation,
}

/// The invocation while the command line is not parsed yet.
static UNKNOWN: Invocation = Invocation::unknown();

impl Ui {
    #[must_use]
    pub fn new(format: Format, color: Color) -> Self {
        Self {
            format,
            color,
            invocation: &UNKNOWN,
        }
    }

    /// Returns the same settings for this invocation. Commands in hints then get its flags.
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
    /// When stdout can't be written. A reader that closes the pipe early (`| head`) is no error.
    pub fn data(&self, data: &dyn Document) -> io::Result<()> {
        let text = match self.format {
            Format::Table => data.table(false),
            Format::Wide => data.table(true),
            Format::Name => data.names(),
            Format::Json => document::json(&data.body().document()?)?,
            Format::Yaml => yaml(&data.body().document()?)?,
        };
        self.write_out(&text)
    }

    /// Writes text that is no document, such as a completion script.
    ///
    /// # Errors
    /// When stdout can't be written.
    pub fn write_out(&self, text: &str) -> io::Result<()> {
        match self.write_all_out(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Returns a writer for a result that changes. It shows every change.
    #[must_use]
    pub fn changes(self) -> Changes {
        Changes::new(self)
    }

    /// Returns a writer for a list that arrives page by page.
    #[must_use]
    pub fn pages(self) -> PageWriter {
        PageWriter::new(self)
    }

    /// Checks whether stdout can be written.
    ///
    /// # Errors
    /// When stdout was closed before the program began.
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

    /// Prints a fact that may interest the user. JSON and YAML output omit it, because the result contains it.
    pub fn note(&self, message: &str) {
        if !matches!(self.format, Format::Json | Format::Yaml) {
            self.line(Style::new(), "", message);
        }
    }

    /// Prints a fact that the user should know.
    pub fn warn(&self, message: &str) {
        self.line(WARNING, "warning: ", message);
    }

    /// Prints a fact that helps to find a fault.
    pub fn debug(&self, message: &str) {
        self.line(Style::new().dimmed(), "debug: ", message);
    }

    /// Prints why a command failed. With JSON output the error is one JSON object.
    pub fn failure(&self, problem: &dyn Problem) {
        if self.format == Format::Json
            && let Ok(document) = document::error_document(problem, self.hint(problem).as_deref())
            && let Ok(text) = document::json(&document)
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
            let label = match problem.advisor() {
                Author::Engine(engine) => format!("hint from engine {engine}: "),
                Author::Host | Author::Other => "hint: ".to_owned(),
            };
            self.line(HINT, &label, &hint);
        }
    }

    /// Returns the hint for a problem. Its commands work in the shell that runs this command.
    #[must_use]
    pub fn hint(self, problem: &dyn Problem) -> Option<String> {
        let hint = problem.hint()?.in_terms(self.invocation)?;
        Some(document::sentence(&hint))
    }

    /// Returns the error of one of several items, for the result.
    #[must_use]
    pub fn item_error(self, problem: &dyn Problem) -> ItemError {
        ItemError::new(problem, self.hint(problem))
    }

    /// Returns a hint that stands without a label. The text of an engine is marked as its own.
    #[must_use]
    pub fn said(self, hint: &Hint) -> Option<String> {
        let said = hint.in_terms(self.invocation)?;
        let said = match hint.engine() {
            Some(engine) => format!("engine {engine} says: {said}"),
            None => said,
        };
        Some(document::sentence(&said))
    }

    /// Adds the flags of this invocation to the commands in a sentence of this program.
    ///
    /// Text from engines and servers must not be part of the sentence, except for quoted values.
    #[must_use]
    pub fn with_commands(self, sentence: &str) -> String {
        let sentence = Hint::new(sentence, Author::Host);
        sentence.in_terms(self.invocation).unwrap_or_default()
    }

    /// Prints the line that people read below a table.
    pub fn summary(&self, data: &dyn Document) {
        if let (true, Some(summary)) = (self.format.is_table(), data.summary()) {
            self.note(&self.with_commands(&summary));
        }
    }

    /// Shows a spinner on a terminal if `work` takes longer than 250 ms.
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

    /// Prints a question on stderr and reads a line from stdin. Returns none at the end of stdin.
    pub fn ask(self, question: &str) -> Option<String> {
        let _quiet = live::quiet();
        let mut answer = String::new();
        self.write_err(&text::printable(question, MAX_MESSAGE));
        match io::stdin().read_line(&mut answer) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(answer.trim().to_owned()),
        }
    }

    /// Prints a text that the user has to agree to. None of its lines is cut.
    pub fn warn_whole(&self, message: &str) {
        self.lines(WARNING, "warning: ", message, usize::MAX);
    }

    fn line(self, style: Style, label: &str, message: &str) {
        self.lines(style, label, message, MAX_MESSAGE);
    }

    fn lines(self, style: Style, label: &str, message: &str, longest: usize) {
        // Only this program adds line breaks to messages. Text from outside was escaped when it was inserted;
        // it is escaped again here to be safe.
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
            // If stderr can't be written, there is nobody to report that to.
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

    fn warn_with_hint(&self, message: &str, hint: &Hint) {
        let hint = hint.in_terms(self.invocation);
        let sentences = [Some(message.to_owned()), hint].into_iter().flatten();
        Self::warn(self, &sentences.collect::<Vec<_>>().join(". "));
    }

    /// Changes the text of the spinner. Returns none if stderr is no terminal, or if no spinner is shown.
    fn working(&self, what: &str) -> Option<Working> {
        live::relabel(what).map(|shown| Box::new(shown) as Working)
    }

    fn transfer(&self, verb: &'static str) -> Box<dyn Meter> {
        Box::new(TransferProgress::new(*self, verb))
    }

    /// Asks on the terminal for the name of the target.
    fn confirm<'a>(&'a self, what: &'a str, target: &'a str) -> Answer<'a, String> {
        Box::pin(async move {
            if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
                return Ok(None);
            }
            let ui = *self;
            ui.warn(what);
            // Reading blocks, and Ctrl-C must still be seen.
            let question = format!("Type the name `{target}` to go on: ");
            let typed = tokio::task::spawn_blocking(move || ui.ask(&question));
            let typed = typed.await.map_err(io::Error::other)?;
            Ok(Some(typed.unwrap_or_default()))
        })
    }

    fn choose<'a>(&'a self, backups: &'a [Backup]) -> Answer<'a, usize> {
        Box::pin(menu::choose(backups, Timestamp::now()))
    }
}
