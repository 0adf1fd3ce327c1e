/// Why a look at an object failed. It is taken again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OperatorError {
    #[error("{}", crate::reason(.0))]
    Api(#[from] kube::Error),
    #[error("a status can't be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the object has no uid")]
    NoUid,
    #[error(
        "the Job {job} in namespace {namespace} belongs to something else; delete it: kubectl delete job {job} -n {namespace}"
    )]
    NameTaken { job: String, namespace: String },
}
