//! Text files that a command gets: options of engines of the type `file`.

use std::io::{self, Read};
use std::path::Path;

use host_base::files;

use super::error::CliError;

/// The largest file that an engine gets, in bytes: a list of some 100,000 files. A file that
/// becomes an object of Kubernetes must be far smaller. The code that sends it checks that.
const MAX_FILE: u64 = 16 << 20;

/// The text of a file; of standard input for `-`.
pub(super) fn read(flag: &str, path: &Path) -> Result<String, CliError> {
    let failed = |source| CliError::TextFile {
        flag: flag.to_owned(),
        path: path.to_owned(),
        source,
    };
    if path == Path::new("-") {
        return text(io::stdin().lock()).map_err(failed);
    }
    files::read_text(path, MAX_FILE).map_err(failed)
}

fn text(source: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it has more than 16 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        assert_eq!(text(&b"a: 1\n"[..]).unwrap(), "a: 1\n");
        assert!(text(io::repeat(b'a')).is_err());
        assert!(text(&b"\xff"[..]).is_err());
    }
}
