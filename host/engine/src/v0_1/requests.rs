//! Converts the host's requests to the types of this interface version.

use super::bindings::exports::kubectl_broker::engine::operations as wit;
use super::bindings::kubectl_broker::engine::types;
use crate::{OptionSetting, OptionValue};

pub(super) fn list(limit: Option<u32>, options: &[OptionSetting]) -> wit::ListRequest {
    wit::ListRequest {
        limit,
        options: settings(options),
    }
}

pub(super) fn status(id: &str, options: &[OptionSetting]) -> wit::StatusRequest {
    wit::StatusRequest {
        id: id.to_owned(),
        options: settings(options),
    }
}

pub(super) fn prepare(options: &[OptionSetting]) -> wit::PrepareRequest {
    wit::PrepareRequest {
        options: settings(options),
    }
}

pub(super) fn finish(id: &str, options: &[OptionSetting]) -> wit::FinishRequest {
    wit::FinishRequest {
        id: id.to_owned(),
        options: settings(options),
    }
}

pub(super) fn create(options: &[OptionSetting]) -> wit::CreateRequest {
    wit::CreateRequest {
        options: settings(options),
    }
}

pub(super) fn download(id: &str, options: &[OptionSetting]) -> wit::DownloadRequest {
    wit::DownloadRequest {
        id: id.to_owned(),
        options: settings(options),
    }
}

pub(super) fn restore(
    source: wit::RestoreSource,
    dry_run: bool,
    options: &[OptionSetting],
) -> wit::RestoreRequest {
    wit::RestoreRequest {
        source,
        dry_run,
        options: settings(options),
    }
}

pub(super) fn delete(id: &str, force: bool, options: &[OptionSetting]) -> wit::DeleteRequest {
    wit::DeleteRequest {
        id: id.to_owned(),
        force,
        options: settings(options),
    }
}

pub(super) fn verify(id: &str, options: &[OptionSetting]) -> wit::VerifyRequest {
    wit::VerifyRequest {
        id: id.to_owned(),
        options: settings(options),
    }
}

pub(super) fn act(verb: &str, options: &[OptionSetting]) -> wit::ActRequest {
    wit::ActRequest {
        verb: verb.to_owned(),
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
