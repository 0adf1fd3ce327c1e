use std::fmt::Write as _;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use host_base::{Folders, PrivateFolder, PrivateFolderError};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

const KEY_FILE: &str = "native-code.key";
/// The block size of SHA-256, for which an HMAC key needs neither hashing nor padding.
const KEY_BYTES: usize = 64;
const MAC_BYTES: usize = 32;

/// A cache of native code, so that each engine is compiled once.
///
/// wasmtime trusts native code blindly: it loads even a file with flipped bits. Therefore the cache is in a
/// folder that only this user can write to. Each file ends with a MAC of its name and content, made with a
/// key of this user. The name is a hash of everything that decides the code: the component, wasmtime's
/// settings and version, and the version of this host. A file that does not match is ignored, and the engine
/// is compiled again.
#[derive(Clone, Debug)]
pub struct NativeCache {
    folder: PrivateFolder,
    key: [u8; KEY_BYTES],
}

impl NativeCache {
    /// Opens the cache, with its key in the folder for data, and makes what is missing.
    ///
    /// # Errors
    /// Why the cache can't be trusted or used, for people. Engines then work without it.
    pub fn open(folders: &Folders) -> Result<Self, String> {
        Self::open_folders(&folders.cache, &folders.data).map_err(|error| error.to_string())
    }

    fn open_folders(cache: &Path, data: &Path) -> Result<Self, PrivateFolderError> {
        let folder = PrivateFolder::open(&cache.join("native"))?;
        let data = PrivateFolder::open(&data.join("keys"))?;
        let read = || -> Result<Option<[u8; KEY_BYTES]>, PrivateFolderError> {
            Ok(data.read(KEY_FILE)?.and_then(|bytes| bytes.try_into().ok()))
        };
        if let Some(key) = read()? {
            return Ok(Self { folder, key });
        }
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(|_| PrivateFolderError::NoRandomness)?;
        data.write_new(KEY_FILE, &key)?;
        // Another process may have written a key first. A key of the wrong length is replaced.
        let key = match read()? {
            Some(key) => key,
            None => {
                data.write(KEY_FILE, &[&key])?;
                key
            }
        };
        Ok(Self { folder, key })
    }

    /// Returns the compiled component if the cache has a file that can be trusted.
    pub(super) fn load(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Component> {
        let name = file_name(engine, digest);
        let mut file = self.folder.open_file(&name).ok().flatten()?;
        self.check(&name, &mut file)?;
        load_checked(engine, &file)
    }

    /// Reads a file to its end and checks the MAC there.
    fn check(&self, name: &str, file: &mut File) -> Option<()> {
        let length = file.metadata().ok()?.len();
        let code = length.checked_sub(MAC_BYTES as u64)?;
        let mut mac = self.mac(name);
        // The file is read in pieces: allocating a buffer for the whole file costs more than the MAC.
        let mut buffer = vec![0; 64 << 10];
        let mut left = code;
        while left > 0 {
            let piece = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            file.read_exact(&mut buffer[..piece]).ok()?;
            mac.update(&buffer[..piece]);
            left -= piece as u64;
        }
        let mut given = [0; MAC_BYTES];
        file.read_exact(&mut given).ok()?;
        mac.verify_slice(&given).ok()
    }

    /// Stores compiled code. A failure costs time, not correctness, so the caller only reports it.
    pub(super) fn store(
        &self,
        engine: &Engine,
        digest: &[u8; 32],
        code: &[u8],
    ) -> Result<(), String> {
        let name = file_name(engine, digest);
        let mut mac = self.mac(&name);
        mac.update(code);
        let mac = mac.finalize().into_bytes();
        self.folder
            .write(&name, &[code, &mac])
            .map_err(|error| error.to_string())
    }

    fn mac(&self, name: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new((&self.key).into());
        mac.update(name.as_bytes());
        mac
    }
}

/// Maps a file into memory as code. The path names the open file descriptor. So the mapped file is the one
/// that was checked, even if another file has its name by now.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the code was made by this wasmtime, carries our MAC, and only this user can write to it"
)]
fn load_checked(engine: &Engine, file: &File) -> Option<Component> {
    use std::os::fd::AsRawFd;

    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the file is what `Component::serialize` returned to this user under the same settings. The MAC
    // covers each of its bytes, and its name, which contains the hash of the settings. Its folder is writable
    // by this user only, and this program never writes to a file that is in place.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

/// Reads a file into memory as code.
#[cfg(not(target_os = "linux"))]
#[expect(
    unsafe_code,
    reason = "the code was made by this wasmtime, carries our MAC, and only this user can write to it"
)]
fn load_checked(engine: &Engine, mut file: &File) -> Option<Component> {
    use std::io::{Seek, SeekFrom};

    let mut code = Vec::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_end(&mut code).ok()?;
    // SAFETY: the same as for `deserialize_file` on Linux, except that the bytes were read instead of mapped.
    unsafe { Component::deserialize(engine, &code) }.ok()
}

/// Loads native code that a compiler process of this program returned.
#[expect(
    unsafe_code,
    reason = "the code was made by this wasmtime in a process of this program, and came through its pipe"
)]
pub(super) fn from_compiler(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code is what `Engine::precompile_component` returned under the same settings. The process
    // was started from this program's own file, and no third process holds the pipe between the two. A
    // component that took over the compiler could do the same in this process.
    unsafe { Component::deserialize(engine, code) }
}

fn file_name(engine: &Engine, digest: &[u8; 32]) -> String {
    let mut hash = StableHasher(Sha256::new());
    hash.0.update(digest);
    hash.0.update(env!("CARGO_PKG_VERSION").as_bytes());
    engine.precompile_compatibility_hash().hash(&mut hash);
    let mut name = String::with_capacity(70);
    for byte in hash.0.finalize() {
        // Writing into a String can't fail.
        let _ = write!(name, "{byte:02x}");
    }
    name.push_str(".native");
    name
}

/// A hasher with a stable result. The standard hashers differ between processes or promise no stability.
struct StableHasher(Sha256);

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ])
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
