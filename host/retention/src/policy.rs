use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{RetentionError, Within};

/// Rules about which copies of one source are kept. A copy is kept if at least one of the rules keeps it.
///
/// A count of zero is no rule. Periods are those of the store's time zone, and periods without a copy don't count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policy {
    /// Number of newest copies to keep.
    pub keep_last: u32,
    /// Number of hours of which the newest copy is kept.
    pub keep_hourly: u32,
    /// Number of days of which the newest copy is kept.
    pub keep_daily: u32,
    /// Number of ISO weeks of which the newest copy is kept.
    pub keep_weekly: u32,
    /// Number of months of which the newest copy is kept.
    pub keep_monthly: u32,
    /// Number of years of which the newest copy is kept.
    pub keep_yearly: u32,
    /// Length of time before the newest good copy in which every copy is kept, such as 30d or 1y6m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within: Option<Within>,
}

impl Policy {
    /// Refuses a policy without a rule. [`decide`](crate::decide()) refuses it too.
    ///
    /// # Errors
    ///
    /// [`RetentionError::KeepsNothing`] if every count is zero and no length of time is set.
    pub fn check(&self) -> Result<(), RetentionError> {
        if *self == Self::default() {
            return Err(RetentionError::KeepsNothing);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each rule alone.
    fn single_rules() -> [Policy; 7] {
        let none = Policy::default();
        [
            Policy {
                keep_last: 1,
                ..none
            },
            Policy {
                keep_hourly: 1,
                ..none
            },
            Policy {
                keep_daily: 1,
                ..none
            },
            Policy {
                keep_weekly: 1,
                ..none
            },
            Policy {
                keep_monthly: 1,
                ..none
            },
            Policy {
                keep_yearly: 1,
                ..none
            },
            Policy {
                keep_within: Some("1h".parse().expect("a length")),
                ..none
            },
        ]
    }

    #[test]
    fn a_policy_without_a_rule_is_refused() {
        assert_eq!(Policy::default().check(), Err(RetentionError::KeepsNothing));
        for policy in single_rules() {
            assert_eq!(policy.check(), Ok(()), "{policy:?}");
        }
    }

    #[test]
    fn a_document_sets_the_rules_that_it_names() {
        let document = json!({"keepLast": 1, "keepHourly": 2, "keepDaily": 3, "keepWeekly": 4,
            "keepMonthly": 5, "keepYearly": 6, "keepWithin": "1y6m"});
        let policy: Policy = serde_json::from_value(document.clone()).expect("a policy");
        let expected = Policy {
            keep_last: 1,
            keep_hourly: 2,
            keep_daily: 3,
            keep_weekly: 4,
            keep_monthly: 5,
            keep_yearly: 6,
            keep_within: Some("1y6m".parse().expect("a length")),
        };
        assert_eq!(policy, expected);
        assert_eq!(serde_json::to_value(policy).expect("JSON"), document);
        for policy in single_rules() {
            let text = serde_json::to_string(&policy).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Policy>(&text).expect("a policy"),
                policy
            );
        }
        assert_eq!(
            serde_json::from_value::<Policy>(json!({})).expect("a policy"),
            Policy::default()
        );
    }

    #[test]
    fn a_document_with_a_mistake_is_refused() {
        for (document, part) in [
            (json!({"keepLasst": 1}), "keepLasst"),
            (json!({"keep_last": 1}), "keep_last"),
            (json!({"keepLast": -1}), "-1"),
            (json!({"keepLast": 1.5}), "1.5"),
            (json!({"keepLast": 4_294_967_296_u64}), "4294967296"),
            (json!({"keepWithin": "30"}), "30d, 36h or 1y6m"),
            (json!({"keepWithin": 30}), "string"),
        ] {
            let error = serde_json::from_value::<Policy>(document.clone()).expect_err("a mistake");
            assert!(error.to_string().contains(part), "{document}: {error}");
        }
    }

    #[test]
    fn the_schema_says_what_a_document_may_have() {
        let schema = schemars::schema_for!(Policy).to_value();
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema.get("required"), None);
        let properties = schema["properties"].as_object().expect("properties");
        let full = Policy {
            keep_within: Some("1h".parse().expect("a length")),
            ..Policy::default()
        };
        let document = serde_json::to_value(full).expect("JSON");
        let names: Vec<_> = document.as_object().expect("an object").keys().collect();
        assert_eq!(properties.keys().collect::<Vec<_>>(), names);
        assert!(
            properties
                .values()
                .all(|property| property["description"].is_string())
        );
    }
}
