//! For tests: the messages of an error enum, as one table. That table is the only test of the sentences.
//! Other tests look at variants, exit codes and facts.

use std::collections::HashMap;

/// Returns a table of `$errors`, with the exit code, the message and the hint of each. In a message, `{source}`
/// stands for the message of its source.
///
/// A variant that is not named does not compile, and one that no value shows panics. Those that `passes on`
/// an error of another enum as it is stand in the table of that one.
#[macro_export]
macro_rules! messages {
    (
        $error:ident { $($variant:ident),+ $(,)? } $(passes on { $($passed:ident),+ $(,)? })?,
        $errors:expr
    ) => {{
        fn name(error: &$error) -> &'static str {
            match error {
                $($error::$variant { .. } => stringify!($variant),)+
                $($($error::$passed { .. } => stringify!($passed),)+)?
            }
        }
        let errors: Vec<$error> = $errors.into();
        for variant in [$(stringify!($variant)),+] {
            assert!(errors.iter().any(|error| name(error) == variant), "no {variant} is in the table");
        }
        let rows = errors.iter().map(|error| $crate::messages::Row {
            name: name(error),
            exit_code: error.failure().exit_code(),
            message: error.to_string(),
            source: std::error::Error::source(error).map(ToString::to_string),
            hint: error.advice(),
        });
        $crate::messages::table(rows)
    }};
}

/// The message of one error.
pub struct Row {
    /// Its variant.
    pub name: &'static str,
    pub exit_code: u8,
    pub message: String,
    pub source: Option<String>,
    pub hint: Option<String>,
}

/// A hint that several errors have stands at the first of them.
pub fn table(rows: impl Iterator<Item = Row>) -> String {
    let mut first = HashMap::new();
    let mut text = String::new();
    for row in rows {
        let message = match &row.source {
            Some(source) => row.message.replace(source, "{source}"),
            None => row.message,
        };
        let message = message.replace('\n', "\n  ");
        text += &format!("{}, exit {}\n  {message}\n", row.name, row.exit_code);
        if let Some(hint) = row.hint {
            match first.get(&hint) {
                Some(name) if *name != row.name => text += &format!("  hint: as {name}\n"),
                Some(_) => text += "  hint: the same\n",
                None => text += &format!("  hint: {hint}\n"),
            }
            first.entry(hint).or_insert(row.name);
        }
    }
    text
}
