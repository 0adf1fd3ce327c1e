//! The types of rules, and the rewriting of what the crate `cel` judges otherwise than the real server.
//!
//! The crate only parses an expression; a wrong field or type would be found when a value is judged, or never.
//! The checker refuses them when the definition is created, and also functions that the crate doesn't have.

use std::fmt;
use std::ops::RangeInclusive;

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, MapExpr,
    SelectExpr, operators,
};

use super::node::{Additional, Kind, Node};
use super::values::escaped;

/// The type of an expression.
#[derive(Debug, Clone)]
pub enum Type<'a> {
    /// A value of any type, such as one with `x-kubernetes-int-or-string`.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Box<Type<'a>>),
    Map(Box<Type<'a>>),
    /// An object with the fields of a node, and whether it is a whole resource.
    Object(&'a Node, bool),
    /// The metadata of a resource.
    Metadata,
    Optional(Box<Type<'a>>),
    /// A value of a library, such as a URL.
    Opaque(&'static str),
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(value) => write!(f, "map(string, {value})"),
            Self::Optional(value) => write!(f, "optional_type({value})"),
            other => f.write_str(other.name()),
        }
    }
}

impl<'a> Type<'a> {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dyn => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Object(..) | Self::Metadata => "object",
            Self::Optional(_) => "optional_type",
            Self::Opaque(name) => name,
        }
    }

    /// Returns the type of a node's values, or `None` if rules don't see them.
    fn of(node: &'a Node, root: bool) -> Option<Self> {
        if node.int_or_string {
            return Some(Self::Dyn);
        }
        Some(match node.kind? {
            Kind::Array => Self::List(Box::new(Self::of(node.items.as_deref()?, false)?)),
            Kind::Object => match &node.additional {
                Additional::Schema(value) => Self::Map(Box::new(Self::of(value, false)?)),
                _ => Self::Object(node, root || node.embedded),
            },
            Kind::String => match node.format.as_deref() {
                Some("byte") => Self::Bytes,
                Some("duration") => Self::Duration,
                Some("date" | "date-time") => Self::Timestamp,
                _ => Self::String,
            },
            Kind::Boolean => Self::Bool,
            Kind::Number => Self::Double,
            Kind::Integer => Self::Int,
        })
    }

    fn field(&self, name: &str) -> Result<Self, String> {
        let undefined = || format!("undefined field '{name}'");
        match self {
            Self::Map(value) => Ok(Type::clone(value)),
            Self::Metadata => match name {
                "name" | "generateName" => Ok(Self::String),
                _ => Err(undefined()),
            },
            Self::Object(_, true) if ["apiVersion", "kind"].contains(&name) => Ok(Self::String),
            Self::Object(_, true) if name == "metadata" => Ok(Self::Metadata),
            Self::Object(node, _) => {
                let named = |(field, _): &(&String, &Node)| escaped(field).as_deref() == Some(name);
                let mut fields = node.properties.iter();
                let found = fields.find(|it| named(&(it.0, it.1)));
                found
                    .and_then(|(_, field)| Self::of(field, false))
                    .ok_or_else(undefined)
            }
            Self::Optional(_) | Self::Dyn => Err(unsupported(&format!(
                "the field '{name}' of a value of type {self}"
            ))),
            other => Err(format!("type '{other}' does not support field selection")),
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Returns whether values of two types can be equal.
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _)
            | (_, Self::Dyn)
            | (Self::Map(_), Self::Object(..))
            | (Self::Object(..), Self::Map(_)) => true,
            (Self::Null, it) | (it, Self::Null) => matches!(
                it,
                Self::Null
                    | Self::Duration
                    | Self::Timestamp
                    | Self::Object(..)
                    | Self::Metadata
                    | Self::Optional(_)
                    | Self::Opaque(_)
            ),
            (Self::List(a), Self::List(b))
            | (Self::Map(a), Self::Map(b))
            | (Self::Optional(a), Self::Optional(b)) => a.agrees(b),
            (a, b) => a.name() == b.name(),
        }
    }
}

fn unsupported(what: &str) -> String {
    format!("the simulated API server can't judge {what}")
}

fn no_overload(function: &str, arguments: &[&Type<'_>]) -> String {
    let types: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    format!(
        "found no matching overload for '{function}' applied to '({})'",
        types.join(", ")
    )
}

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

/// Checks one expression about the values of a node.
pub struct Checker<'a> {
    own: Type<'a>,
    optional_old: bool,
    scope: Vec<(String, Type<'a>)>,
    pub uses_old: bool,
}

type Checked<'a> = Result<(IdedExpr, Type<'a>), String>;

impl<'a> Checker<'a> {
    pub fn new(node: &'a Node, root: bool, optional_old: bool) -> Self {
        Self {
            own: Type::of(node, root).unwrap_or(Type::Dyn),
            optional_old,
            scope: Vec::new(),
            uses_old: false,
        }
    }

    /// Returns the expression as it is judged, and its type.
    pub fn check(&mut self, expression: IdedExpr) -> Checked<'a> {
        let id = expression.id;
        let (expr, ty) = match expression.expr {
            Expr::Literal(literal) => {
                let ty = match literal {
                    LiteralValue::Boolean(_) => Type::Bool,
                    LiteralValue::Bytes(_) => Type::Bytes,
                    LiteralValue::Double(_) => Type::Double,
                    LiteralValue::Int(_) => Type::Int,
                    LiteralValue::Null => Type::Null,
                    LiteralValue::String(_) => Type::String,
                    LiteralValue::UInt(_) => Type::Uint,
                };
                (Expr::Literal(literal), ty)
            }
            Expr::Ident(name) => {
                let ty = self.variable(&name)?;
                (Expr::Ident(name), ty)
            }
            Expr::Select(select) => {
                let (operand, ty) = self.check(*select.operand)?;
                let field = ty.field(&select.field)?;
                let ty = if select.test { Type::Bool } else { field };
                let select = SelectExpr {
                    operand: Box::new(operand),
                    ..select
                };
                (Expr::Select(select), ty)
            }
            Expr::List(list) => {
                if !list.optional_indices.is_empty() {
                    return Err(unsupported("optional items of a list"));
                }
                let (elements, types) = self.all(list.elements)?;
                let item = common(&types);
                (
                    Expr::List(ListExpr::new(elements)),
                    Type::List(Box::new(item)),
                )
            }
            Expr::Map(map) => self.map(map)?,
            Expr::Comprehension(comprehension) => self.comprehension(*comprehension)?,
            Expr::Call(call) => return self.call(id, call),
            Expr::Struct(_) => return Err(unsupported("an expression that builds a message")),
            Expr::Unspecified => return Err("Syntax error: empty expression".to_owned()),
        };
        Ok((IdedExpr { id, expr }, ty))
    }

    fn variable(&mut self, name: &str) -> Result<Type<'a>, String> {
        if let Some((_, ty)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Ok(ty.clone());
        }
        match name {
            "self" => Ok(self.own.clone()),
            "oldSelf" => {
                self.uses_old = true;
                Ok(if self.optional_old {
                    Type::Optional(Box::new(self.own.clone()))
                } else {
                    self.own.clone()
                })
            }
            _ => Err(format!(
                "undeclared reference to '{name}' (in container '')"
            )),
        }
    }

    fn all(
        &mut self,
        expressions: Vec<IdedExpr>,
    ) -> Result<(Vec<IdedExpr>, Vec<Type<'a>>), String> {
        let checked: Result<Vec<_>, _> = expressions.into_iter().map(|it| self.check(it)).collect();
        Ok(checked?.into_iter().unzip())
    }

    fn map(&mut self, map: MapExpr) -> Result<(Expr, Type<'a>), String> {
        let mut types = Vec::new();
        let mut entries = Vec::new();
        for mut entry in map.entries {
            let EntryExpr::MapEntry(pair) = &mut entry.expr else {
                return Err(unsupported("an expression that builds a message"));
            };
            if pair.optional {
                return Err(unsupported("optional entries of a map"));
            }
            pair.key = self.check(std::mem::take(&mut pair.key))?.0;
            let (value, ty) = self.check(std::mem::take(&mut pair.value))?;
            pair.value = value;
            types.push(ty);
            entries.push(entry);
        }
        let ty = Type::Map(Box::new(common(&types)));
        Ok((Expr::Map(MapExpr { entries }), ty))
    }

    fn comprehension(&mut self, it: ComprehensionExpr) -> Result<(Expr, Type<'a>), String> {
        if it.iter_var2.is_some() {
            return Err(unsupported("a macro with two variables"));
        }
        let (iter_range, range) = self.check(it.iter_range)?;
        let item = match &range {
            Type::List(item) => Type::clone(item),
            Type::Map(_) => Type::String,
            Type::Dyn => Type::Dyn,
            other => {
                return Err(format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, \
                     map, or dynamic)"
                ));
            }
        };
        let (accu_init, start) = self.check(it.accu_init)?;
        let depth = self.scope.len();
        self.scope.push((it.iter_var.clone(), item));
        self.scope.push((it.accu_var.clone(), start));
        let (loop_cond, _) = self.check(it.loop_cond)?;
        let (loop_step, step) = self.check(it.loop_step)?;
        // The items of a list are known after the first step.
        self.scope.truncate(depth);
        self.scope.push((it.accu_var.clone(), step));
        let (result, ty) = self.check(it.result)?;
        self.scope.truncate(depth);
        let comprehension = ComprehensionExpr {
            iter_range,
            accu_init,
            loop_cond,
            loop_step,
            result,
            ..it
        };
        Ok((Expr::Comprehension(Box::new(comprehension)), ty))
    }

    fn call(&mut self, id: u64, call: CallExpr) -> Checked<'a> {
        if let Some(target) = &call.target {
            return match &target.expr {
                Expr::Ident(prefix) if self.is_namespace(prefix) => {
                    let name = format!("{prefix}.{}", call.func_name);
                    let (args, types) = self.all(call.args)?;
                    let ty = apply(&name, types.first(), types.get(1..).unwrap_or_default())?;
                    let target = call.target;
                    let call = CallExpr {
                        target,
                        args,
                        func_name: call.func_name,
                    };
                    Ok((expression(id, Expr::Call(call)), ty))
                }
                _ => {
                    let (target, own) =
                        self.check(call.target.map(|target| *target).unwrap_or_default())?;
                    let (args, types) = self.all(call.args)?;
                    if call.func_name.contains('.') {
                        return Err(unknown(&call.func_name));
                    }
                    let ty = apply(&call.func_name, Some(&own), &types)?;
                    let call = CallExpr {
                        target: Some(Box::new(target)),
                        args,
                        func_name: call.func_name,
                    };
                    Ok((expression(id, Expr::Call(call)), ty))
                }
            };
        }
        if [operators::OPT_SELECT, operators::OPT_INDEX].contains(&call.func_name.as_str()) {
            return self.optional(id, call);
        }
        let (mut args, types) = self.all(call.args)?;
        if call.func_name == "dyn" && args.len() == 1 {
            return Ok((args.remove(0), Type::Dyn));
        }
        let ty = match operator(&call.func_name, &types) {
            Some(ty) => ty?,
            None => {
                let rest = types.get(1..).unwrap_or_default();
                apply(&call.func_name, types.first(), rest)?
            }
        };
        let call = CallExpr {
            target: None,
            args,
            func_name: call.func_name,
        };
        Ok((expression(id, Expr::Call(call)), ty))
    }

    fn is_namespace(&self, name: &str) -> bool {
        let known = [
            "optional",
            "math",
            "lists",
            "sets",
            "ip",
            "base64",
            "strings",
            "jsonpatch",
            "format",
        ];
        known.contains(&name) && !self.scope.iter().any(|(variable, _)| variable == name)
    }

    /// Rewrites `a.?b` and `a[?b]`, which the crate judges as errors if the field is missing.
    fn optional(&mut self, id: u64, call: CallExpr) -> Checked<'a> {
        let (condition, value, ty) = self.opened(IdedExpr {
            id,
            expr: Expr::Call(call),
        })?;
        let optional = |name: &str, args: Vec<IdedExpr>| {
            let target = expression(id, Expr::Ident("optional".to_owned()));
            expression(
                id,
                Expr::Call(CallExpr {
                    func_name: name.to_owned(),
                    target: Some(Box::new(target)),
                    args,
                }),
            )
        };
        let some = optional("of", vec![value]);
        let none = optional("none", Vec::new());
        let args = match condition {
            Some(condition) => vec![condition, some, none],
            None => return Ok((some, Type::Optional(Box::new(ty)))),
        };
        let conditional = global(id, operators::CONDITIONAL, args);
        Ok((conditional, Type::Optional(Box::new(ty))))
    }

    /// Returns the condition under which an optional has a value, the value, and its type.
    fn opened(
        &mut self,
        expression_: IdedExpr,
    ) -> Result<(Option<IdedExpr>, IdedExpr, Type<'a>), String> {
        let id = expression_.id;
        match expression_.expr {
            Expr::Call(call) if call.func_name == operators::OPT_SELECT && call.args.len() == 2 => {
                let mut args = call.args.into_iter();
                let operand = args.next().unwrap_or_default();
                let Some(Expr::Literal(LiteralValue::String(field))) =
                    args.next().map(|it| it.expr)
                else {
                    return Err(unsupported("an optional field that isn't a name"));
                };
                let field = field.inner().to_owned();
                let (condition, operand, ty) = self.opened(operand)?;
                let ty = ty.field(&field)?;
                let select = |test| {
                    let operand = Box::new(operand.clone());
                    let field = field.clone();
                    expression(
                        id,
                        Expr::Select(SelectExpr {
                            operand,
                            field,
                            test,
                        }),
                    )
                };
                Ok((Some(both(id, condition, select(true))), select(false), ty))
            }
            Expr::Call(call) if call.func_name == operators::OPT_INDEX && call.args.len() == 2 => {
                let mut args = call.args.into_iter();
                let operand = args.next().unwrap_or_default();
                let (key, key_type) = self.check(args.next().unwrap_or_default())?;
                let (condition, operand, ty) = self.opened(operand)?;
                let (present, inner) = match (&ty, &key_type) {
                    (Type::Map(value), Type::String) => {
                        let args = vec![key.clone(), operand.clone()];
                        (global(id, operators::IN, args), Type::clone(value))
                    }
                    _ => return Err(unsupported("an optional index of anything but a map")),
                };
                let value = global(id, operators::INDEX, vec![operand, key]);
                Ok((Some(both(id, condition, present)), value, inner))
            }
            expr => {
                let (checked, ty) = self.check(IdedExpr { id, expr })?;
                let Type::Optional(inner) = ty else {
                    return Ok((None, checked, ty));
                };
                let method = |name: &str| {
                    expression(
                        id,
                        Expr::Call(CallExpr {
                            func_name: name.to_owned(),
                            target: Some(Box::new(checked.clone())),
                            args: Vec::new(),
                        }),
                    )
                };
                Ok((Some(method("hasValue")), method("value"), *inner))
            }
        }
    }
}

fn expression(id: u64, expr: Expr) -> IdedExpr {
    IdedExpr { id, expr }
}

fn global(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    expression(
        id,
        Expr::Call(CallExpr {
            func_name: name.to_owned(),
            target: None,
            args,
        }),
    )
}

fn both(id: u64, first: Option<IdedExpr>, second: IdedExpr) -> IdedExpr {
    match first {
        Some(first) => global(id, operators::LOGICAL_AND, vec![first, second]),
        None => second,
    }
}

/// Returns the type that several values have in common.
fn common<'a>(types: &[Type<'a>]) -> Type<'a> {
    match types {
        [first, rest @ ..] if rest.iter().all(|it| it.agrees(first)) => first.clone(),
        _ => Type::Dyn,
    }
}

fn unknown(name: &str) -> String {
    format!(
        "undeclared reference to '{name}' (in container ''), or a function that the simulated API \
         server doesn't have"
    )
}

/// Returns the type of an operator's result, or `None` if the name isn't one of an operator.
fn operator<'a>(name: &str, types: &[Type<'a>]) -> Option<Result<Type<'a>, String>> {
    let arguments: Vec<&Type<'_>> = types.iter().collect();
    let mismatch = || Err(no_overload(name, &arguments));
    let is = |ty: &Type<'_>, name: &str| matches!(ty, Type::Dyn) || ty.name() == name;
    let result = match (name, types) {
        (operators::CONDITIONAL, [condition, yes, no]) => {
            if is(condition, "bool") && yes.agrees(no) {
                Ok(if matches!(yes, Type::Dyn) {
                    no.clone()
                } else {
                    yes.clone()
                })
            } else {
                mismatch()
            }
        }
        (operators::LOGICAL_AND | operators::LOGICAL_OR, [a, b]) => {
            if is(a, "bool") && is(b, "bool") {
                Ok(Type::Bool)
            } else {
                mismatch()
            }
        }
        (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [a]) => {
            if is(a, "bool") {
                Ok(Type::Bool)
            } else {
                mismatch()
            }
        }
        (operators::NEGATE, [a]) if a.is_number() || matches!(a, Type::Dyn) => Ok(a.clone()),
        (operators::EQUALS | operators::NOT_EQUALS, [a, b]) => {
            if a.agrees(b) {
                Ok(Type::Bool)
            } else {
                mismatch()
            }
        }
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [a, b],
        ) => {
            let ordered = |ty: &Type<'_>| {
                ty.is_number()
                    || matches!(
                        ty,
                        Type::Dyn
                            | Type::Bool
                            | Type::String
                            | Type::Bytes
                            | Type::Duration
                            | Type::Timestamp
                    )
            };
            let numbers = a.is_number() && b.is_number();
            if ordered(a) && ordered(b) && (numbers || a.agrees(b)) {
                Ok(Type::Bool)
            } else {
                mismatch()
            }
        }
        (operators::ADD, [a, b]) => match (a, b) {
            (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp) => {
                Ok(Type::Timestamp)
            }
            (Type::Duration | Type::String | Type::Bytes | Type::List(_), _) if a.agrees(b) => {
                Ok(more_exact(a, b))
            }
            _ => arithmetic(a, b).map_or_else(mismatch, Ok),
        },
        (operators::SUBSTRACT, [a, b]) => match (a, b) {
            (Type::Timestamp | Type::Duration, Type::Duration) => Ok(a.clone()),
            (Type::Timestamp, Type::Timestamp) => Ok(Type::Duration),
            _ => arithmetic(a, b).map_or_else(mismatch, Ok),
        },
        (operators::MULTIPLY | operators::DIVIDE | operators::MODULO, [a, b]) => {
            arithmetic(a, b).map_or_else(mismatch, Ok)
        }
        (operators::IN, [a, b]) => match b {
            Type::List(item) if a.agrees(item) => Ok(Type::Bool),
            Type::Map(_) if is(a, "string") => Ok(Type::Bool),
            Type::Dyn => Ok(Type::Bool),
            _ => mismatch(),
        },
        (operators::INDEX, [a, b]) => match a {
            Type::List(item) if is(b, "int") => Ok(Type::clone(item)),
            Type::Map(value) if is(b, "string") => Ok(Type::clone(value)),
            Type::Dyn => Ok(Type::Dyn),
            Type::Optional(_) => Err(unsupported("an index of an optional")),
            _ => mismatch(),
        },
        _ if name.starts_with(|c: char| !c.is_ascii_alphabetic()) => mismatch(),
        _ => return None,
    };
    Some(result)
}

fn more_exact<'a>(a: &Type<'a>, b: &Type<'a>) -> Type<'a> {
    match a {
        Type::List(item) if matches!(**item, Type::Dyn) => b.clone(),
        _ => a.clone(),
    }
}

fn arithmetic<'a>(a: &Type<'a>, b: &Type<'a>) -> Option<Type<'a>> {
    match (a, b) {
        (Type::Dyn, it) | (it, Type::Dyn) => Some(it.clone()),
        (a, b) if a.is_number() && a.name() == b.name() => Some(a.clone()),
        _ => None,
    }
}

/// Returns the type of a function's result. The receiver isn't among the arguments.
fn apply<'a>(
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
