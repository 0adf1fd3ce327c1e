//! For tests: all that an error enum says, as one table. That table is the only test of the sentences;
//! other tests look at variants, exit codes and facts.

/// A table of `$errors`, with the exit code, the message and the hint of each. Where a message has that of
/// its source in it, `{source}` stands for it.
///
/// A variant that is not named does not compile, and one that no value shows panics. Those that `pass on` an
/// error of another enum as it is stand in the table of that one.
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
        let lines = errors.iter().map(|error| {
            let (name, code) = (name(error), error.failure().exit_code());
            let mut message = error.to_string().replace('\n', "\n  ");
            if let Some(source) = std::error::Error::source(error) {
                message = message.replace(&source.to_string(), "{source}");
            }
            let hint = error.hint().map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
            format!("{name}, exit {code}\n  {message}{hint}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }};
}

pub(crate) use messages;
