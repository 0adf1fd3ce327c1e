//! Who holds a lock, for those who find it taken. Nothing of it is read from variables, which scripts and containers
//! often don't have, and anybody can set.

use host_base::text;
use host_cluster::Cluster;

/// Longest name of a user or a machine that is kept, in characters.
const MAX_NAME: usize = 200;

/// This user, machine and process: `ann@laptop process 4711`.
pub(super) fn here() -> String {
    let (user, host) = (named(&user()), named(&host()));
    format!("{user}@{host} process {}", std::process::id())
}

/// The same with the name that the API server has for this user, if it tells it: `… as oidc:ann`.
pub(super) async fn at(cluster: &Cluster) -> String {
    match cluster.api_user().await {
        Some(user) => format!("{} as {}", here(), named(&user)),
        None => here(),
    }
}

fn named(name: &str) -> String {
    text::printable(name, MAX_NAME).into_owned()
}

/// The name of this process's user; its number where it has none, as in most containers.
#[cfg(unix)]
fn user() -> String {
    let id = nix::unistd::getuid();
    let known = nix::unistd::User::from_uid(id).ok().flatten();
    let name = known.map(|user| user.name).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| format!("uid {id}"))
}

#[cfg(unix)]
fn host() -> String {
    let system = nix::sys::utsname::uname().ok();
    let name = system.map(|system| system.nodename().to_string_lossy().into_owned());
    let name = name.filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "a machine without a name".to_owned())
}

#[cfg(not(unix))]
fn user() -> String {
    variable("USERNAME").unwrap_or_else(|| "a user".to_owned())
}

#[cfg(not(unix))]
fn host() -> String {
    variable("COMPUTERNAME").unwrap_or_else(|| "a machine".to_owned())
}

/// Set by the system itself, where there is no call for it that is safe.
#[cfg(not(unix))]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_system_knows_user_and_host_without_any_variable() {
        let output = |program: &str, argument: &str| {
            let output = std::process::Command::new(program).arg(argument).output();
            let output = output.expect("a program of every system").stdout;
            String::from_utf8(output).expect("a name").trim().to_owned()
        };
        let expected = format!("{}@{} process ", output("id", "-un"), output("uname", "-n"));
        assert!(
            here().starts_with(&expected),
            "{} is not {expected}",
            here()
        );
    }
}
