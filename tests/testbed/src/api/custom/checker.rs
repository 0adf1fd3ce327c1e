//! The types of rules, and the rewriting of what the crate `cel` judges otherwise than the real server.
//!
//! The crate only parses an expression; a wrong field or type would be found when a value is judged, or never.
//! The checker refuses them when the definition is created, and also functions that the crate doesn't have.

use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, MapExpr,
    SelectExpr, operators,
};

use super::functions::{apply, unknown};
use super::node::Node;
use super::operators::operator;
use super::types::{Type, common, unsupported};

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
