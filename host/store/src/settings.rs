//! Named stores in the user's configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host_base::PrivateFolder;
use serde::{Deserialize, Serialize};

use crate::{IdentitySource, StoreError, StoreUrl};

const FILE: &str = "stores.toml";
const HEAD: &str = "# Stores for copies of backups: see `kubectl broker store --help`. Credentials don't belong here.\n\n";

/// The settings of one store. Credentials are found as the tools of each cloud find them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StoreSettings {
    /// The address of the store.
    #[serde(with = "text")]
    pub url: StoreUrl,
    /// Address of an S3 server other than Amazon's, or of another endpoint of Google or Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The AWS profile with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// A file with trusted certificates, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The recipients that copies are encrypted for (`age1…`). Without any, copies are not encrypted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// The age identities that decrypt copies: the path of a file, `secret/NAME` or `secret/NAME:KEY`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_text"
    )]
    pub identity: Option<IdentitySource>,
    /// The protection of new copies against deletion (S3 Object Lock).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockSettings>,
    /// The time zone in which retention counts hours, days, weeks, months and years. The store keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// The protection of new copies against deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LockSettings {
    /// Whether users with a special permission can remove the protection early.
    pub mode: LockMode,
    /// Its length in days.
    pub days: u32,
}

/// The modes of S3 Object Lock.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html#object-lock-retention-modes>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Users with the permission `s3:BypassGovernanceRetention` can remove it.
    Governance,
    /// Nothing can remove it before its end.
    Compliance,
}

impl LockMode {
    /// Returns the name that S3 uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

impl StoreSettings {
    /// Returns the settings of a store that is named by its address alone.
    #[must_use]
    pub const fn at(url: StoreUrl) -> Self {
        Self {
            url,
            endpoint: None,
            region: None,
            profile: None,
            ca: None,
            recipients: Vec::new(),
            identity: None,
            lock: None,
            time_zone: None,
        }
    }

    /// Refuses settings that have no meaning together.
    ///
    /// # Errors
    /// [`StoreError::Setting`] with the first such setting.
    pub fn check(&self) -> Result<(), StoreError> {
        let is_folder = matches!(self.url, StoreUrl::Folder(_));
        let only_s3 = [
            ("region", self.region.is_some()),
            ("profile", self.profile.is_some()),
            ("lock", self.lock.is_some()),
        ];
        let misplaced = only_s3
            .into_iter()
            .find_map(|(name, given)| (given && !self.url.is_s3()).then_some((name, "S3")));
        let on_net = [
            ("endpoint", self.endpoint.is_some()),
            ("ca", self.ca.is_some()),
        ];
        let for_folder = on_net
            .into_iter()
            .find_map(|(name, given)| (given && is_folder).then_some((name, "object stores")));
        if let Some((name, kind)) = misplaced.or(for_folder) {
            return Err(StoreError::Setting {
                name,
                problem: format!("applies only to {kind}, not to {}", self.url),
            });
        }
        if let Some(endpoint) = &self.endpoint {
            let uri = endpoint.parse::<http::Uri>().ok();
            let is_address = uri.is_some_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https"))
                    && uri.authority().is_some_and(|it| !it.as_str().contains('@'))
                    && uri.query().is_none()
            });
            if !is_address {
                return Err(StoreError::Setting {
                    name: "endpoint",
                    problem:
                        "must be https://HOST[:PORT] or http://HOST[:PORT], without credentials"
                            .to_owned(),
                });
            }
        }
        if self
            .lock
            .is_some_and(|lock| !(1..=36_500).contains(&lock.days))
        {
            return Err(StoreError::Setting {
                name: "lock",
                problem: "must be 1–36500 days".to_owned(),
            });
        }
        if let Some(zone) = &self.time_zone {
            host_retention::zone(zone)?;
        }
        for recipient in &self.recipients {
            crate::crypt::recipient(recipient)?;
        }
        Ok(())
    }
}

/// The named stores of this user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stores {
    /// The stores by name.
    #[serde(default)]
    pub stores: BTreeMap<String, StoreSettings>,
}

impl Stores {
    /// Reads the file `stores.toml` in a folder. A missing file has no stores.
    ///
    /// # Errors
    /// When the file can't be read, or its content is invalid.
    pub fn read(configuration: &Path) -> Result<Self, StoreError> {
        let folder = PrivateFolder::to_read(configuration)?;
        let Some(bytes) = folder.read(FILE)? else {
            return Ok(Self::default());
        };
        let path = folder.path(FILE);
        let bad = |reason: String| StoreError::File {
            path: path.clone(),
            reason,
        };
        let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))?;
        let stores: Self = toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .map(|span| 1 + text[..span.start].matches('\n').count());
            let at = line.map_or_else(String::new, |line| format!("line {line}: "));
            bad(format!("{at}{}", error.message()))
        })?;
        for (name, settings) in &stores.stores {
            check_name(name).map_err(|error| bad(error.to_string()))?;
            settings
                .check()
                .map_err(|error| bad(format!("store {name}: {error}")))?;
        }
        Ok(stores)
    }

    /// Changes the file. Processes that do so at the same time wait for each other.
    ///
    /// # Errors
    /// When the file can't be read or written, or `change` fails.
    pub fn change<T>(
        configuration: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let folder = PrivateFolder::open(configuration)?;
        let _lock = folder.lock(".stores.lock", || {})?;
        let mut stores = Self::read(configuration)?;
        let result = change(&mut stores)?;
        let text = toml::to_string(&stores).map_err(|error| StoreError::File {
            path: folder.path(FILE),
            reason: error.to_string(),
        })?;
        folder.replace(FILE, format!("{HEAD}{text}").as_bytes(), || {})?;
        folder.sync()?;
        Ok(result)
    }

    /// Returns true if a store of this name, or one with this address, was added.
    #[must_use]
    pub fn knows(&self, given: &str) -> bool {
        let url = given.parse().ok();
        let is_at = |it: &StoreSettings| Some(&it.url) == url.as_ref();
        self.stores.contains_key(given) || self.stores.values().any(is_at)
    }

    /// Returns the settings of a store that is named by its name or by its address.
    ///
    /// # Errors
    /// When there is no such store, or the address is invalid.
    pub fn find(&self, given: &str) -> Result<StoreSettings, StoreError> {
        if StoreUrl::is_meant(given) {
            let url = given.parse()?;
            let named: Vec<_> = self.stores.iter().filter(|(_, it)| it.url == url).collect();
            return match *named {
                [] => Ok(StoreSettings::at(url)),
                [(_, only)] => Ok(only.clone()),
                // They may differ in what they encrypt and lock.
                _ => Err(StoreError::SeveralNames {
                    url: given.to_owned(),
                    names: named.iter().map(|(name, _)| (*name).clone()).collect(),
                }),
            };
        }
        self.stores
            .get(given)
            .cloned()
            .ok_or_else(|| StoreError::Unknown {
                name: given.to_owned(),
                known: self.stores.keys().cloned().collect(),
            })
    }
}

/// Refuses names that are addresses, options or paths.
///
/// # Errors
/// [`StoreError::BadName`].
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let is_name = (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if is_name {
        Ok(())
    } else {
        Err(StoreError::BadName {
            name: name.to_owned(),
        })
    }
}

mod optional_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<T: Display, S: Serializer>(
        it: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match it {
            Some(it) => to.collect_str(it),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parsed = text.map(|text| text.parse()).transpose();
        parsed.map_err(de::Error::custom)
    }
}

mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<T: Display, S: Serializer>(it: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(it)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_credentials_have_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let mut settings = StoreSettings::at("s3://acme-backups/x".parse().unwrap());
        settings.region = Some("eu-west-1".to_owned());
        settings.identity = Some(IdentitySource::of(Path::new("secret/age:backups.key")));
        settings.lock = Some(LockSettings {
            mode: LockMode::Governance,
            days: 30,
        });
        Stores::change(&path, |stores| {
            stores.stores.insert("nightly".to_owned(), settings.clone());
            Ok(())
        })
        .unwrap();
        let read = Stores::read(&path).unwrap();
        assert_eq!(read.find("nightly").unwrap(), settings);
        assert_eq!(read.find("s3://acme-backups/x").unwrap(), settings);
        assert!(matches!(
            read.find("weekly"),
            Err(StoreError::Unknown { .. })
        ));

        let file = path.join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + "secret-access-key = \"x\"\n").unwrap();
        assert!(matches!(Stores::read(&path), Err(StoreError::File { .. })));
    }

    #[test]
    fn settings_without_meaning_are_refused() {
        let at = |url: &str| StoreSettings::at(url.parse().unwrap());
        let folder = StoreSettings {
            region: Some("eu-west-1".to_owned()),
            ..at("file:///mnt/backups")
        };
        let lock = StoreSettings {
            lock: Some(LockSettings {
                mode: LockMode::Compliance,
                days: 1,
            }),
            ..at("gs://acme-backups")
        };
        let endpoint = StoreSettings {
            endpoint: Some("https://key:secret@minio".to_owned()),
            ..at("s3://acme-backups")
        };
        let recipient = StoreSettings {
            recipients: vec!["AGE-SECRET-KEY-1".to_owned()],
            ..at("s3://acme-backups")
        };
        for settings in [folder, lock, endpoint, recipient] {
            assert!(settings.check().is_err(), "{settings:?}");
        }
    }
}
