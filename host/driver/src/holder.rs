//! Describes the holder of a lock for users who find it taken.
//!
//! Environment variables are not used: scripts and containers often lack them, and anybody can set them.

use host_base::text;
use host_cluster::Cluster;

/// Longest name of a user or a machine, in characters.
const MAX_NAME: usize = 200;

/// Describes this user, machine and process, such as `ann@laptop process 4711`.
pub(super) fn here() -> String {
    let (user, host) = (named(&user()), named(&host()));
    format!("{user}@{host} process {}", std::process::id())
}

/// Describes this user and machine, such as `ann@laptop`.
pub(super) fn person() -> String {
    format!("{}@{}", named(&user()), named(&host()))
}

/// Adds the name that the API server uses for this user, if it tells the name: `… as oidc:ann`.
pub(super) async fn at(cluster: &Cluster) -> String {
    match cluster.api_user().await {
        Some(user) => format!("{} as {}", here(), named(&user)),
        None => here(),
    }
}

fn named(name: &str) -> String {
    text::printable(name, MAX_NAME).into_owned()
}

/// Returns the name of this process's user. It is the number if the user has no name, as in most containers.
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

/// Reads a variable that the system itself sets. These systems have no safe call for it.
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
