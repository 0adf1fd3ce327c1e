//! The functions that rules may call, with the types that they accept and return.

use std::ops::RangeInclusive;

use super::types::{Type, no_overload};

/// The result of a function.
#[derive(Clone, Copy)]
enum Returns {
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Dyn,
    Duration,
    Timestamp,
    Texts,
    TextsByName,
    OptionalTexts,
    Ints,
    Opaque(&'static str),
    /// The type of the receiver.
    Same,
    /// The type of the receiver's items or value.
    Inner,
    /// An optional of the argument.
    Optional,
}

/// Some functions, the receivers that they accept, the number of further arguments, and their result. The
/// receivers are letters: **B**ool, **i**nt, **u**int, **d**ouble, **s**tring, **b**ytes, **l**ist, **m**ap,
/// **D**uration, **T**imestamp, **O**ptional, **o**paque, `*` for all and `-` for none.
type Functions = (
    &'static [&'static str],
    &'static str,
    RangeInclusive<usize>,
    Returns,
);

/// The functions of Kubernetes that the crates `cel` and `kube-cel` have.
const FUNCTIONS: &[Functions] = &[
    (
        &["contains", "startsWith", "endsWith", "matches"],
        "s",
        1..=1,
        Returns::Bool,
    ),
    (&["size"], "sblm", 0..=0, Returns::Int),
    (&["string"], "BiudsbDT", 0..=0, Returns::String),
    (&["int"], "iudsDT", 0..=0, Returns::Int),
    (&["uint"], "iuds", 0..=0, Returns::Uint),
    (&["double"], "iuds", 0..=0, Returns::Double),
    (&["bytes"], "sb", 0..=0, Returns::Bytes),
    (&["duration"], "sD", 0..=0, Returns::Duration),
    (&["timestamp"], "siT", 0..=0, Returns::Timestamp),
    (
        &[
            "getFullYear",
            "getMonth",
            "getDayOfYear",
            "getDayOfMonth",
            "getDate",
            "getDayOfWeek",
        ],
        "T",
        0..=1,
        Returns::Int,
    ),
    (
        &["getHours", "getMinutes", "getSeconds", "getMilliseconds"],
        "TD",
        0..=1,
        Returns::Int,
    ),
    (&["value"], "O", 0..=0, Returns::Inner),
    (&["orValue"], "O", 1..=1, Returns::Inner),
    (&["hasValue"], "O", 0..=0, Returns::Bool),
    (&["or"], "O", 1..=1, Returns::Same),
    (
        &["optional.of", "optional.ofNonZeroValue"],
        "*",
        0..=0,
        Returns::Optional,
    ),
    (&["optional.none"], "-", 0..=0, Returns::Optional),
    (&["charAt", "format", "find"], "s", 1..=1, Returns::String),
    (
        &[
            "lowerAscii",
            "upperAscii",
            "trim",
            "strings.quote",
            "jsonpatch.escapeKey",
        ],
        "s",
        0..=0,
        Returns::String,
    ),
    (&["replace"], "s", 2..=3, Returns::String),
    (&["substring"], "s", 1..=2, Returns::String),
    (&["join"], "l", 0..=1, Returns::String),
    (&["split", "findAll"], "s", 1..=2, Returns::Texts),
    (&["indexOf", "lastIndexOf"], "sl", 1..=2, Returns::Int),
    (&["reverse"], "sl", 0..=0, Returns::Same),
    (&["isSorted"], "l", 0..=0, Returns::Bool),
    (&["sum", "min", "max"], "l", 0..=0, Returns::Inner),
    (&["slice"], "l", 2..=2, Returns::Same),
    (&["sort", "distinct"], "l", 0..=0, Returns::Same),
    (&["lists.range"], "i", 0..=0, Returns::Ints),
    (
        &["sets.contains", "sets.equivalent", "sets.intersects"],
        "l",
        1..=1,
        Returns::Bool,
    ),
    (
        &["isURL", "isIP", "isCIDR", "isQuantity", "ip.isCanonical"],
        "s",
        0..=0,
        Returns::Bool,
    ),
    (&["isSemver"], "s", 0..=1, Returns::Bool),
    (&["url"], "s", 0..=0, Returns::Opaque("kubernetes.URL")),
    (
        &[
            "getScheme",
            "getHost",
            "getHostname",
            "getPort",
            "getEscapedPath",
        ],
        "o",
        0..=0,
        Returns::String,
    ),
    (&["getQuery"], "o", 0..=0, Returns::TextsByName),
    (&["ip"], "so", 0..=0, Returns::Opaque("net.IP")),
    (&["cidr"], "s", 0..=0, Returns::Opaque("net.CIDR")),
    (&["masked"], "o", 0..=0, Returns::Opaque("net.CIDR")),
    (
        &[
            "family",
            "prefixLength",
            "asInteger",
            "sign",
            "major",
            "minor",
            "patch",
        ],
        "o",
        0..=0,
        Returns::Int,
    ),
    (
        &[
            "isLoopback",
            "isUnspecified",
            "isLinkLocalMulticast",
            "isLinkLocalUnicast",
            "isGlobalUnicast",
            "isInteger",
        ],
        "o",
        0..=0,
        Returns::Bool,
    ),
    (
        &["containsIP", "containsCIDR", "isGreaterThan", "isLessThan"],
        "o",
        1..=1,
        Returns::Bool,
    ),
    (
        &["quantity"],
        "s",
        0..=0,
        Returns::Opaque("kubernetes.Quantity"),
    ),
    (
        &["semver"],
        "s",
        0..=1,
        Returns::Opaque("kubernetes.Semver"),
    ),
    (&["compareTo"], "o", 1..=1, Returns::Int),
    (&["asApproximateFloat"], "o", 0..=0, Returns::Double),
    (&["add", "sub"], "o", 1..=1, Returns::Same),
    (
        &["format.named"],
        "s",
        0..=0,
        Returns::Opaque("kubernetes.NamedFormat"),
    ),
    (&["validate"], "o", 1..=1, Returns::OptionalTexts),
    (
        &["math.ceil", "math.floor", "math.round", "math.trunc"],
        "d",
        0..=0,
        Returns::Double,
    ),
    (&["math.sqrt"], "iud", 0..=0, Returns::Double),
    (
        &["math.isInf", "math.isNaN", "math.isFinite"],
        "d",
        0..=0,
        Returns::Bool,
    ),
    (
        &["math.abs", "math.sign", "math.bitNot"],
        "iud",
        0..=0,
        Returns::Same,
    ),
    (
        &[
            "math.bitAnd",
            "math.bitOr",
            "math.bitXor",
            "math.bitShiftLeft",
            "math.bitShiftRight",
        ],
        "iud",
        1..=1,
        Returns::Same,
    ),
    (
        &["math.greatest", "math.least"],
        "iudl",
        0..=9,
        Returns::Dyn,
    ),
    (&["base64.encode"], "b", 0..=0, Returns::String),
    (&["base64.decode"], "s", 0..=0, Returns::Bytes),
    (
        &[
            "format.byte",
            "format.date",
            "format.datetime",
            "format.dns1035Label",
            "format.dns1035LabelPrefix",
            "format.dns1123Label",
            "format.dns1123LabelPrefix",
            "format.dns1123Subdomain",
            "format.dns1123SubdomainPrefix",
            "format.labelValue",
            "format.qualifiedName",
            "format.uri",
            "format.uuid",
        ],
        "-",
        0..=0,
        Returns::Opaque("kubernetes.NamedFormat"),
    ),
];

fn function(name: &str) -> Option<&'static Functions> {
    FUNCTIONS.iter().find(|it| it.0.contains(&name))
}

/// Returns the error of an unknown function.
pub fn unknown(name: &str) -> String {
    format!(
        "undeclared reference to '{name}' (in container ''), or a function that the simulated API \
         server doesn't have"
    )
}

/// Returns the type of a function's result. The receiver isn't among the arguments.
pub fn apply<'a>(
    name: &str,
    receiver: Option<&Type<'a>>,
    arguments: &[Type<'a>],
) -> Result<Type<'a>, String> {
    let (_, accepted, counts, returns) = function(name).ok_or_else(|| unknown(name))?;
    let accepted = *accepted;
    let letter = match receiver {
        None => '-',
        Some(Type::Dyn) => '*',
        Some(Type::Null) => '0',
        Some(Type::Bool) => 'B',
        Some(Type::Int) => 'i',
        Some(Type::Uint) => 'u',
        Some(Type::Double) => 'd',
        Some(Type::String) => 's',
        Some(Type::Bytes) => 'b',
        Some(Type::Duration) => 'D',
        Some(Type::Timestamp) => 'T',
        Some(Type::List(_)) => 'l',
        Some(Type::Map(_)) => 'm',
        Some(Type::Optional(_)) => 'O',
        Some(Type::Object(..) | Type::Metadata) => '{',
        Some(Type::Opaque(_)) => 'o',
    };
    let fits = match letter {
        '-' => accepted == "-",
        '*' => accepted != "-",
        letter => accepted == "*" || accepted.contains(letter),
    };
    if !fits || !counts.contains(&arguments.len()) {
        let types: Vec<&Type<'_>> = receiver.into_iter().chain(arguments).collect();
        return Err(no_overload(name, &types));
    }
    let texts = || Type::List(Box::new(Type::String));
    Ok(match returns {
        Returns::Bool => Type::Bool,
        Returns::Int => Type::Int,
        Returns::Uint => Type::Uint,
        Returns::Double => Type::Double,
        Returns::String => Type::String,
        Returns::Bytes => Type::Bytes,
        Returns::Dyn => Type::Dyn,
        Returns::Duration => Type::Duration,
        Returns::Timestamp => Type::Timestamp,
        Returns::Texts => texts(),
        Returns::TextsByName => Type::Map(Box::new(texts())),
        Returns::OptionalTexts => Type::Optional(Box::new(texts())),
        Returns::Ints => Type::List(Box::new(Type::Int)),
        Returns::Opaque(name) => Type::Opaque(name),
        Returns::Same => receiver.cloned().unwrap_or(Type::Dyn),
        Returns::Inner => match receiver {
            Some(Type::List(inner) | Type::Optional(inner)) => Type::clone(inner),
            _ => Type::Dyn,
        },
        Returns::Optional => {
            let inner = receiver.cloned().unwrap_or(Type::Dyn);
            Type::Optional(Box::new(inner))
        }
    })
}
