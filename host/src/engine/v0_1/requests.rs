//! The host's requests in the types of this version.

use super::bindings::exports::kubectl_broker::engine::operations as wit;
use super::bindings::kubectl_broker::engine::types;
use crate::engine::{OptionSetting, OptionValue};

pub(in crate::engine) fn list(limit: Option<u32>, options: &[OptionSetting]) -> wit::ListRequest {
    wit::ListRequest {
        limit,
        options: settings(options),
    }
}

pub(in crate::engine) fn status(id: &str, options: &[OptionSetting]) -> wit::StatusRequest {
    wit::StatusRequest {
        id: id.to_owned(),
        options: settings(options),
    }
}

pub(in crate::engine) fn prepare(options: &[OptionSetting]) -> wit::PrepareRequest {
    wit::PrepareRequest {
        options: settings(options),
    }
}

pub(in crate::engine) fn finish(id: &str, options: &[OptionSetting]) -> wit::FinishRequest {
    wit::FinishRequest {
        id: id.to_owned(),
        options: settings(options),
    }
}

pub(in crate::engine) fn create(options: &[OptionSetting]) -> wit::CreateRequest {
    wit::CreateRequest {
        options: settings(options),
    }
}

pub(in crate::engine) fn restore(
    id: &str,
    dry_run: bool,
    options: &[OptionSetting],
) -> wit::RestoreRequest {
    wit::RestoreRequest {
        source: wit::RestoreSource::Id(id.to_owned()),
        dry_run,
        options: settings(options),
    }
}

pub(in crate::engine) fn delete(
    id: &str,
    force: bool,
    options: &[OptionSetting],
) -> wit::DeleteRequest {
    wit::DeleteRequest {
        id: id.to_owned(),
        force,
        options: settings(options),
    }
}

fn settings(options: &[OptionSetting]) -> Vec<types::OptionSetting> {
    options
        .iter()
        .map(|option| types::OptionSetting {
            name: option.name.clone(),
            value: match &option.value {
                OptionValue::Text(text) => types::OptionValue::Text(text.clone()),
                OptionValue::Integer(number) => types::OptionValue::Integer(*number),
                OptionValue::Boolean(value) => types::OptionValue::Boolean(*value),
            },
        })
        .collect()
}
