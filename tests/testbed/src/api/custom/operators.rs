//! The operators of rules, with the types that they accept and return.

use kube_cel::cel::common::ast::operators;

use super::types::{Type, no_overload, unsupported};

/// Returns the type of an operator's result, or `None` if the name isn't one of an operator.
pub fn operator<'a>(name: &str, types: &[Type<'a>]) -> Option<Result<Type<'a>, String>> {
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
