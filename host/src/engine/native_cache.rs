use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::private_folder::{PrivateFolder, PrivateFolderError};

const KEY_FILE: &str = "native-code.key";
/// The block size of SHA-256, for which an HMAC key needs neither hashing nor padding.
const KEY_BYTES: usize = 64;
const MAC_BYTES: usize = 32;

/// Native code of engines, compiled once.
///
/// Native code is trusted blindly by wasmtime, which loads even a file with flipped bits. So it is
/// kept where only this user can write, and each file begins with a MAC under a key of this user
/// over its own name and content. The name is a hash of everything that decides the code: the
/// component, wasmtime's settings and version, and the version of this host. Whatever does not fit
/// is compiled again.
#[derive(Clone, Debug)]
pub struct NativeCache {
    folder: PrivateFolder,
    key: [u8; KEY_BYTES],
}

impl NativeCache {
    /// Opens the cache in `cache`, with its key in `data`, and makes what is missing.
    ///
    /// # Errors
    /// Why the cache can't be trusted or used, for people. Engines then work without it.
    pub fn open(cache: &Path, data: &Path) -> Result<Self, String> {
        Self::open_folders(cache, data).map_err(|error| error.to_string())
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
        // Another process may have been first. A key of another length is replaced.
        let key = match read()? {
            Some(key) => key,
            None => {
                data.write(KEY_FILE, &[&key])?;
                key
            }
        };
        Ok(Self { folder, key })
    }

    /// The compiled component, if there is one that can be trusted.
    pub(super) fn load(&self, engine: &Engine, digest: &[u8; 32]) -> Option<Component> {
        let name = file_name(engine, digest);
        let bytes = self.folder.read(&name).ok().flatten()?;
        let (mac, code) = bytes.split_at_checked(MAC_BYTES)?;
        self.mac(&name, code).verify_slice(mac).ok()?;
        deserialize(engine, code)
    }

    /// Keeps compiled code. A failure costs time, not correctness, so it is only told.
    pub(super) fn store(
        &self,
        engine: &Engine,
        digest: &[u8; 32],
        code: &[u8],
    ) -> Result<(), String> {
        let name = file_name(engine, digest);
        let mac = self.mac(&name, code).finalize().into_bytes();
        self.folder
            .write(&name, &[&mac, code])
            .map_err(|error| error.to_string())
    }

    fn mac(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new((&self.key).into());
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }
}

#[expect(
    unsafe_code,
    reason = "the code carries our own MAC, was verified in memory, and was made by this wasmtime"
)]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` is what `Engine::precompile_component` returned to this user under the same
    // settings: its MAC covers every byte and the name that holds the settings' hash.
    unsafe { Component::deserialize(engine, code) }.ok()
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

/// The standard hashers differ between processes or promise no stable result.
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
