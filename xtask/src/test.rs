use std::process::Command;

use crate::{Result, programs, shell, target, worker};

/// The part of a name that marks tests with stock kubectl.
const KUBECTL_TESTS: &str = "stock_kubectl";
/// The minor version of kubectl that the tests need.
///
/// Since 1.31 kubectl runs commands in pods over websockets; the simulated cluster has no SPDY.
const KUBECTL_MINOR: u32 = 31;

/// Runs all tests: units, engines natively, the simulated cluster, and the real program in it.
pub(crate) fn run() -> Result {
    target::ensure()?;
    programs::install()?;
    let mut arguments = vec!["test", "--locked", "--workspace", "--no-fail-fast"];
    if let Some(reason) = kubectl_problem() {
        shell::say(&format!(
            "{reason}: tests with `{KUBECTL_TESTS}` in their names are left out. Install kubectl 1.{KUBECTL_MINOR} or newer to run them."
        ));
        arguments.extend(["--", "--skip", KUBECTL_TESTS]);
    }
    shell::run(shell::cargo(&arguments)?)?;
    shell::run(worker::cargo(&["test", "--locked", "--no-fail-fast"])?)
}

/// Returns the reason why this machine's kubectl can't run the tests, if there is one.
fn kubectl_problem() -> Option<String> {
    if !shell::has("kubectl") {
        return Some("There is no kubectl in PATH".to_owned());
    }
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["version", "--client", "--output", "json"]);
    let minor = shell::output(kubectl).ok().and_then(|text| minor(&text));
    match minor {
        Some(minor) if minor >= KUBECTL_MINOR => None,
        Some(minor) => Some(format!("kubectl 1.{minor} is too old")),
        None => Some("kubectl does not say its version".to_owned()),
    }
}

/// Reads the minor version from `"minor": "32"`; some builds write `32+`.
fn minor(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("\"minor\"")?;
    let digits: String = rest
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn the_minor_version_is_read_whatever_is_behind_it() {
        let text = r#"{"clientVersion": {"major": "1", "minor": "32+", "gitVersion": "v1.32.4"}}"#;
        assert_eq!(minor(text), Some(32));
        assert_eq!(minor("{}"), None);
    }
}
