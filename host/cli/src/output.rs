//! How the result is shown.

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum as _};
use std::ffi::{OsStr, OsString};

use crate::ui::{Color, Format, Ui};

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Format of the result: table, wide (more columns), json, yaml or name (names only)
    #[arg(
        short,
        long,
        global = true,
        value_parser = OutputParser,
        default_value = "table",
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    output: Output,
    /// Use of colour: auto (terminals only), always or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    color: Color,
    /// The same as --color never
    #[arg(long, global = true, hide = true, conflicts_with = "color")]
    no_color: bool,
    /// Report each step on stderr
    #[arg(short, long, global = true)]
    verbose: bool,
}

/// The value of `--output`.
#[derive(Clone, Debug)]
enum Output {
    Format(Format),
    /// The older plugin's `download --output NAME`.
    File(String),
}

impl OutputArgs {
    pub(super) fn ui(&self) -> Ui {
        let color = if self.no_color {
            Color::Never
        } else {
            self.color
        };
        let format = match self.output {
            Output::Format(format) => format,
            Output::File(_) => Format::default(),
        };
        Ui::new(format, color)
    }

    pub(super) const fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// The file that `download --output NAME` means.
    pub(super) fn file(&self) -> Option<String> {
        match &self.output {
            Output::Format(_) => None,
            Output::File(name) => Some(name.clone()),
        }
    }
}

/// Formats, and for `download` names of files.
#[derive(Clone)]
struct OutputParser;

impl TypedValueParser for OutputParser {
    type Value = Output;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Output, clap::Error> {
        let format = EnumValueParser::<Format>::new().parse_ref(command, argument, value);
        match (format, value.to_str()) {
            (Err(_), Some(name)) if command.get_name() == "download" => {
                Ok(Output::File(name.to_owned()))
            }
            (format, _) => format.map(Output::Format),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let formats = Format::value_variants().iter();
        Some(Box::new(formats.filter_map(Format::to_possible_value)))
    }
}
/// Returns the format that a line asks for which can't be parsed.
pub(super) fn asked(arguments: &[OsString]) -> Format {
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    let mut asked = Format::default();
    while let Some(word) = words.next() {
        let value = match &*word {
            "--" => break,
            "-o" | "--output" => words.next(),
            word => {
                let value = word.strip_prefix("--output=").or(word.strip_prefix("-o"));
                value.map(|it| it.trim_start_matches('=').to_owned().into())
            }
        };
        let format = value.and_then(|it| Format::from_str(&it, false).ok());
        asked = format.unwrap_or(asked);
    }
    asked
}
