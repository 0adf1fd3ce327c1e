//! Files that are not engines, or engines that this host can't run. They are read, but never compiled or run.

use insta::assert_snapshot;

use crate::support::{Bed, Component, Run};

/// Returns the error of the program for this component.
fn refused(component: &Component, name: &str) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let path = component.save(&folder, name);
    let bed = Bed::start();
    let run = bed
        .hostile()
        .only_engines([path])
        .run("backup list --engine hostile");
    assert_eq!(bed.requests().count("*", ""), 0);
    assert_eq!(run.code, 14, "{}", run.stderr);
    run
}

#[test]
fn a_core_module() {
    let module = Component::of(b"\0asm\x01\0\0\0");
    assert_snapshot!(refused(&module, "module.wasm").reason(), @"
    PluginFault: module.wasm: it is a core module
    hint: `wasm-tools component new` `wasm32-wasip2`
    exit 14
    ");
}

#[test]
fn something_else() {
    assert_snapshot!(refused(&Component::of(b"#!/bin/sh\n"), "script.wasm").outcome(), @"
    PluginFault: script.wasm
    hint: `wasm-tools component new` `wasm32-wasip2`
    exit 14
    ");
    assert_snapshot!(refused(&Component::of(b""), "nothing.wasm").outcome(), @"
    PluginFault: nothing.wasm
    hint: `wasm-tools component new` `wasm32-wasip2`
    exit 14
    ");
}

#[test]
fn half_an_engine() {
    let half = Component::hostile();
    let length = half.bytes().len() / 2;
    assert_snapshot!(refused(&half.truncated(length), "half.wasm").reason(), @"
    PluginFault: half.wasm: it ends in its code
    hint: `wasm-tools component new` `wasm32-wasip2`
    exit 14
    ");
}

#[test]
fn an_engine_that_imports_something_unknown() {
    let other = Component::hostile().replace(
        "kubectl-broker:engine/http@0.2.0",
        "acme:secret/things-i-crave@1.0.0",
    );
    assert_snapshot!(refused(&other, "unknown.wasm").outcome(), @"
    PluginFault: `acme:secret/things-i-crave@1.0.0` acme/hostile
    hint: 0.2 `kubectl-broker:engine` `wasi:http`
    exit 14
    ");
}

#[test]
fn an_engine_that_is_built_for_a_newer_interface() {
    let other = Component::hostile().replace("@0.2.0", "@0.9.0");
    assert_snapshot!(refused(&other, "newer.wasm").outcome(), @"
    PluginFault: 0.1.0 0.2.0 0.9.0 newer.wasm
    hint:
    exit 14
    ");
}

#[test]
fn an_engine_that_is_built_for_an_older_interface() {
    let other = Component::hostile().replace("@0.2.0", "@0.0.9");
    assert_snapshot!(refused(&other, "older.wasm").outcome(), @"
    PluginFault: 0.0.9 0.1.0 0.2.0 older.wasm
    hint:
    exit 14
    ");
}

#[test]
fn a_component_that_is_no_engine() {
    let other = Component::hostile().replace("engine/operations@", "engine/operatives@");
    assert_snapshot!(refused(&other, "other.wasm").outcome(), @"
    PluginFault: `kubectl-broker:engine/operations` other.wasm
    hint:
    exit 14
    ");
}

#[test]
fn an_engine_without_a_manifest() {
    let other = Component::hostile().replace("kubectl-broker:manifest", "kubectl-broker:manifold");
    assert_snapshot!(refused(&other, "bare.wasm").outcome(), @"
    PluginFault: bare.wasm
    hint: `engine!` `kubectl broker plugin pack`
    exit 14
    ");
}

#[test]
fn an_engine_with_two_manifests() {
    let other = Component::hostile().with_section("kubectl-broker:manifest", b"{}");
    assert_snapshot!(refused(&other, "two.wasm").outcome(), @"
    PluginFault: 2 two.wasm
    hint: `kubectl broker plugin pack --replace`
    exit 14
    ");
}

#[test]
fn an_engine_whose_manifest_can_not_be_read() {
    let other = Component::hostile().replace("\"summary\"", "\"sumnary\"");
    assert_snapshot!(refused(&other, "typo.wasm").reason(), @"
    PluginFault: typo.wasm: the manifest is not valid JSON: unknown field `sumnary`, expected one of `id`, `version`, `summary`, `homepage`, `operations`, `lacks`, `options`, `verbs`, `columns`, `exec`, `endpoints`, `credentials`, `storage`, `aws`, `resources` at line 1 column 48
    hint:
    exit 14
    ");
}

#[test]
fn an_engine_that_imports_http_and_asks_for_no_endpoint() {
    let other = Component::hostile().blank_end_of_manifest(",\"endpoints\":");
    assert_snapshot!(refused(&other, "no-endpoint.wasm").outcome(), @"
    PluginFault: `kubectl-broker:engine/http@0.2.0` acme/hostile
    hint:
    exit 14
    ");
}

#[test]
fn an_engine_that_imports_exec_and_asks_for_no_command() {
    let other = Component::hostile().blank_end_of_manifest(",\"exec\":");
    assert_snapshot!(refused(&other, "no-command.wasm").outcome(), @"
    PluginFault: `kubectl-broker:engine/exec@0.2.0` acme/hostile
    hint:
    exit 14
    ");
}

#[test]
fn an_engine_whose_option_is_a_flag_of_the_host() {
    let other = Component::hostile().replace("\"name\":\"amount\"", "\"name\":\"output\"");
    assert_snapshot!(refused(&other, "clash.wasm").outcome(), @"
    PluginFault: `--output` clash.wasm
    hint:
    exit 14
    ");
}

#[test]
fn an_engine_whose_code_is_not_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = Component::hostile()
        .with_bad_code()
        .save(&folder, "damaged.wasm");
    let run = Bed::start()
        .hostile()
        .only_engines([path])
        .run("backup list --engine hostile");
    assert_eq!(run.code, 14, "{}", run.stderr);
    let message = run.stderr.lines().find(|line| line.starts_with("error: "));
    let message = message.expect("a message");
    assert!(message.contains("acme/hostile"), "{message}");
}
