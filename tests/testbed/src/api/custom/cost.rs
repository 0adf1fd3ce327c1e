//! A lower bound of the cost that the real server estimates for a rule.
//!
//! The real server refuses rules that could take too long with the largest value that the schema allows. The
//! bound is below its estimate, so a rule that is refused here is refused there too, but not the reverse.

use kube_cel::cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::node::{Additional, Kind, Node};
use super::values::escaped;

/// Maximum cost of one rule.
const LIMIT: u64 = 10_000_000;
/// Maximum cost of all rules of a definition.
const TOTAL_LIMIT: u64 = 100_000_000;
/// Maximum length of a request, in bytes. It bounds what a schema leaves open.
const REQUEST: u64 = 3 * 1024 * 1024;

/// Returns the most items that a list or a map can have, or the most characters of a string.
pub fn size(node: &Node) -> u64 {
    let open = |least: u64| (REQUEST - 2) / least;
    match node.kind {
        Some(Kind::Array) => node.max_items.unwrap_or_else(|| {
            let least = node.items.as_deref().map_or(1, smallest);
            open(least + 1)
        }),
        Some(Kind::Object) => match &node.additional {
            Additional::Schema(value) => {
                let bound = node.max_properties;
                bound.unwrap_or_else(|| open(smallest(value) + 6))
            }
            _ => 1,
        },
        Some(Kind::String) if node.choices.is_none() && node.format.is_none() => {
            node.max_length.unwrap_or(REQUEST - 2)
        }
        _ => 1,
    }
}

/// Returns the fewest bytes that a value takes.
fn smallest(node: &Node) -> u64 {
    if node.int_or_string {
        return 1;
    }
    match node.kind {
        Some(Kind::Object) => {
            let required = node.required.iter().filter_map(|name| {
                let field = node.properties.get(name)?;
                Some(name.len() as u64 + 4 + smallest(field))
            });
            2 + required.sum::<u64>()
        }
        Some(Kind::Array | Kind::String) => 2,
        Some(Kind::Boolean) => 4,
        _ => 1,
    }
}

/// Returns the problem of a rule that costs too much for the number of values that it can judge.
pub fn check(cost: u64) -> Option<String> {
    over(cost, LIMIT, "estimated rule cost exceeds budget")
}

/// Returns the problem of a definition whose rules cost too much together.
pub fn check_total(cost: u64) -> Option<String> {
    let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds \
                budget";
    over(cost, TOTAL_LIMIT, what)
}

fn over(cost: u64, limit: u64, what: &str) -> Option<String> {
    if cost <= limit {
        return None;
    }
    let tenths = cost.saturating_mul(10) / limit;
    let factor = if tenths > 1000 {
        "more than 100x".to_owned()
    } else {
        format!("{}.{}x", tenths / 10, tenths % 10)
    };
    Some(format!(
        "Forbidden: {what} by factor of {factor} (try simplifying the rule, or adding maxItems, \
         maxProperties, and maxLength where arrays, maps, and strings are declared)"
    ))
}

/// Returns the cost of one evaluation of an expression about the values of a node.
pub fn of(node: &Node, expression: &IdedExpr) -> u64 {
    let mut scope = Vec::new();
    walk(node, &mut scope, expression).0
}

type Scope<'a> = Vec<(String, Option<&'a Node>)>;

/// Returns the cost of an expression, and the node of its value if it is a part of the object.
fn walk<'a>(own: &'a Node, scope: &mut Scope<'a>, it: &IdedExpr) -> (u64, Option<&'a Node>) {
    match &it.expr {
        Expr::Ident(name) => {
            let known = scope.iter().rev().find(|(known, _)| known == name);
            let node = match known {
                Some((_, node)) => *node,
                None => ["self", "oldSelf"].contains(&name.as_str()).then_some(own),
            };
            (1, node)
        }
        Expr::Select(select) => {
            let (cost, node) = walk(own, scope, &select.operand);
            (
                cost.saturating_add(1),
                node.and_then(|node| field(node, &select.field)),
            )
        }
        Expr::Comprehension(comprehension) => {
            let (range, node) = walk(own, scope, &comprehension.iter_range);
            let times = node.map_or(1, size);
            let depth = scope.len();
            let item = node.and_then(|node| node.items.as_deref());
            scope.push((comprehension.iter_var.clone(), item));
            scope.push((comprehension.accu_var.clone(), None));
            let condition = walk(own, scope, &comprehension.loop_cond).0;
            let step = walk(own, scope, &comprehension.loop_step).0;
            let result = walk(own, scope, &comprehension.result).0;
            scope.truncate(depth);
            let body = condition.saturating_add(step).saturating_mul(times);
            (range.saturating_add(body).saturating_add(result), None)
        }
        Expr::Call(call) => {
            let parts = call.target.as_deref().into_iter().chain(&call.args);
            let parts: Vec<_> = parts.map(|part| walk(own, scope, part)).collect();
            let mut cost = parts
                .iter()
                .fold(1_u64, |sum, part| sum.saturating_add(part.0));
            let first = parts.first().and_then(|part| part.1);
            if let Some(node) = first.filter(|node| node.kind == Some(Kind::String)) {
                cost =
                    cost.saturating_add(traversal(&call.func_name, size(node), call.args.last()));
            }
            let node = match (call.func_name.as_str(), call.args.get(1).map(|it| &it.expr)) {
                (operators::INDEX | operators::OPT_INDEX, _) => first.and_then(inner),
                (operators::OPT_SELECT, Some(Expr::Literal(LiteralValue::String(name)))) => {
                    first.and_then(|node| field(node, name.inner()))
                }
                ("value" | "orValue", _) => first,
                _ => None,
            };
            (cost, node)
        }
        Expr::List(list) => {
            let parts = list.elements.iter().map(|part| walk(own, scope, part).0);
            (parts.fold(10, u64::saturating_add), None)
        }
        _ => (0, None),
    }
}

/// Returns the cost of reading a string from its begin to its end.
fn traversal(function: &str, length: u64, argument: Option<&IdedExpr>) -> u64 {
    let once = length.div_ceil(10);
    match function {
        "matches" => {
            let pattern = match argument.map(|it| &it.expr) {
                Some(Expr::Literal(LiteralValue::String(text))) => text.inner().len() as u64,
                _ => 1,
            };
            once.saturating_mul(pattern.div_ceil(4).max(1))
        }
        "split" | "lowerAscii" | "upperAscii" | "trim" | "replace" | "contains" => once,
        _ => 0,
    }
}

fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let mut fields = node.properties.iter();
    let found = fields.find(|(field, _)| escaped(field).as_deref() == Some(name));
    found.map(|(_, node)| node).or_else(|| inner(node))
}

fn inner(node: &Node) -> Option<&Node> {
    match &node.additional {
        Additional::Schema(value) => Some(value),
        _ => node.items.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn accepted(list: &Value, rule: &str) -> Result<(), String> {
        let schema = json!({"type": "object", "properties": {"list": list},
            "x-kubernetes-validations": [{"rule": rule}]});
        match Node::parse(&schema, "schema") {
            Ok(_) => Ok(()),
            Err(problems) => Err(problems[0].1.clone()),
        }
    }

    #[test]
    fn rules_over_what_has_no_bound_cost_too_much() {
        let list = |items: &str, characters: &str| {
            let text = format!(
                "{{\"type\": \"array\"{items}, \"items\": {{\"type\": \"string\"{characters}}}}}"
            );
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let (items, characters) = (", \"maxItems\": 100", ", \"maxLength\": 253");
        let nested = "self.list.all(a, self.list.exists(b, a.matches('^x.*') && b.contains('y')))";
        assert_eq!(accepted(&list(items, characters), nested), Ok(()));
        for (list, rule) in [
            (list("", characters), nested),
            (
                list(items, ""),
                "self.list.all(a, a.matches('^[a-z0-9]*$'))",
            ),
            (
                list("", characters),
                "self.list.all(a, self.list.exists_one(b, a == b))",
            ),
        ] {
            let problem = accepted(&list, rule).unwrap_err();
            assert!(
                problem.contains("estimated rule cost exceeds budget by factor"),
                "{problem}"
            );
        }
        let flat = "self.list.size() > 0";
        assert_eq!(accepted(&list("", ""), flat), Ok(()));
    }

    #[test]
    fn a_rule_below_a_list_is_judged_for_every_item() {
        let items = json!({"type": "object", "properties": {"s": {"type": "string"}},
            "x-kubernetes-validations": [{"rule": "self.s.contains('x')"}]});
        let bounded = json!({"type": "array", "maxItems": 3, "items": items});
        assert_eq!(accepted(&bounded, "true"), Ok(()));
        let open = json!({"type": "array", "items": items});
        let problem = accepted(&open, "true").unwrap_err();
        assert!(problem.contains("by factor of more than 100x"), "{problem}");
    }
}
