use std::str::FromStr;

use serde_json::Value;

/// A label selector. It supports everything in Kubernetes except sets such as `a in (b, c)`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(Vec<Term>);

#[derive(Debug, PartialEq, Eq)]
enum Term {
    Is(String, String),
    /// The label has another value or does not exist.
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

impl Labels {
    pub(super) fn fit(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let mut terms = self.0.iter();
        terms.all(|term| match term {
            Term::Is(name, value) => labels[name] == **value,
            Term::IsNot(name, value) => labels[name] != **value,
            Term::Has(name) => labels[name].is_string(),
            Term::HasNot(name) => !labels[name].is_string(),
        })
    }
}

impl FromStr for Labels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(['(', ')']) {
            return Err(format!(
                "it selects by {text:?}: a case knows `a=b`, `a!=b`, `a` and `!a`, with commas between them"
            ));
        }
        let terms = text.split(',').map(str::trim);
        let terms = terms.filter(|term| !term.is_empty()).map(|term| {
            let owned = |text: &str| text.trim().to_owned();
            if let Some((name, value)) = term.split_once("!=") {
                Term::IsNot(owned(name), owned(value))
            } else if let Some((name, value)) = term.split_once('=') {
                Term::Is(owned(name), owned(value.trim_start_matches('=')))
            } else if let Some(name) = term.strip_prefix('!') {
                Term::HasNot(owned(name))
            } else {
                Term::Has(owned(term))
            }
        });
        Ok(Self(terms.collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn terms_are_read_as_kubernetes_reads_them() {
        let object = json!({"metadata": {"labels": {"app": "kafka", "tier": "x"}}});
        let fits = |text: &str| text.parse::<Labels>().unwrap().fit(&object);
        for text in [
            "",
            "app=kafka",
            "app==kafka,tier",
            "app != redis, !gone",
            "gone!=x",
        ] {
            assert!(fits(text), "{text}");
        }
        for text in [
            "app=redis",
            "app!=kafka",
            "gone",
            "!app",
            "app=kafka,tier=y",
        ] {
            assert!(!fits(text), "{text}");
        }
        assert!(!"app=x".parse::<Labels>().unwrap().fit(&json!({})));
        assert!("app in (kafka)".parse::<Labels>().is_err());
    }
}
