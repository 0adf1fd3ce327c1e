use super::TransferError;

/// Runs work that waits for a disk on a thread where it can't delay other tasks.
///
/// If the caller is dropped, started work continues to its end: no step is left half done.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(TransferError::Stopped))
}
