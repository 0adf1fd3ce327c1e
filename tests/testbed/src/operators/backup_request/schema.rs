//! The schemas of the kinds. The texts are those of Kubernetes 1.32.

use serde_json::Value;

/// The violations, by field.
type Problems = Vec<(String, String)>;

pub fn backup_request(object: &Value) -> Problems {
    let mut problems = Problems::new();
    required(
        object,
        "spec",
        &["database", "documentLibrary", "environment", "projectId"],
        &mut problems,
    );
    required(object, "spec.database", &["instanceId"], &mut problems);
    let buckets = ["destinationBucket", "sourceBucket"];
    required(object, "spec.documentLibrary", &buckets, &mut problems);
    one_of(
        object,
        "spec.provider",
        &["aws", "gcp", "azure"],
        &mut problems,
    );
    one_of(
        object,
        "spec.database.type",
        &["snapshot", "dump"],
        &mut problems,
    );
    if let Some(text) = at(object, "spec.database.retention").and_then(Value::as_str)
        && !is_retention(text)
    {
        let field = "spec.database.retention";
        let problem =
            format!("Invalid value: \"{text}\": {field} in body should match '^\\d+[dhm]$'");
        problems.push((field.to_owned(), problem));
    }
    if let Some(days) = at(object, "spec.retentionDays").and_then(Value::as_i64) {
        let field = "spec.retentionDays";
        let bound = if days < 7 {
            "greater than or equal to 7"
        } else {
            "less than or equal to 365"
        };
        if !(7..=365).contains(&days) {
            let problem = format!("Invalid value: {days}: {field} in body should be {bound}");
            problems.push((field.to_owned(), problem));
        }
    }
    problems
}

pub fn restore_request(object: &Value) -> Problems {
    let mut problems = Problems::new();
    required(
        object,
        "spec",
        &["backupId", "projectId", "targetEnvironment"],
        &mut problems,
    );
    problems
}

pub fn lc2_restore(object: &Value) -> Problems {
    let mut problems = Problems::new();
    required(
        object,
        "spec",
        &["backupId", "targetEnvironment"],
        &mut problems,
    );
    problems
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    object.pointer(&format!("/{}", path.replace('.', "/")))
}

/// Reports missing fields, but only if their parent exists.
fn required(object: &Value, place: &str, fields: &[&str], problems: &mut Problems) {
    let Some(parent) = at(object, place).or((place == "spec").then_some(&Value::Null)) else {
        return;
    };
    let missing = fields.iter().filter(|field| parent.get(field).is_none());
    problems.extend(missing.map(|field| (format!("{place}.{field}"), "Required value".to_owned())));
}

fn one_of(object: &Value, field: &str, values: &[&str], problems: &mut Problems) {
    let Some(value) = at(object, field) else {
        return;
    };
    if !values.iter().any(|known| value == known) {
        let known: Vec<_> = values.iter().map(|value| format!("\"{value}\"")).collect();
        let known = known.join(", ");
        let problem = format!("Unsupported value: {value}: supported values: {known}");
        problems.push((field.to_owned(), problem));
    }
}

fn is_retention(text: &str) -> bool {
    let number = text.strip_suffix(['d', 'h', 'm']);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_told() {
        let object = json!({"spec": {
            "projectId": "retail", "provider": "azur", "retentionDays": 5,
            "database": {"retention": "soon"}, "documentLibrary": {"sourceBucket": "a"},
        }});
        let fields: Vec<_> = backup_request(&object).into_iter().map(|it| it.0).collect();
        assert_eq!(
            fields,
            [
                "spec.environment",
                "spec.database.instanceId",
                "spec.documentLibrary.destinationBucket",
                "spec.provider",
                "spec.database.retention",
                "spec.retentionDays"
            ]
        );
        assert_eq!(backup_request(&json!({})).len(), 4);
    }
}
