//! Checks of the agent's documentation: the real parser reads the examples, and a YAML parser reads the
//! manifests.

use std::fs;
use std::path::{Path, PathBuf};

use broker_agent::config::{Config, Environment};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Returns every variable that an example refers to.
fn environment() -> Environment {
    let names = [
        "BACKUP_API_TOKEN",
        "DATABASE_URL",
        "DATABASE_PASSWORD",
        "MYSQL_PASSWORD",
    ];
    names
        .map(|name| {
            (
                name.to_owned(),
                format!("the value of {name}").replace(' ', "-"),
            )
        })
        .into()
}

fn usable(name: &str, text: &str) {
    match Config::parse(text, &environment()) {
        Ok(config) => assert_eq!(config.warnings, [], "{name}"),
        Err(problems) => panic!("{name}: {problems:#?}\n{text}"),
    }
}

/// Returns the fenced code blocks of this language on a page.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = page.split(&fence).skip(1);
    parts
        .map(|part| part.split("\n```").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn every_configuration_in_the_guide_can_be_used() {
    let page = read("docs/agent.md");
    let whole: Vec<_> = blocks(&page, "yaml")
        .into_iter()
        .filter(|b| b.contains("api_token"))
        .collect();
    assert_eq!(whole.len(), 1, "the whole one at the beginning");
    for block in &whole {
        usable("docs/agent.md", block);
    }
    // A strategy without a whole configuration is inserted into the first example.
    let strategies: Vec<_> = blocks(&page, "yaml")
        .into_iter()
        .filter(|b| b.starts_with("strategy:"))
        .collect();
    assert!(strategies.len() >= 3, "{}", strategies.len());
    for strategy in strategies {
        let text = format!(
            "{strategy}\ncapabilities: {{version: v1, types: [x]}}\n\
             paths: {{workdir: /w, artifacts: /a, temp_dump: /t/d}}\nsecrets: {{api_token: \"${{BACKUP_API_TOKEN}}\"}}\n"
        );
        usable("docs/agent.md", &text);
    }
}

#[test]
fn every_option_of_the_parser_is_in_the_guide() {
    let page = read("docs/agent.md");
    for option in [
        "app.host",
        "app.port",
        "capabilities.version",
        "capabilities.types",
        "capabilities.est_seconds",
        "capabilities.est_size",
        "strategy.type",
        "strategy.artifact.filename",
        "strategy.artifact.format",
        "strategy.artifact.content_type",
        "paths.workdir",
        "paths.artifacts",
        "paths.temp_dump",
        "secrets.api_token",
        "limits.artifact_size",
        "limits.command_seconds",
        "limits.kill_seconds",
        "limits.request_seconds",
        "limits.stall_seconds",
        "limits.grace_seconds",
        "limits.waiting",
        "pre",
        "post",
        "command",
        "commands",
        "capture_stdout",
        "stream",
        "env",
        "workdir",
        "shell",
        "base_dir",
        "format",
        "compression",
        "follow_symlinks",
    ] {
        assert!(
            page.contains(&format!("`{option}`")),
            "{option} is not in the guide"
        );
    }
}

#[test]
fn the_compose_file_has_both_networks() {
    let compose: Value = serde_saphyr::from_str(&read("deploy/compose.yaml")).expect("it is YAML");
    assert_eq!(compose["networks"]["backups_net"]["external"], true);
    assert_eq!(compose["networks"]["app_internal"]["internal"], true);
    let networks = &compose["services"]["sidecar"]["networks"];
    assert_eq!(
        networks,
        &serde_json::json!(["app_internal", "backups_net"])
    );
    assert_eq!(compose["services"]["sidecar"]["init"], true);
}

#[test]
fn the_manifest_is_safe_and_its_configuration_can_be_used() {
    let text = read("deploy/kubernetes-sidecar.yaml");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("it is YAML");
    let of = |kind: &str| {
        documents
            .iter()
            .find(|d| d["kind"] == kind)
            .unwrap_or_else(|| panic!("no {kind}"))
    };
    let config = of("ConfigMap")["data"]["config.yaml"]
        .as_str()
        .expect("a text");
    usable("deploy/kubernetes-sidecar.yaml", config);
    let pod = &of("StatefulSet")["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array().expect("a list");
    let agent = containers
        .iter()
        .find(|c| c["name"] == "broker-agent")
        .expect("it is there");
    let security = &agent["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(agent["livenessProbe"]["httpGet"]["path"], "/healthz");
    // The pod's grace period must be longer than the agent's own.
    assert!(
        pod["terminationGracePeriodSeconds"]
            .as_u64()
            .expect("a number")
            > 25
    );
}

#[test]
fn the_example_of_the_compose_file_can_be_used() {
    usable(
        "deploy/config.example.yaml",
        &read("deploy/config.example.yaml"),
    );
}
