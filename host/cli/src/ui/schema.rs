//! The documents of every kind, and the JSON Schemas that are generated from their types.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value;

use super::document::ErrorBody;
use super::views::{
    BackupBody, BackupChecksBody, BackupListBody, BundleView, CopiedRow, CopiedView, CopiesView,
    CopyChangesView, CopyChecksView, CopyDownloadBody, DeletionBody, DownloadBody, EngineListBody,
    HealthBody, HistoryBody, KeyChangeBody, KeysView, ManifestCheckBody, PluginChangesView,
    PluginDiffView, PluginListBody, PluginPackView, PluginProjectView, PluginTestBody,
    PluginUpdateListBody, PluginView, PruneView, RepairView, ReportBody, RestoreBody,
    StoreReportView, StoresView, TargetListBody, TestReportBody, VerificationListBody, VersionView,
};

/// The prefix of the schemas' names. There is no file at this address.
const BASE: &str = "https://kubectl-broker.example/schema/v1/";

/// A document as it is printed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    /// Changes when a field is removed or changes its meaning. Fields may be added without that.
    api_version: ApiVersion,
    #[serde(flatten)]
    body: Body<'a>,
}

#[derive(Serialize, JsonSchema)]
enum ApiVersion {
    #[serde(rename = "kubectl-broker/v1")]
    V1,
}

/// The fields of a document. The variant is its `kind`, and the name of its schema in `docs/schema`.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Body<'a> {
    Backup(BackupBody<'a>),
    BackupChecks(BackupChecksBody<'a>),
    BackupList(BackupListBody<'a>),
    Bundle(&'a BundleView),
    /// A copy of a backup that was written to a store. Printed by `backup download --to`.
    Copy(CopiedRow),
    CopyChangeList(&'a CopyChangesView),
    CopyCheckList(&'a CopyChecksView),
    CopyDownload(CopyDownloadBody<'a>),
    CopyList(&'a CopiesView),
    Deletion(DeletionBody<'a>),
    Download(DownloadBody<'a>),
    EngineList(EngineListBody<'a>),
    Error(ErrorBody<'a>),
    Health(HealthBody<'a>),
    History(HistoryBody<'a>),
    KeyChange(KeyChangeBody<'a>),
    KeyList(&'a KeysView),
    ManifestCheck(ManifestCheckBody<'a>),
    Plugin(&'a PluginView),
    PluginChangeList(&'a PluginChangesView),
    /// The results of checking engines. Printed by `plugin verify` and `plugin doctor`.
    PluginCheckList(PluginListBody<'a>),
    PluginDiff(&'a PluginDiffView),
    /// Engines as files, the bundled ones first. Printed by `plugin list`.
    PluginList(PluginListBody<'a>),
    PluginPack(&'a PluginPackView),
    PluginProject(&'a PluginProjectView),
    PluginTest(PluginTestBody<'a>),
    PluginUpdateList(PluginUpdateListBody<'a>),
    PruneReport(&'a PruneView),
    RepairReport(&'a RepairView),
    Report(ReportBody<'a>),
    Restore(RestoreBody<'a>),
    StoreList(&'a StoresView),
    StoreReport(&'a StoreReportView),
    StoredCopyList(&'a CopiedView),
    TargetList(TargetListBody<'a>),
    TestReport(TestReportBody<'a>),
    VerificationList(VerificationListBody<'a>),
    Version(&'a VersionView),
}

impl Body<'_> {
    /// Returns the document for JSON and YAML. Its keys are sorted.
    pub(super) fn document(self) -> serde_json::Result<Value> {
        serde_json::to_value(Printed {
            api_version: ApiVersion::V1,
            body: self,
        })
    }
}

/// Returns the text of each kind's schema, by the name of the kind.
///
/// # Errors
/// When a schema can't be written as JSON.
pub fn schemas() -> serde_json::Result<BTreeMap<String, String>> {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        // A schema of one file needs no other file.
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(tidy));
    let generator = settings.into_generator();
    let mut printed = generator.into_root_schema_for::<Printed<'_>>().to_value();
    let kinds: Vec<Value> = serde_json::from_value(printed["oneOf"].take())?;
    let texts = kinds.into_iter().map(|mut schema| {
        let name: String = serde_json::from_value(schema["properties"]["kind"]["const"].clone())?;
        schema["$id"] = format!("{BASE}{name}.json").into();
        schema["$schema"] = printed["$schema"].clone();
        schema["title"] = name.clone().into();
        schema["properties"]["apiVersion"] = printed["properties"]["apiVersion"].clone();
        if let Some(required) = schema["required"].as_array_mut() {
            required.insert(0, "apiVersion".into());
        }
        let text = serde_json::to_string_pretty(&Schema::try_from(schema)?)?;
        Ok((name, text + "\n"))
    });
    texts.collect()
}

/// Returns the schema of the manifest of a copy in a store. Later versions may add fields.
///
/// # Errors
/// When the schema can't be written as JSON.
pub fn copy_manifest_schema() -> serde_json::Result<String> {
    let settings = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<host_store::CopyManifest>();
    RecursiveTransform(plain).transform(&mut schema);
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

/// Allows no fields but the known ones, and removes the line breaks of doc comments.
fn tidy(schema: &mut Schema) {
    if schema.get("properties").is_some() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    plain(schema);
}

/// Leaves out what strict validators refuse, and the line breaks of doc comments.
fn plain(schema: &mut Schema) {
    // JSON Schema does not define these formats, and strict validators refuse them.
    if schema
        .get("format")
        .is_some_and(|format| format == "uint64" || format == "uint")
    {
        schema.remove("format");
    }
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let words: Vec<_> = description.split_whitespace().collect();
        *description = words.join(" ");
    }
}
