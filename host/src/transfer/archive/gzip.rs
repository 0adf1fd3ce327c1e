use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::counted::{Budget, Counted};
use super::{Fault, tar};

/// Expands the whole stream: its own CRC and length are checked by the decoder. A tar inside is
/// followed, too.
pub(super) fn check(file: impl BufRead, mut budget: Budget) -> Result<String, Fault> {
    let failed = |error| Fault::of(error, "its gzip stream is damaged");
    let mut expanded = Counted::new(Members(Some(GzDecoder::new(file))), &mut budget);
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

/// The members of a gzip file one after the other, as `gzip -d` gives them (RFC 1952, section 2.2).
///
/// As there, zeros may follow: tapes and block devices pad with them. Anything else is no part of it.
struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let next = member.get_mut().fill_buf()?.first().copied();
            let rest = self.0.take().map(GzDecoder::into_inner);
            match (next, rest) {
                (Some(0x1f), Some(rest)) => self.0 = Some(GzDecoder::new(rest)),
                (Some(_), Some(rest)) => only_padding(rest)?,
                _ => {}
            }
        }
        Ok(0)
    }
}

fn only_padding(mut rest: impl BufRead) -> io::Result<()> {
    loop {
        let length = match rest.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(bytes) if bytes.iter().all(|byte| *byte == 0) => bytes.len(),
            Ok(_) => return Err(io::Error::other("more than padding follows its end")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        rest.consume(length);
    }
}
