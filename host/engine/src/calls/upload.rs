//! Objects that an engine writes in pieces.

use bytes::Bytes;
use host_base::{Report, ReportKind};

use crate::instance::HostResult;
use crate::limits::Allowance;
use crate::meter::Meter;
use crate::{StoredObject, StoredUpload};

/// The maximum length of one piece, in bytes.
const MAX_PIECE: usize = 8 << 20;
/// The maximum length of all pieces together, in bytes.
const MAX_LENGTH: u64 = 64 << 30;

/// An object that an engine writes in pieces.
pub struct Upload {
    object: Box<dyn StoredUpload>,
    length: u64,
    /// Whether it is complete, or can't be completed any more.
    has_ended: bool,
}

impl Upload {
    pub(super) fn new(object: Box<dyn StoredUpload>) -> Self {
        Self {
            object,
            length: 0,
            has_ended: false,
        }
    }

    /// Appends a piece. The time in which its bytes move is not charged to the engine.
    pub(crate) async fn write(
        &mut self,
        piece: Bytes,
        meter: &Meter,
        allowance: &Allowance,
    ) -> HostResult<()> {
        self.check_open()?;
        let length = self.length + piece.len() as u64;
        if piece.len() > MAX_PIECE || length > MAX_LENGTH {
            let message = format!(
                "a piece of an object has at most {MAX_PIECE} bytes, and the whole {MAX_LENGTH}"
            );
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        self.length = length;
        meter.earn(piece.len());
        let _pause = allowance.pause();
        let written = meter.spare(self.object.write(piece)).await;
        // The object would lack these bytes.
        self.has_ended |= written.is_err();
        written
    }

    /// Completes the object.
    pub(crate) async fn finish(
        &mut self,
        meter: &Meter,
        allowance: &Allowance,
    ) -> HostResult<StoredObject> {
        self.check_open()?;
        self.has_ended = true;
        let _pause = allowance.pause();
        meter.spare(self.object.finish()).await
    }

    pub(super) async fn discard(&mut self, meter: &Meter, allowance: &Allowance) {
        let _pause = allowance.pause();
        meter.spare(self.object.discard()).await;
    }

    fn check_open(&self) -> HostResult<()> {
        if self.has_ended {
            let message = "the object is complete, or a piece of it could not be written";
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;

    /// Refuses the second piece.
    #[derive(Default)]
    struct Narrow {
        pieces: usize,
    }

    impl StoredUpload for Narrow {
        fn write(&mut self, _: Bytes) -> BoxFuture<'_, HostResult<()>> {
            self.pieces += 1;
            let result = if self.pieces < 2 {
                Ok(())
            } else {
                Err(Report::new(ReportKind::Unavailable, "full"))
            };
            async { result }.boxed()
        }

        fn finish(&mut self) -> BoxFuture<'_, HostResult<StoredObject>> {
            async { Ok(StoredObject::default()) }.boxed()
        }

        fn discard(&mut self) -> BoxFuture<'_, ()> {
            async {}.boxed()
        }
    }

    fn kind<T>(result: HostResult<T>) -> Option<ReportKind> {
        result.err().map(|report| report.kind)
    }

    #[tokio::test]
    async fn an_object_without_one_of_its_pieces_is_never_completed() {
        let meter = Meter::new(Duration::from_secs(1));
        let allowance = Allowance::default();
        let mut upload = Upload::new(Box::new(Narrow::default()));
        let long = Bytes::from(vec![0; MAX_PIECE + 1]);
        let refused = upload.write(long, &meter, &allowance).await;
        assert_eq!(kind(refused), Some(ReportKind::InvalidArgument));
        let piece = || Bytes::from_static(b"x");
        assert!(upload.write(piece(), &meter, &allowance).await.is_ok());
        let refused = upload.write(piece(), &meter, &allowance).await;
        assert_eq!(kind(refused), Some(ReportKind::Unavailable));
        let finished = upload.finish(&meter, &allowance).await;
        assert_eq!(kind(finished), Some(ReportKind::InvalidArgument));
    }

    #[tokio::test]
    async fn a_complete_object_takes_no_further_piece() {
        let meter = Meter::new(Duration::from_secs(1));
        let allowance = Allowance::default();
        let mut upload = Upload::new(Box::new(Narrow::default()));
        assert!(upload.finish(&meter, &allowance).await.is_ok());
        let refused = upload.write(Bytes::new(), &meter, &allowance).await;
        assert_eq!(kind(refused), Some(ReportKind::InvalidArgument));
    }
}
