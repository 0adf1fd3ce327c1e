use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

use super::counted::{Budget, Counted};
use super::{Fault, tar};

/// Expands the whole stream: its own CRC and length are checked by the decoder. A tar inside is
/// followed, too.
pub(super) fn check(file: impl BufRead, mut budget: Budget) -> Result<String, Fault> {
    let failed = |error| Fault::of(error, "its gzip stream is damaged");
    let mut expanded = Counted::new(MultiGzDecoder::new(file), &mut budget);
    let mut head = Vec::new();
    (&mut expanded)
        .take(512)
        .read_to_end(&mut head)
        .map_err(failed)?;
    if tar::is_header(&head) {
        let mut rest = io::Cursor::new(head).chain(expanded);
        return tar::check(&mut rest).map(|it| format!("gzip, CRC and length hold; tar, {it}"));
    }
    io::copy(&mut expanded, &mut io::sink()).map_err(failed)?;
    Ok("gzip, CRC and length hold".to_owned())
}
