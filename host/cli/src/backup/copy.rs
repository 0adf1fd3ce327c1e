use std::path::PathBuf;

use clap::Args;
use host_base::shell::word;
use host_driver::{CopyFileOrder, GivenOrigin, Host, copy_file};
use jiff::Timestamp;

use super::TargetArgs;
use super::place::{ToArgs, flag_words};
use crate::Context;
use crate::error::CliError;
use crate::so_far::SoFar;
use crate::store::{Copying, Opener};
use crate::ui::{Document, Ui};

/// Copy downloaded files to a store
///
/// The history of this machine says which backups they are. For other files, name the engine with --engine, and the
/// target.
#[derive(Args)]
pub(super) struct CopyArgs {
    /// Files to verify and copy
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Id of the backup [default: from the history]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// When the backup was created, as RFC 3339 [default: from the history, else the time of the file]
    #[arg(long, value_name = "TIME")]
    created: Option<Timestamp>,
    #[command(flatten)]
    to: ToArgs,
    /// Replace a copy that the store has, once the new one is complete
    #[arg(long)]
    force: bool,
}

impl CopyArgs {
    /// Returns the command, without the flags that all commands share.
    pub(super) fn command(&self) -> String {
        let mut command = String::from("kubectl broker backup copy");
        for file in &self.files {
            command.push(' ');
            command.push_str(&word(&file.to_string_lossy()));
        }
        let created = self.created.map(|created| created.to_string());
        for (flag, value) in [("id", self.id.as_deref()), ("created", created.as_deref())] {
            command.push_str(&flag_words(flag, value));
        }
        command.push_str(&self.to.words());
        if self.force {
            command.push_str(" --force");
        }
        command
    }
}

/// Returns what the line says about the origin of the files.
pub(super) fn origin(target: &TargetArgs, engine: &str, context: &Context<'_>) -> GivenOrigin {
    GivenOrigin {
        namespace: context.connect.namespace.clone(),
        statefulset: target.statefulset.clone(),
        engine: Some(engine.to_owned()).filter(|engine| engine != "auto"),
        ..GivenOrigin::default()
    }
}

pub(super) async fn run(
    args: CopyArgs,
    given: GivenOrigin,
    host: &Host,
    opener: &Opener,
    so_far: &SoFar,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    if args.files.len() > 1 && (args.id.is_some() || args.created.is_some()) {
        return Err(CliError::Conflict {
            problem: "--id and --created describe one file, and several are given".to_owned(),
            choices: vec![
                "Copy the files one by one".to_owned(),
                "Leave --id and --created out: the history knows downloaded files".to_owned(),
            ],
        });
    }
    let place = args.to.required(args.force, opener).await?;
    let items = args.files.iter();
    let items = items.map(|file| file.to_string_lossy().into_owned());
    let mut copying = Copying::begin(place.store.called(), items.collect(), so_far, ui);
    let order = CopyFileOrder {
        place,
        origin: GivenOrigin {
            id: args.id,
            created: args.created,
            ..given
        },
    };
    for file in &args.files {
        let copied = copy_file(host, file, &order).await;
        if copying.tried(copied.map_err(CliError::from))?.is_break() {
            break;
        }
    }
    Ok(Box::new(copying.end()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        copy: CopyArgs,
    }

    #[test]
    fn the_command_that_goes_on_is_the_one_that_was_given() {
        let line = [
            "copy",
            "it's.backup",
            "b.backup",
            "--to",
            "nightly",
            "--source-cluster",
            "old prod",
        ];
        assert_eq!(
            Line::parse_from(line).copy.command(),
            "kubectl broker backup copy 'it'\\''s.backup' b.backup --to nightly --source-cluster 'old prod'"
        );
        let line = [
            "copy",
            "a",
            "--id",
            "x",
            "--created",
            "2026-01-02T03:04:05Z",
            "--force",
        ];
        assert_eq!(
            Line::parse_from(line).copy.command(),
            "kubectl broker backup copy a --id x --created 2026-01-02T03:04:05Z --force"
        );
    }
}
