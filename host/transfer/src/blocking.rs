use super::TransferError;

/// Runs what waits for a disk where it can't hold up other tasks.
///
/// When the caller is dropped, the work that has begun goes on to its end: no step is left half done.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(TransferError::Stopped))
}
