//! Structural schemas: the `openAPIV3Schema` of a custom resource as a tree.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::rules::Rule;
use super::{Problem, cost};

/// Maximum depth of a schema. Deeper ones are refused, so that a tree is never walked without end.
const MAX_DEPTH: usize = 64;

/// The JSON type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// The meaning of the items of a list (`x-kubernetes-list-type`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

/// The fields of an object beyond `properties`.
#[derive(Debug, Default)]
pub enum Additional {
    #[default]
    Pruned,
    /// `additionalProperties: true`.
    Anything,
    Schema(Box<Node>),
}

/// The circumstances in which the rules of a node are judged.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    pub root: bool,
    /// Whether each value has one earlier value.
    pub correlated: bool,
    /// The most values of the node in one object.
    pub times: u64,
}

/// One node of a schema. The branches of `oneOf`, `anyOf`, `allOf` and `not` are nodes without a type.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "keywords of a schema that don't exclude each other"
)]
pub struct Node {
    pub kind: Option<Kind>,
    pub nullable: bool,
    pub int_or_string: bool,
    pub preserve: bool,
    pub embedded: bool,
    pub atomic_map: bool,
    pub list: ListType,
    pub properties: BTreeMap<String, Node>,
    pub additional: Additional,
    pub items: Option<Box<Node>>,
    pub default: Option<Value>,
    pub required: Vec<String>,
    pub choices: Option<Vec<Value>>,
    pub pattern: Option<Regex>,
    pub format: Option<String>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub exclusive_minimum: bool,
    pub exclusive_maximum: bool,
    pub multiple_of: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub unique: bool,
    pub one_of: Vec<Node>,
    pub any_of: Vec<Node>,
    pub all_of: Vec<Node>,
    pub not: Option<Box<Node>>,
    pub rules: Vec<Rule>,
}

impl Node {
    /// Reads a schema. The problems name the path of each offending keyword.
    pub fn parse(schema: &Value, path: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader {
            problems: Vec::new(),
        };
        let mut node = reader.node(schema, path, &Place::ROOT);
        if reader.problems.is_empty() {
            if node.kind != Some(Kind::Object) {
                let field = format!("{path}.type");
                let given = node.kind.map_or("", Kind::name);
                let problem = format!("Invalid value: \"{given}\": must be object at the root");
                return Err(vec![(field, problem)]);
            }
            let circumstances = Circumstances {
                root: true,
                correlated: true,
                times: 1,
            };
            let total = node.compile_rules(path, circumstances, &mut reader.problems);
            if let Some(problem) = cost::check_total(total) {
                reader.problems.push((path.to_owned(), problem));
            }
            node.check_defaults(path, &mut reader.problems);
        }
        if reader.problems.is_empty() {
            Ok(node)
        } else {
            Err(reader.problems)
        }
    }

    /// Returns the schema of a field of an object, if the field has one.
    pub fn field(&self, name: &str) -> Option<&Node> {
        self.properties.get(name).or(match &self.additional {
            Additional::Schema(node) => Some(node),
            _ => None,
        })
    }

    /// Compiles the rules of the tree. Returns their cost.
    fn compile_rules(
        &mut self,
        path: &str,
        circumstances: Circumstances,
        problems: &mut Vec<Problem>,
    ) -> u64 {
        let mut rules = std::mem::take(&mut self.rules);
        let mut total = 0_u64;
        for (index, rule) in rules.iter_mut().enumerate() {
            let field = format!("{path}.x-kubernetes-validations[{index}]");
            let (cost, found) = rule.compile(self, circumstances, path);
            total = total.saturating_add(cost);
            for (part, problem) in found {
                problems.push((format!("{field}.{part}"), problem));
            }
        }
        self.rules = rules;
        let below = |correlated: bool, times: u64| Circumstances {
            root: false,
            correlated: circumstances.correlated && correlated,
            times: circumstances.times.saturating_mul(times),
        };
        let size = cost::size(self);
        let mut descend = |node: &mut Node, path: String, circumstances| {
            let cost = node.compile_rules(&path, circumstances, problems);
            total = total.saturating_add(cost);
        };
        for (name, node) in &mut self.properties {
            let field = format!("{path}.properties[{name}]");
            descend(node, field, below(!self.atomic_map, 1));
        }
        if let Additional::Schema(node) = &mut self.additional {
            let field = format!("{path}.additionalProperties");
            descend(node, field, below(!self.atomic_map, size));
        }
        if let Some(items) = &mut self.items {
            let keyed = matches!(self.list, ListType::Map(_));
            descend(items, format!("{path}.items"), below(keyed, size));
        }
        total
    }

    /// Checks that each default satisfies its own schema.
    fn check_defaults(&self, path: &str, problems: &mut Vec<Problem>) {
        if let Some(default) = &self.default {
            let field = format!("{path}.default");
            let mut found = Vec::new();
            super::validate::value(self, default, None, &field, &mut found);
            problems.extend(found);
            let mut unknown = Vec::new();
            super::fill::prune(self, &mut default.clone(), "", &mut unknown);
            if !unknown.is_empty() {
                let problem = format!("Invalid value: {default}: must not have unknown fields");
                problems.push((field, problem));
            }
        }
        for (name, node) in &self.properties {
            node.check_defaults(&format!("{path}.properties[{name}]"), problems);
        }
        if let Additional::Schema(node) = &self.additional {
            node.check_defaults(&format!("{path}.additionalProperties"), problems);
        }
        if let Some(items) = &self.items {
            items.check_defaults(&format!("{path}.items"), problems);
        }
    }
}

/// The place of a node in the tree.
struct Place {
    depth: usize,
    /// Whether the node is a branch of a logical junctor, which must not have a type.
    branch: bool,
    /// Whether the parent is a node with `x-kubernetes-int-or-string`, whose branches may have types.
    int_or_string: bool,
    /// The relation of the node to its parent, in the words of the real server.
    role: &'static str,
}

impl Place {
    const ROOT: Self = Self {
        depth: 0,
        branch: false,
        int_or_string: false,
        role: "the root",
    };

    fn below(&self, role: &'static str) -> Self {
        Self {
            depth: self.depth + 1,
            branch: self.branch,
            int_or_string: false,
            role,
        }
    }
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn fail(&mut self, path: &str, keyword: &str, problem: &str) {
        self.problems
            .push((format!("{path}.{keyword}"), problem.to_owned()));
    }

    fn node(&mut self, schema: &Value, path: &str, place: &Place) -> Node {
        let mut node = Node::default();
        let Some(fields) = schema.as_object() else {
            let problem = "Required value: schema must be an object".to_owned();
            self.problems.push((path.to_owned(), problem));
            return node;
        };
        if place.depth > MAX_DEPTH {
            let problem = format!("Forbidden: must not be deeper than {MAX_DEPTH} levels");
            self.problems.push((path.to_owned(), problem));
            return node;
        }
        // Other keywords may depend on this one.
        node.int_or_string = fields.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
        for (keyword, value) in fields {
            self.keyword(&mut node, keyword, value, path, place);
        }
        if let Some(keys) = fields.get("x-kubernetes-list-map-keys") {
            match serde_json::from_value::<Vec<String>>(keys.clone()) {
                Ok(keys) if matches!(node.list, ListType::Map(_)) && !keys.is_empty() => {
                    node.list = ListType::Map(keys);
                }
                _ => self.fail(
                    path,
                    "x-kubernetes-list-map-keys",
                    "Forbidden: must be a list of names, and x-kubernetes-list-type must be map",
                ),
            }
        }
        let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
        let typed = matches!(node.additional, Additional::Schema(_));
        if !node.properties.is_empty() && (closed || typed) {
            let problem = "Forbidden: additionalProperties and properties are mutual exclusive";
            self.fail(path, "additionalProperties", problem);
        }
        let metadata = schema.pointer("/properties/metadata");
        if let Some(metadata) = metadata.filter(|_| place.depth == 0) {
            self.check_metadata(metadata, path);
        }
        self.check_structure(&node, path, place);
        node
    }

    /// Checks that a schema restricts only the names in the metadata.
    fn check_metadata(&mut self, schema: &Value, path: &str) {
        let known = |fields: &Value, allowed: &[&str]| {
            let mut fields = fields.as_object().into_iter().flatten();
            fields.all(|(name, _)| allowed.contains(&name.as_str()))
        };
        let fits = known(schema, &["type", "properties", "description"])
            && known(&schema["properties"], &["name", "generateName"]);
        if !fits {
            let problem = "Forbidden: must not specify anything other than name and generateName, but \
                           metadata is implicitly specified";
            self.fail(path, "properties[metadata]", problem);
        }
    }

    fn check_structure(&mut self, node: &Node, path: &str, place: &Place) {
        if place.branch {
            return;
        }
        let free = node.int_or_string || node.preserve;
        if node.kind.is_none() && !free {
            let problem = format!(
                "Required value: must not be empty for specified {}",
                place.role
            );
            self.fail(path, "type", &problem);
        }
        if node.int_or_string && node.kind.is_some() {
            let problem = "Invalid value: must be empty if x-kubernetes-int-or-string is true";
            self.fail(path, "type", problem);
        }
        if node.kind == Some(Kind::Array) && node.items.is_none() {
            self.fail(path, "items", "Required value: must be specified");
        }
        if let ListType::Map(keys) = &node.list {
            let items = node.items.as_deref();
            if keys.is_empty() {
                self.fail(
                    path,
                    "x-kubernetes-list-map-keys",
                    "Required value: must not be empty if x-kubernetes-list-type is map",
                );
            }
            for key in keys {
                let Some(field) = items.and_then(|items| items.properties.get(key)) else {
                    let problem = format!(
                        "Invalid value: \"{key}\": entries must all be names of item properties"
                    );
                    self.fail(path, "x-kubernetes-list-map-keys", &problem);
                    continue;
                };
                let given = items.is_some_and(|items| items.required.contains(key));
                if !given && field.default.is_none() {
                    let place = format!("items.properties[{key}].default");
                    let problem = "Required value: this property is in x-kubernetes-list-map-keys, \
                                   so it must have a default or be a required property";
                    self.fail(path, &place, problem);
                }
            }
        }
        for (index, branch) in (node.one_of.iter().map(|b| ("oneOf", b)))
            .chain(node.any_of.iter().map(|b| ("anyOf", b)))
            .chain(node.all_of.iter().map(|b| ("allOf", b)))
            .chain(node.not.iter().map(|b| ("not", &**b)))
            .enumerate()
        {
            let (junctor, branch) = branch;
            let place = if junctor == "not" {
                format!("{path}.not")
            } else {
                format!("{path}.{junctor}[{index}]")
            };
            self.check_branch(node, branch, &place);
        }
    }

    /// Checks that a branch names only fields that the node itself describes.
    fn check_branch(&mut self, node: &Node, branch: &Node, path: &str) {
        for (name, inner) in &branch.properties {
            match node.field(name) {
                Some(field) => {
                    self.check_branch(field, inner, &format!("{path}.properties[{name}]"));
                }
                None if node.preserve => {}
                None => {
                    let problem = "Required value: because it is defined in a logical junctor";
                    self.fail(path, &format!("properties[{name}]"), problem);
                }
            }
        }
        if let Some(inner) = &branch.items
            && let Some(items) = &node.items
        {
            self.check_branch(items, inner, &format!("{path}.items"));
        }
    }

    fn keyword(
        &mut self,
        node: &mut Node,
        keyword: &str,
        value: &Value,
        path: &str,
        place: &Place,
    ) {
        let forbidden_in_branch = matches!(
            keyword,
            "type" | "default" | "nullable" | "additionalProperties" | "description" | "title"
        ) || keyword.starts_with("x-kubernetes-")
            && keyword != "x-kubernetes-validations";
        let typed_branch = place.int_or_string && keyword == "type";
        if place.branch && forbidden_in_branch && !typed_branch {
            self.fail(path, keyword, "Forbidden: must be empty to be structural");
            return;
        }
        if self.children(node, keyword, value, path, place) {
            return;
        }
        let understood = match keyword {
            "description"
            | "title"
            | "example"
            | "externalDocs"
            | "x-kubernetes-int-or-string"
            | "x-kubernetes-list-map-keys" => true,
            "type" => {
                node.kind = value.as_str().and_then(Kind::parse);
                node.kind.is_some() || value == ""
            }
            "format" => set(&mut node.format, value.as_str().map(str::to_owned)),
            "pattern" => {
                let compiled = value.as_str().map(Regex::new);
                if let Some(Err(error)) = &compiled {
                    let problem = format!(
                        "Invalid value: {value}: must be a valid regular expression, but isn't: {error}"
                    );
                    self.fail(path, keyword, &problem);
                    return;
                }
                set(&mut node.pattern, compiled.and_then(Result::ok))
            }
            "default" => set(&mut node.default, Some(value.clone())),
            "required" => {
                let names = serde_json::from_value(value.clone());
                names.map(|names| node.required = names).is_ok()
            }
            "enum" => set(&mut node.choices, value.as_array().cloned()),
            "minimum" => set(&mut node.minimum, value.as_f64()),
            "maximum" => set(&mut node.maximum, value.as_f64()),
            "multipleOf" => set(&mut node.multiple_of, value.as_f64()),
            "minLength" => set(&mut node.min_length, value.as_u64()),
            "maxLength" => set(&mut node.max_length, value.as_u64()),
            "minItems" => set(&mut node.min_items, value.as_u64()),
            "maxItems" => set(&mut node.max_items, value.as_u64()),
            "minProperties" => set(&mut node.min_properties, value.as_u64()),
            "maxProperties" => set(&mut node.max_properties, value.as_u64()),
            "exclusiveMinimum" => flag(&mut node.exclusive_minimum, value),
            "exclusiveMaximum" => flag(&mut node.exclusive_maximum, value),
            "uniqueItems" if value == true => {
                let problem = "Forbidden: uniqueItems cannot be set to true since the runtime \
                               complexity becomes quadratic";
                self.fail(path, keyword, problem);
                return;
            }
            "uniqueItems" => flag(&mut node.unique, value),
            "nullable" => flag(&mut node.nullable, value),
            "x-kubernetes-preserve-unknown-fields" => flag(&mut node.preserve, value),
            "x-kubernetes-embedded-resource" => flag(&mut node.embedded, value),
            "x-kubernetes-map-type" => {
                node.atomic_map = value == "atomic";
                value == "atomic" || value == "granular"
            }
            "x-kubernetes-list-type" => {
                let kind = match value.as_str() {
                    Some("atomic") => Some(ListType::Atomic),
                    Some("set") => Some(ListType::Set),
                    Some("map") => Some(ListType::Map(Vec::new())),
                    _ => None,
                };
                kind.map(|kind| node.list = kind).is_some()
            }
            _ => {
                let problem = "Forbidden: is not a keyword of a structural schema";
                self.fail(path, keyword, problem);
                return;
            }
        };
        if !understood {
            self.fail(path, keyword, &format!("Invalid value: {value}"));
        }
    }

    /// Reads the keywords that contain further schemas. Returns whether the keyword is one of them.
    fn children(
        &mut self,
        node: &mut Node,
        keyword: &str,
        value: &Value,
        path: &str,
        place: &Place,
    ) -> bool {
        let branch = |role| Place {
            branch: true,
            int_or_string: node.int_or_string,
            ..place.below(role)
        };
        match keyword {
            "properties" => {
                let empty = Map::new();
                for (name, schema) in value.as_object().unwrap_or(&empty) {
                    let inner = format!("{path}.properties[{name}]");
                    let child = self.node(schema, &inner, &place.below("object fields"));
                    node.properties.insert(name.clone(), child);
                }
            }
            "additionalProperties" => {
                node.additional = match value {
                    Value::Bool(false) => Additional::Pruned,
                    Value::Bool(true) => Additional::Anything,
                    schema => {
                        let inner = format!("{path}.additionalProperties");
                        let below = place.below("object fields");
                        Additional::Schema(Box::new(self.node(schema, &inner, &below)))
                    }
                };
            }
            "items" => {
                let inner = format!("{path}.items");
                let child = self.node(value, &inner, &place.below("array items"));
                node.items = Some(Box::new(child));
            }
            "not" => {
                let child = self.node(value, &format!("{path}.not"), &branch("not"));
                node.not = Some(Box::new(child));
            }
            "oneOf" | "anyOf" | "allOf" => {
                let below = branch("branches");
                let nodes: Vec<Node> = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .enumerate()
                    .map(|(index, schema)| {
                        self.node(schema, &format!("{path}.{keyword}[{index}]"), &below)
                    })
                    .collect();
                match keyword {
                    "oneOf" => node.one_of = nodes,
                    "anyOf" => node.any_of = nodes,
                    _ => node.all_of = nodes,
                }
            }
            "x-kubernetes-validations" => {
                for (index, rule) in value.as_array().into_iter().flatten().enumerate() {
                    match Rule::read(rule) {
                        Ok(rule) if !place.branch => node.rules.push(rule),
                        Ok(_) => {
                            let problem = "Forbidden: the simulated API server judges no rules in \
                                           logical junctors";
                            self.fail(path, &format!("{keyword}[{index}]"), problem);
                        }
                        Err((part, problem)) => {
                            self.fail(path, &format!("{keyword}[{index}].{part}"), &problem);
                        }
                    }
                }
            }
            _ => return false,
        }
        true
    }
}

fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

fn flag(place: &mut bool, value: &Value) -> bool {
    *place = value == true;
    value.is_boolean()
}
