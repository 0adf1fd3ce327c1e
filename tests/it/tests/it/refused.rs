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
    assert_snapshot!(refused(&module, "module.wasm").shown(), @"
    stderr:
    error: module.wasm is not a WebAssembly component: it is a core module
    hint: Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`
    exit 14
    ");
}

#[test]
fn something_else() {
    assert_snapshot!(refused(&Component::of(b"#!/bin/sh\n"), "script.wasm").shown(), @"
    stderr:
    error: script.wasm is not a WebAssembly component: it does not begin as one
    hint: Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`
    exit 14
    ");
    assert_snapshot!(refused(&Component::of(b""), "nothing.wasm").shown(), @"
    stderr:
    error: nothing.wasm is not a WebAssembly component: it does not begin as one
    hint: Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`
    exit 14
    ");
}

#[test]
fn half_an_engine() {
    let half = Component::hostile();
    let length = half.bytes().len() / 2;
    assert_snapshot!(refused(&half.truncated(length), "half.wasm").shown(), @"
    stderr:
    error: half.wasm is not a WebAssembly component: it ends in its code
    hint: Build it for `wasm32-wasip2`, or turn a core module into a component with `wasm-tools component new`
    exit 14
    ");
}

#[test]
fn an_engine_that_imports_something_unknown() {
    let other = Component::hostile().replace(
        "kubectl-broker:engine/http@0.1.0",
        "acme:secret/things-i-crave@1.0.0",
    );
    assert_snapshot!(refused(&other, "unknown.wasm").shown(), @"
    stderr:
    error: engine acme/hostile imports `acme:secret/things-i-crave@1.0.0`, which no version of kubectl-broker provides
    hint: An engine may import WASI 0.2 without `wasi:http`, and `kubectl-broker:engine`; it can't be run
    exit 14
    ");
}

#[test]
fn an_engine_that_is_built_for_a_newer_interface() {
    let other = Component::hostile().replace("@0.1.0", "@0.2.0");
    assert_snapshot!(refused(&other, "newer.wasm").shown(), @"
    stderr:
    error: newer.wasm is built for version 0.2.0 of the engine interface; this kubectl-broker has 0.1.0
    hint: Update kubectl-broker, or use an older version of the engine
    exit 14
    ");
}

#[test]
fn an_engine_that_is_built_for_an_older_interface() {
    let other = Component::hostile().replace("@0.1.0", "@0.0.9");
    assert_snapshot!(refused(&other, "older.wasm").shown(), @"
    stderr:
    error: older.wasm is built for version 0.0.9 of the engine interface; this kubectl-broker has 0.1.0
    hint: Use a newer version of the engine, built with the current SDK
    exit 14
    ");
}

#[test]
fn a_component_that_is_no_engine() {
    let other = Component::hostile().replace("engine/operations@", "engine/operatives@");
    assert_snapshot!(refused(&other, "other.wasm").shown(), @"
    stderr:
    error: other.wasm does not export the engine interface `kubectl-broker:engine/operations`
    hint: It is some other component, not an engine
    exit 14
    ");
}

#[test]
fn an_engine_without_a_manifest() {
    let other = Component::hostile().replace("kubectl-broker:manifest", "kubectl-broker:manifold");
    assert_snapshot!(refused(&other, "bare.wasm").shown(), @"
    stderr:
    error: bare.wasm has no manifest, so nothing says what it may do
    hint: The engine's author adds one with the SDK's `engine!` macro
    exit 14
    ");
}

#[test]
fn an_engine_with_two_manifests() {
    let other = Component::hostile().with_section("kubectl-broker:manifest", b"{}");
    assert_snapshot!(refused(&other, "two.wasm").shown(), @"
    stderr:
    error: two.wasm has 2 manifests; it must have one
    hint: The engine's author adds one with the SDK's `engine!` macro
    exit 14
    ");
}

#[test]
fn an_engine_whose_manifest_can_not_be_read() {
    let other = Component::hostile().replace("\"summary\"", "\"sumnary\"");
    assert_snapshot!(refused(&other, "typo.wasm").shown(), @"
    stderr:
    error: the manifest of typo.wasm can't be used: the manifest is not valid JSON: unknown field `sumnary`, expected one of `id`, `version`, `summary`, `homepage`, `operations`, `lacks`, `options`, `verbs`, `columns`, `exec`, `endpoints`, `resources` at line 1 column 48
    hint: This is for the engine's author to mend; another version of the engine may be right
    exit 14
    ");
}

#[test]
fn an_engine_that_imports_http_and_asks_for_no_endpoint() {
    let other = Component::hostile().blank_end_of_manifest(",\"endpoints\":");
    assert_snapshot!(refused(&other, "no-endpoint.wasm").shown(), @"
    stderr:
    error: engine acme/hostile imports `kubectl-broker:engine/http@0.1.0`, but its manifest does not ask for it: it names no endpoint
    hint: This is for the engine's author to mend; another version of the engine may be right
    exit 14
    ");
}

#[test]
fn an_engine_that_imports_exec_and_asks_for_no_command() {
    let other = Component::hostile().blank_end_of_manifest(",\"exec\":");
    assert_snapshot!(refused(&other, "no-command.wasm").shown(), @"
    stderr:
    error: engine acme/hostile imports `kubectl-broker:engine/exec@0.1.0`, but its manifest does not ask for it: it names no command
    hint: This is for the engine's author to mend; another version of the engine may be right
    exit 14
    ");
}

#[test]
fn an_engine_whose_option_is_a_flag_of_the_host() {
    let other = Component::hostile().replace("\"name\":\"amount\"", "\"name\":\"output\"");
    assert_snapshot!(refused(&other, "clash.wasm").shown(), @"
    stderr:
    error: the manifest of clash.wasm can't be used: option `--output` is a flag of kubectl-broker itself; choose another name
    hint: This is for the engine's author to mend; another version of the engine may be right
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
    assert!(
        message.contains("engine acme/hostile can't be compiled"),
        "{message}"
    );
}
