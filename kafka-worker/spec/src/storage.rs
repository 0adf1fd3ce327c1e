//! The storage of backup sets.

use serde::{Deserialize, Serialize};

/// A storage: its type, and the block of that type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// `pvc`, `s3`, `azure` or `gcs`.
    #[serde(default = "pvc")]
    pub storage_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc: Option<Pvc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<Azure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gcs: Option<Gcs>,
}

fn pvc() -> String {
    "pvc".to_owned()
}

/// A folder of a PersistentVolumeClaim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pvc {
    pub claim_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<PvcCreation>,
}

/// The claim that the operator makes, if there is none. The worker ignores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PvcCreation {
    #[serde(default)]
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    #[serde(default = "size")]
    pub size: String,
    #[serde(default = "access_modes")]
    pub access_modes: Vec<String>,
}

fn size() -> String {
    "100Gi".to_owned()
}

fn access_modes() -> Vec<String> {
    vec!["ReadWriteOnce".to_owned()]
}

/// A place for files beside the backup sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PvcPlace {
    pub pvc_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
}

/// A bucket that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct S3 {
    pub bucket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_http: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    pub credentials_secret: S3Secret,
}

/// A Secret with an access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct S3Secret {
    pub name: String,
    #[serde(default = "access_key_id")]
    pub access_key_id_key: String,
    #[serde(default = "secret_access_key")]
    pub secret_access_key_key: String,
}

fn access_key_id() -> String {
    "AWS_ACCESS_KEY_ID".to_owned()
}

fn secret_access_key() -> String {
    "AWS_SECRET_ACCESS_KEY".to_owned()
}

/// A container of Azure Blob Storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Azure {
    pub container: String,
    pub account_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    #[serde(default)]
    pub use_workload_identity: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret: Option<AzureKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sas_token_secret: Option<AzureSas>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_principal_secret: Option<AzurePrincipal>,
}

/// A Secret with the key of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AzureKey {
    pub name: String,
    #[serde(default = "account_key")]
    pub account_key_key: String,
}

fn account_key() -> String {
    "AZURE_STORAGE_KEY".to_owned()
}

/// A Secret with a shared access signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AzureSas {
    pub name: String,
    #[serde(default = "sas_token")]
    pub sas_token_key: String,
}

fn sas_token() -> String {
    "AZURE_SAS_TOKEN".to_owned()
}

/// A Secret with a service principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AzurePrincipal {
    pub name: String,
    #[serde(default = "client_id")]
    pub client_id_key: String,
    #[serde(default = "tenant_id")]
    pub tenant_id_key: String,
    #[serde(default = "client_secret")]
    pub client_secret_key: String,
}

fn client_id() -> String {
    "AZURE_CLIENT_ID".to_owned()
}

fn tenant_id() -> String {
    "AZURE_TENANT_ID".to_owned()
}

fn client_secret() -> String {
    "AZURE_CLIENT_SECRET".to_owned()
}

/// A bucket of Google Cloud Storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Gcs {
    pub bucket: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    pub credentials_secret: GcsSecret,
}

/// A Secret with the key of a service account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GcsSecret {
    pub name: String,
    #[serde(default = "service_account")]
    pub service_account_json_key: String,
}

fn service_account() -> String {
    "SERVICE_ACCOUNT_JSON".to_owned()
}
