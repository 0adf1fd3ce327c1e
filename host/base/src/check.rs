/// One check of an engine or of the host, or one thing that a verb worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Name of the check or of the thing. It is untrusted: escape it before you show it.
    pub name: String,
    /// The result.
    pub outcome: Outcome,
    /// Details for people. They are untrusted, too.
    pub message: Option<String>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The check found no problem.
    Passed,
    /// The check passed, but something is missing or old.
    Warned,
    /// The check found a problem.
    Failed,
    /// The check was not run, for example because it makes no sense after an earlier failure.
    Skipped,
}

impl Outcome {
    /// All outcomes, in the order in which summaries count them.
    pub const ALL: [Self; 4] = [Self::Passed, Self::Warned, Self::Failed, Self::Skipped];

    /// Returns the word for the outcome in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}
