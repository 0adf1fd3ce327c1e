//! Finds files that an earlier run of the same command completed.

use std::path::PathBuf;

use super::blocking::blocking;
use super::claims::Claims;
use super::verify::{Wanted, verify};
use super::{Answer, Destination, Expectation, Progress, Proof, Saved, TransferError};

/// Shows nothing: reading a local file takes little time.
struct Silent;

impl Progress for Silent {
    fn bytes(&self, _: u64, _: Option<u64>) {}
}

/// Returns the file that is at the destination already, if it certainly has the bytes of this response. The
/// response or the engine must announce their digest. The body is not read.
///
/// # Errors
/// When the response can't be a backup, or contradicts the expectation.
pub fn earlier(
    answer: &Answer,
    expectation: &Expectation,
    destination: &Destination,
) -> impl Future<Output = Result<Option<Saved>, TransferError>> + Send + use<> {
    let claims = Claims::read(answer, expectation);
    let path = destination.path();
    async move {
        match claims? {
            claims if claims.has_checksum() => blocking(move || Ok(compare(path, &claims))).await,
            _ => Ok(None),
        }
    }
}

fn compare(path: PathBuf, claims: &Claims) -> Option<Saved> {
    // Only a plain file with its digest beside it was completed by this program.
    let found = verify(&path, &Wanted::default(), &Silent).ok()?;
    let is_it = found.holds() && found.is_compared() && claims.prove(found.length, found.sha256);
    is_it.then_some(Saved {
        path,
        length: found.length,
        sha256: found.sha256,
        proof: Proof::Checksum,
        damage: None,
        resumed: found.length,
    })
}
