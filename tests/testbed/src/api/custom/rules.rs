//! Rules in the Common Expression Language: `x-kubernetes-validations`.
//!
//! A rule is compiled and its types are checked when the definition is created. A rule that the testbed can't
//! judge as the real server would is refused there, and is never taken as fulfilled.

use kube_cel::KubeCelExt;
use kube_cel::cel::common::ast::IdedExpr;
use kube_cel::cel::{Context, ExecutionError, Value as Cel};
use serde_json::Value;

use super::checker::Checker;
use super::node::{Circumstances, Node};
use super::types::Type;
use super::validate::{join, old_item};
use super::{Problem, cost, values, zones};

const REASONS: [&str; 4] = [
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
];

/// One rule of a node.
#[derive(Debug, Default)]
pub struct Rule {
    text: String,
    message: String,
    message_expression: Option<String>,
    reason: Option<String>,
    field_path: Option<String>,
    optional_old: bool,
    compiled: Option<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    rule: IdedExpr,
    message: Option<IdedExpr>,
    uses_old: bool,
}

impl Rule {
    /// Reads a rule. The error names the part that is wrong.
    pub fn read(value: &Value) -> Result<Self, (&'static str, String)> {
        let text = |name: &'static str| match &value[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            other => Err((name, format!("Invalid value: {other}: must be a string"))),
        };
        let known = [
            "rule",
            "message",
            "messageExpression",
            "reason",
            "fieldPath",
            "optionalOldSelf",
        ];
        let fields = value.as_object();
        let unknown = fields.and_then(|it| it.keys().find(|name| !known.contains(&name.as_str())));
        if let Some(name) = unknown {
            return Err(("rule", format!("Forbidden: unknown field \"{name}\"")));
        }
        let rule = text("rule")?.unwrap_or_default();
        if rule.trim().is_empty() {
            return Err(("rule", "Required value: rule is not specified".to_owned()));
        }
        let message = text("message")?.unwrap_or_default();
        if value.get("message").is_some() && message.trim().is_empty() {
            let problem =
                format!("Invalid value: {message:?}: message must be non-empty if specified");
            return Err(("message", problem));
        }
        let reason = text("reason")?;
        if let Some(reason) = reason.as_ref().filter(|it| !REASONS.contains(&it.as_str())) {
            let known = REASONS.map(|name| format!("{name:?}")).join(", ");
            let problem = format!("Unsupported value: {reason:?}: supported values: {known}");
            return Err(("reason", problem));
        }
        Ok(Self {
            text: rule,
            message,
            message_expression: text("messageExpression")?,
            reason,
            field_path: text("fieldPath")?,
            optional_old: value["optionalOldSelf"] == true,
            compiled: None,
        })
    }

    /// Compiles the rule for values of a node. Returns its cost, and what is wrong, by the part of the rule.
    pub fn compile(
        &mut self,
        node: &Node,
        circumstances: Circumstances,
        path: &str,
    ) -> (u64, Vec<(&'static str, String)>) {
        let Circumstances {
            root,
            correlated,
            times,
        } = circumstances;
        let mut cost = 0;
        let mut problems = Vec::new();
        let mut failed = |part: &'static str, text: &str, why: &str| {
            let problem = format!("Invalid value: {text:?}: {why}");
            problems.push((part, problem));
        };
        let mut compile =
            |text: &str, wanted: &str, word: &str| -> Result<(IdedExpr, bool), String> {
                let error = |why: String| format!("compilation failed: ERROR: <input>: {why}");
                let program = parse(text).map_err(error)?;
                if wanted == "bool" {
                    cost = cost::of(node, &program).saturating_mul(times);
                }
                let mut checker = Checker::new(node, root, self.optional_old);
                let (program, ty) = checker.check(program).map_err(error)?;
                if !matches!(ty, Type::Dyn) && ty.name() != wanted {
                    return Err(format!("{word} must evaluate to a {wanted}"));
                }
                Ok((program, checker.uses_old))
            };
        let rule = match compile(&self.text, "bool", "cel expression") {
            Ok(rule) => Some(rule),
            Err(why) => {
                failed("rule", &self.text, &why);
                None
            }
        };
        let mut message = None;
        if let Some(text) = &self.message_expression {
            match compile(text, "string", "messageExpression") {
                Ok((compiled, _)) => message = Some(compiled),
                Err(why) => failed("messageExpression", text, &why),
            }
        }
        let uses_old = rule.as_ref().is_some_and(|(_, uses_old)| *uses_old);
        if uses_old && !correlated {
            let why = format!(
                "oldSelf cannot be used on the uncorrelatable portion of the schema within {path}"
            );
            failed("rule", &self.text, &why);
        }
        if rule.is_some() && self.optional_old && !uses_old {
            let why = "may not be set if oldSelf is not used in rule";
            failed("optionalOldSelf", "true", why);
        }
        if let Some(given) = &self.field_path
            && !names_a_field(node, given)
        {
            let why = "fieldPath must be a valid path: does not refer to a valid field";
            failed("fieldPath", given, why);
        }
        if let Some(problem) = cost::check(cost) {
            problems.push(("rule", problem));
        }
        self.compiled = rule.map(|(rule, uses_old)| Compiled {
            rule,
            message,
            uses_old,
        });
        (cost, problems)
    }

    /// Judges a value. Returns the problem if the rule isn't fulfilled.
    fn judge(
        &self,
        node: &Node,
        root: bool,
        value: &Value,
        old: Option<&Value>,
        path: &str,
    ) -> Option<Problem> {
        let kind = format!("{:?}", node.kind.map_or("", super::node::Kind::name));
        let Some(compiled) = &self.compiled else {
            let problem = format!("Invalid value: {kind}: rule compile error: {}", self.text);
            return Some((path.to_owned(), problem));
        };
        if compiled.uses_old && old.is_none() && !self.optional_old {
            return None;
        }
        // Unchanged values keep violations of rules that came later, unless the rule is about the change.
        if !compiled.uses_old && old == Some(value) {
            return None;
        }
        let context = self.context(node, root, value, old);
        match Cel::resolve(&compiled.rule, &context) {
            Ok(Cel::Bool(true)) => return None,
            Ok(Cel::Bool(false)) => {}
            Ok(_) => {
                let told = format!(
                    "Invalid value: {kind}: no such overload for rule: {}",
                    self.told()
                );
                return Some((path.to_owned(), told));
            }
            Err(error) => {
                let told = explain(&error);
                let told = format!(
                    "Invalid value: {kind}: {told} evaluating rule: {}",
                    self.told()
                );
                return Some((path.to_owned(), told));
            }
        }
        let message = compiled.message.as_ref().and_then(|expression| {
            match Cel::resolve(expression, &context) {
                Ok(Cel::String(text)) => {
                    let text = text.trim().to_owned();
                    (!text.is_empty() && !text.contains('\n')).then_some(text)
                }
                _ => None,
            }
        });
        let message = message.unwrap_or_else(|| self.told());
        let place = match &self.field_path {
            Some(field) => format!("{path}{field}").trim_start_matches('.').to_owned(),
            None => path.to_owned(),
        };
        let problem = match self.reason.as_deref() {
            Some("FieldValueForbidden") => format!("Forbidden: {message}"),
            Some("FieldValueRequired") => format!("Required value: {message}"),
            Some("FieldValueDuplicate") => format!("Duplicate value: {kind}"),
            _ => format!("Invalid value: {kind}: {message}"),
        };
        Some((place, problem))
    }

    fn told(&self) -> String {
        if self.message.is_empty() {
            format!("failed rule: {}", self.text.trim())
        } else {
            self.message.trim().to_owned()
        }
    }

    fn context(
        &self,
        node: &Node,
        root: bool,
        value: &Value,
        old: Option<&Value>,
    ) -> Context<'static> {
        let mut context = Context::default().with_all();
        zones::register(&mut context);
        context.add_variable_from_value("self", values::to_cel(Some(node), value, root));
        let old = old.map(|old| values::to_cel(Some(node), old, root));
        if self.optional_old {
            context.add_variable_from_value("oldSelf", values::optional(old));
        } else if let Some(old) = old {
            context.add_variable_from_value("oldSelf", old);
        }
        context
    }
}

fn parse(text: &str) -> Result<IdedExpr, String> {
    let parser = kube_cel::cel::parser::Parser::default().enable_optional_syntax(true);
    parser
        .parse(text)
        .map_err(|error| format!("Syntax error: {}", error.to_string().replace('\n', " ")))
}

fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        other => other.to_string(),
    }
}

/// Returns whether a path such as `.spec.name` names a field of the schema.
fn names_a_field(node: &Node, path: &str) -> bool {
    let Some(path) = path.strip_prefix('.') else {
        return false;
    };
    let mut at = node;
    path.split('.').all(|name| match at.field(name) {
        Some(field) => {
            at = field;
            true
        }
        None => false,
    })
}

/// Judges the rules of a whole object.
pub fn object(root: &Node, object: &Value, old: Option<&Value>, problems: &mut Vec<Problem>) {
    walk(root, object, old, "", true, problems);
}

fn walk(
    node: &Node,
    value: &Value,
    old: Option<&Value>,
    path: &str,
    root: bool,
    problems: &mut Vec<Problem>,
) {
    if value.is_null() {
        return;
    }
    for rule in &node.rules {
        problems.extend(rule.judge(node, root, value, old.filter(|old| !old.is_null()), path));
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let Some(field) = node.field(name) else {
                    continue;
                };
                let before = old
                    .filter(|_| !node.atomic_map)
                    .and_then(|old| old.get(name));
                let place = if node.properties.contains_key(name) {
                    join(path, name)
                } else {
                    format!("{path}[{name}]")
                };
                walk(field, inner, before, &place, false, problems);
            }
        }
        Value::Array(list) => {
            if let Some(items) = &node.items {
                for (index, item) in list.iter().enumerate() {
                    let before = old_item(node, item, old);
                    walk(
                        items,
                        item,
                        before,
                        &format!("{path}[{index}]"),
                        false,
                        problems,
                    );
                }
            }
        }
        _ => {}
    }
}

/// Evaluates an expression outside of a schema, for tests of the functions.
#[cfg(test)]
pub fn evaluate(text: &str) -> Result<Cel, String> {
    let mut context = Context::default().with_all();
    zones::register(&mut context);
    let program = kube_cel::cel::Program::compile(text).map_err(|error| error.to_string())?;
    program.execute(&context).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(rule: &str, more: &Value) -> Result<Node, Vec<Problem>> {
        let mut rule = json!({"rule": rule, "message": "no"});
        json_patch::merge(&mut rule, more);
        let schema = json!({
            "type": "object",
            "x-kubernetes-validations": [rule],
            "properties": {
                "n": {"type": "integer"}, "d": {"type": "number"}, "s": {"type": "string", "maxLength": 99},
                "io": {"x-kubernetes-int-or-string": true},
                "t": {"type": "string", "format": "date-time"},
                "b": {"type": "string", "format": "byte"},
                "namespace": {"type": "string"}, "a-b": {"type": "string"}, "c_d": {"type": "string"},
                "l": {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 9}},
                "m": {"type": "object", "maxProperties": 9, "additionalProperties": {"type": "integer"}},
                "o": {"type": "object", "properties": {
                    "p": {"type": "object", "properties": {"q": {"type": "integer"}}},
                }},
            },
        });
        Node::parse(&schema, "schema")
    }

    fn problems(rule: &str, value: &Value, old: Option<&Value>) -> Vec<Problem> {
        let node = node(rule, &json!({})).unwrap_or_else(|it| panic!("{rule}: {it:?}"));
        let mut problems = Vec::new();
        object(&node, value, old, &mut problems);
        problems
    }

    #[test]
    fn rules_are_judged_as_the_real_server_judges_them() {
        let value = json!({
            "n": 3, "d": 2, "s": "1Gi", "io": "50%", "t": "2026-01-01T00:00:00Z", "b": "aGk=",
            "namespace": "x", "a-b": "y", "c_d": "z", "l": ["a", "b"], "m": {"k.1": 1, "l": 2},
            "o": {"p": {"q": 7}},
            "apiVersion": "v1", "kind": "K", "metadata": {"name": "me", "labels": {}},
        });
        for (rule, holds) in [
            ("self.n > 2 && self.d < 2.5", true),
            ("self.d == 2.0", true),
            ("self.d < self.n", true),
            ("self.n / 2 == 1 && self.n % 2 == 1", true),
            ("type(self.io) == string || true", false),
            ("self.io == '50%' && self.io != 50", true),
            ("self.t > timestamp('2025-12-31T00:00:00Z')", true),
            ("self.t - duration('24h') < self.t", true),
            ("size(self.b) == 2", true),
            (
                "self.__namespace__ == 'x' && self.a__dash__b == 'y' && self.c_d == 'z'",
                true,
            ),
            (
                "self.l.exists(x, x == 'b') && self.l.all(x, x.size() == 1)",
                true,
            ),
            ("self.l.exists_one(x, x == 'b')", true),
            (
                "self.l.map(x, x + '!') == ['a!', 'b!'] && 'a' in self.l",
                true,
            ),
            (
                "self.l.filter(x, x != 'a').size() == 1 && self.l[0] == 'a'",
                true,
            ),
            ("self.l[7] == 'a'", false),
            (
                "self.m['k.1'] == 1 && 'l' in self.m && self.m.all(k, self.m[k] > 0)",
                true,
            ),
            ("has(self.o.p) && self.o.p.q == 7", true),
            ("self.o.?p.?q.orValue(1) == 7", true),
            (
                "self.m[?'nope'].orValue(5) == 5 && self.m[?'l'].hasValue()",
                true,
            ),
            ("quantity(self.s).isGreaterThan(quantity('500Mi'))", true),
            (
                "isURL('https://a/b') && url('https://a/b').getHost() == 'a'",
                true,
            ),
            (
                "self.s.matches('^[0-9]+Gi$') && self.s.find('[0-9]+') == '1'",
                true,
            ),
            (
                "self.s.lowerAscii() == '1gi' && self.s.substring(1) == 'Gi'",
                true,
            ),
            ("self.metadata.name == 'me' && self.kind == 'K'", true),
            ("self.n > 5 ? false : self.n < 5", true),
            ("int(self.s) > 1", false),
            ("int(self.s) > 1 || true", true),
            ("dyn(self.n) == 3", true),
            (
                "!format.dns1123Label().validate(self.metadata.name).hasValue()",
                true,
            ),
        ] {
            if rule.starts_with("type(") {
                assert!(node(rule, &json!({})).is_err(), "{rule}");
                continue;
            }
            assert_eq!(problems(rule, &value, None).is_empty(), holds, "{rule}");
        }
    }

    #[test]
    fn missing_optional_fields_have_no_value() {
        for (rule, value) in [
            ("!has(self.o)", json!({})),
            ("self.?o.?p.?q.orValue(1) == 1", json!({})),
            ("self.?o.?p.?q.orValue(1) == 1", json!({"o": {}})),
            ("!self.?s.hasValue()", json!({})),
            ("self.?s.optMap(x, x.size() > 0).orValue(true)", json!({})),
        ] {
            match node(rule, &json!({})) {
                Ok(_) => assert_eq!(problems(rule, &value, None), [], "{rule}"),
                // A macro that the testbed doesn't have is refused.
                Err(found) => assert!(rule.contains("optMap"), "{rule}: {found:?}"),
            }
        }
        assert_eq!(problems("self.s == ''", &json!({}), None).len(), 1);
    }

    #[test]
    fn rules_about_a_change_need_an_earlier_value() {
        let rule = "self.n >= oldSelf.n";
        let (one, two) = (json!({"n": 1}), json!({"n": 2}));
        assert_eq!(problems(rule, &one, None), []);
        assert_eq!(problems(rule, &two, Some(&one)), []);
        assert_eq!(problems(rule, &one, Some(&two)).len(), 1);
    }

    #[test]
    fn a_rule_with_an_optional_earlier_value_is_judged_without_one() {
        let rule = "oldSelf.hasValue() || self.n == 1";
        let node = node(rule, &json!({"optionalOldSelf": true})).unwrap();
        let judged = |value: Value, old: Option<Value>| {
            let mut problems = Vec::new();
            object(&node, &value, old.as_ref(), &mut problems);
            problems.len()
        };
        assert_eq!(judged(json!({"n": 1}), None), 0);
        assert_eq!(judged(json!({"n": 2}), None), 1);
        assert_eq!(judged(json!({"n": 2}), Some(json!({"n": 1}))), 0);
    }

    #[test]
    fn an_unchanged_value_keeps_its_violation() {
        let bad = json!({"n": 0});
        assert_eq!(problems("self.n > 0", &bad, None).len(), 1);
        assert_eq!(problems("self.n > 0", &bad, Some(&bad)), []);
        assert_eq!(
            problems("self.n > 0", &bad, Some(&json!({"n": 1}))).len(),
            1
        );
    }

    #[test]
    fn the_parts_of_a_rule_are_checked() {
        for (more, part) in [
            (json!({"rule": ""}), "rule"),
            (json!({"message": " "}), "message"),
            (json!({"messageExpression": "1"}), "messageExpression"),
            (
                json!({"messageExpression": "self.nope"}),
                "messageExpression",
            ),
            (json!({"reason": "Wrong"}), "reason"),
            (json!({"fieldPath": ".nope"}), "fieldPath"),
            (json!({"optionalOldSelf": true}), "optionalOldSelf"),
        ] {
            let found = node("self.n > 0", &more).unwrap_err();
            let place = format!("schema.x-kubernetes-validations[0].{part}");
            assert_eq!(found[0].0, place, "{more}");
        }
    }
}
