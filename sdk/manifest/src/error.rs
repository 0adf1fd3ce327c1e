use crate::{CommandError, EndpointError, Operation, Problems, ResourceError, StoreError};

/// An error that makes a manifest invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// `files` is set on an operation other than `restore`.
    #[error("`files` belongs to the operation `restore`, not to `{operation}`")]
    NoFiles {
        /// The operation.
        operation: Operation,
    },
    /// `saves` is set on an operation other than `create`.
    #[error("`saves` belongs to the operation `create`, not to `{operation}`")]
    NothingToSave {
        /// The operation.
        operation: Operation,
    },
    /// `many-files` is set, but nothing saves a file.
    #[error(
        "`many-files` of {what} needs a command that saves: `download`, or a `create` or a verb with `saves`"
    )]
    NoFilesToSave {
        /// The operation or the verb.
        what: String,
    },
    /// `newest-first` is set on an operation other than `list`.
    #[error("`newest-first` belongs to the operation `list`, not to `{operation}`")]
    NothingToOrder {
        /// The operation.
        operation: Operation,
    },
    /// `no-status` is set on an operation other than `restore`.
    #[error("`no-status` belongs to the operation `restore`, not to `{operation}`")]
    NothingToFollow {
        /// The operation.
        operation: Operation,
    },
    /// `repeat-in` is set on an operation other than `finish`.
    #[error("`repeat-in` belongs to the operation `finish`, not to `{operation}`")]
    NothingToRepeat {
        /// The operation.
        operation: Operation,
    },
    /// A store or a service outside the cluster is invalid.
    #[error("`[{table}]`: {source}")]
    BadStore {
        /// The table, such as `storage.copies`.
        table: String,
        /// The reason.
        source: StoreError,
    },
    /// The text is not valid TOML or JSON, or has unknown keys.
    #[error("the manifest is not valid {format}: {reason}")]
    Syntax {
        /// The format, `TOML` or `JSON`.
        format: &'static str,
        /// The message of the parser.
        reason: String,
    },
    /// The manifest is longer than [`MAX_BYTES`](crate::MAX_BYTES).
    #[error(
        "the manifest has {bytes} bytes; at most {} are read",
        crate::MAX_BYTES
    )]
    TooLong {
        /// The length in bytes.
        bytes: usize,
    },
    /// The engine id is not of the form `publisher/name`.
    #[error(
        "`{name}` is not an engine id: write `publisher/name`, both in lower-case letters, digits and dashes"
    )]
    BadId {
        /// The invalid id.
        name: String,
    },
    /// A name has invalid characters or an invalid length.
    #[error("`{name}` is not a valid name ({what}): use lower-case letters, digits and dashes")]
    BadName {
        /// The kind of name.
        what: &'static str,
        /// The invalid name.
        name: String,
    },
    /// A text is empty, too long, or contains control characters.
    #[error("{what} must be one line of at most {limit} characters, without control characters")]
    BadText {
        /// The key of the text.
        what: &'static str,
        /// The maximum length in characters.
        limit: usize,
    },
    /// A column header is not one upper-case word of at most 24 characters.
    #[error("column header `{header}` must be one upper-case word of at most 24 characters")]
    BadHeader {
        /// The invalid header.
        header: String,
    },
    /// The operation `detect` is missing.
    #[error(
        "the operation `{}` is required; add `[operations.detect]`",
        Operation::Detect
    )]
    NoDetect,
    /// An option has the name of a flag of kubectl-broker.
    #[error("option `--{name}` is a flag of kubectl-broker itself; choose another name")]
    ReservedFlag {
        /// The name without dashes.
        name: String,
    },
    /// Two options have the same name.
    #[error("option `--{name}` is declared twice")]
    TwiceTheSameFlag {
        /// The name without dashes.
        name: String,
    },
    /// The default value of an option is not valid for its type or its choices.
    #[error("default `{default}` of option `--{option}` does not fit its type")]
    BadDefault {
        /// The name of the option.
        option: String,
        /// The default value.
        default: String,
    },
    /// A choice of an option is invalid, or the option is not of the type text.
    #[error(
        "choice `{}` of option `--{option}` is invalid: choices need the type text, and 1 to 100 printable characters without a dash at the beginning",
        choice.escape_debug()
    )]
    BadChoice {
        /// The name of the option.
        option: String,
        /// The choice.
        choice: String,
    },
    /// A menu sets an option of `list` to a value that the option does not have.
    #[error(
        "the menu of operation `{operation}` sets `--{option}` to `{value}`, which is not a choice of `list`"
    )]
    BadMenu {
        /// The operation that has the menu.
        operation: Operation,
        /// The name of the option.
        option: String,
        /// The value in the menu.
        value: String,
    },
    /// An option is required but always has a value.
    #[error("option `--{option}` can't be required: it always has a value")]
    NeverMissing {
        /// The name of the option.
        option: String,
    },
    /// An option of the manifest names the operation `act` instead of being an option of a verb.
    #[error(
        "option `--{option}` names the operation `act`; put it into its verb: `[[verbs.NAME.options]]`"
    )]
    OptionOfAct {
        /// The name of the option.
        option: String,
    },
    /// A verb has the name of a verb of kubectl-broker.
    #[error("verb `{name}` is a command of kubectl-broker itself; choose another name")]
    ReservedVerb {
        /// The name of the verb.
        name: String,
    },
    /// A verb is declared, but not the operation `act`.
    #[error("verb `{verb}` is carried out by the operation `act`; add `[operations.act]`")]
    VerbWithoutAct {
        /// The name of the verb.
        verb: String,
    },
    /// The operation `act` is declared, but no verb.
    #[error("the operation `act` has no verb to carry out; add `[verbs.NAME]`, or leave it out")]
    ActWithoutVerb,
    /// An endpoint is invalid.
    #[error("endpoint `{endpoint}` is invalid: {source}")]
    BadEndpoint {
        /// The name of the endpoint.
        endpoint: String,
        /// The error.
        source: EndpointError,
    },
    /// Credentials are declared, and no endpoint uses them.
    #[error(
        "no endpoint uses the credentials `{name}`; name them in `auth`, as `{{ use = \"{name}\" }}`"
    )]
    UnusedCredentials {
        /// The name of the credentials.
        name: String,
    },
    /// The name of a port is neither a Kubernetes port name nor one with `*` at its end.
    #[error("port name `{name}` is neither a Kubernetes port name nor one with `*` at its end")]
    BadPortName {
        /// The name.
        name: String,
    },
    /// An operation is declared without the operation whose command runs it.
    #[error("operation `{operation}` is part of `{command}`; add `[operations.{command}]`")]
    PartOf {
        /// The operation.
        operation: Operation,
        /// The operation whose command runs it.
        command: Operation,
    },
    /// `lacks` gives a reason for an operation that the engine supports.
    #[error("`lacks` gives a reason for `{operation}`, which the engine can do")]
    LacksWhatItHas {
        /// The operation.
        operation: Operation,
    },
    /// The rules about Kubernetes objects are invalid.
    #[error(transparent)]
    Resources(#[from] ResourceError),
    /// A command is invalid.
    #[error("command `{command}` is invalid: {source}")]
    BadCommand {
        /// The name of the command.
        command: String,
        /// The error.
        source: CommandError,
    },
    /// The manifest has several problems.
    #[error("{_0}")]
    Many(Problems),
}
