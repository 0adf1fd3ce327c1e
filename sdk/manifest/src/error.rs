use crate::{CommandError, EndpointError, Operation, ResourceError};

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("`files` belongs to the operation `restore`, not to `{operation}`")]
    NoFiles { operation: Operation },
    #[error("`saves` belongs to the operation `create`, not to `{operation}`")]
    NothingToSave { operation: Operation },
    #[error("`no-status` belongs to the operation `restore`, not to `{operation}`")]
    NothingToFollow { operation: Operation },
    #[error("the manifest is not valid {format}: {reason}")]
    Syntax {
        format: &'static str,
        reason: String,
    },
    #[error(
        "the manifest has {bytes} bytes; at most {} are read",
        crate::MAX_BYTES
    )]
    TooLong { bytes: usize },
    #[error(
        "`{name}` is no engine id: it is `publisher/name`, both of lower-case letters, digits and dashes"
    )]
    BadId { name: String },
    #[error("`{name}` is no name ({what}): use lower-case letters, digits and dashes")]
    BadName { what: &'static str, name: String },
    #[error("{what} must be one line of at most {limit} characters, without control characters")]
    BadText { what: &'static str, limit: usize },
    #[error("column header `{header}` must be one upper-case word of at most 24 characters")]
    BadHeader { header: String },
    #[error(
        "every engine has the operation `{}`; add `[operations.detect]`",
        Operation::Detect
    )]
    NoDetect,
    #[error("option `--{name}` is a flag of kubectl-broker itself; choose another name")]
    ReservedFlag { name: String },
    #[error("option `--{name}` stands twice in the manifest")]
    TwiceTheSameFlag { name: String },
    #[error("default `{default}` of option `--{option}` does not fit its type")]
    BadDefault { option: String, default: String },
    #[error(
        "choice `{choice}` of option `--{option}` can't be: choices are for text, and of lower-case letters, digits and dashes"
    )]
    BadChoice { option: String, choice: String },
    #[error(
        "the menu of operation `{operation}` wants `{value}` for `--{option}`, which is no choice that `list` has"
    )]
    BadMenu {
        operation: Operation,
        option: String,
        value: String,
    },
    #[error("option `--{option}` can't be required: it always has a value")]
    NeverMissing { option: String },
    #[error(
        "option `--{option}` names the operation `act`; put it into its verb: `[[verbs.NAME.options]]`"
    )]
    OptionOfAct { option: String },
    #[error("verb `{name}` is one of kubectl-broker itself; choose another name")]
    ReservedVerb { name: String },
    #[error("verb `{verb}` is carried out by the operation `act`; add `[operations.act]`")]
    VerbWithoutAct { verb: String },
    #[error("the operation `act` has no verb to carry out; add `[verbs.NAME]`, or leave it out")]
    ActWithoutVerb,
    #[error("endpoint `{endpoint}` can't be: {source}")]
    BadEndpoint {
        endpoint: String,
        source: EndpointError,
    },
    #[error("port name `{name}` is neither a Kubernetes port name nor one with `*` at its end")]
    BadPortName { name: String },
    #[error("operation `{operation}` is part of `{command}`; add `[operations.{command}]`")]
    PartOf {
        operation: Operation,
        command: Operation,
    },
    #[error("`lacks` gives a reason for `{operation}`, which the engine can do")]
    LacksWhatItHas { operation: Operation },
    #[error(transparent)]
    Resources(#[from] ResourceError),
    #[error("command `{command}` can't be: {source}")]
    BadCommand {
        command: String,
        source: CommandError,
    },
}
