//! The code that wit-bindgen generates from the interface. Engines use the rest of the crate instead.
#![allow(clippy::pedantic, reason = "generated text is not ours to shape")]

wit_bindgen::generate!({
    path: "../../wit/v0.2",
    world: "engine",
    pub_export_macro: true,
    export_macro_name: "export_engine",
    default_bindings_module: "broker_engine::bindings",
    additional_derives: [PartialEq],
    additional_derives_ignore: ["restore-source", "restore-request", "artifact", "part"],
});
