use crate::{Result, shell, target};

/// Tests that need stock kubectl have this in their names.
const KUBECTL_TESTS: &str = "stock_kubectl";

/// All tests: units, engines natively, the simulated cluster, and the real program in it.
pub(crate) fn run() -> Result {
    target::ensure()?;
    let mut arguments = vec!["test", "--locked", "--workspace", "--no-fail-fast"];
    if !shell::has("kubectl") {
        if std::env::var_os("CI").is_some() {
            return Err("There is no kubectl in PATH; the tests in CI need it.".to_owned());
        }
        shell::say(&format!(
            "There is no kubectl in PATH: tests with `{KUBECTL_TESTS}` in their names are left out. Install kubectl to run them."
        ));
        arguments.extend(["--", "--skip", KUBECTL_TESTS]);
    }
    shell::run(shell::cargo(&arguments)?)
}
