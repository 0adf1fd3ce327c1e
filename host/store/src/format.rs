//! The format of a store, and its time zone.

use bytes::Bytes;
use host_base::{Failure, Problem as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::connect::Store;
use crate::manifest::nonce;
use crate::names::{OPEN, STORE};
use crate::probe::test_name;
use crate::{StoreError, StoreUrl};

const FORMAT: u32 = 1;
const DEFAULT_ZONE: &str = "UTC";
/// The maximum size of the file, in bytes.
const LONGEST: u64 = 64 << 10;

/// `store.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Format {
    format: u32,
    /// The time zone in which retention counts. It belongs to the store: in another one, the same rules delete
    /// other copies.
    time_zone: String,
}

impl Store {
    /// Checks that the place is a store. If `create` is set, it becomes one.
    ///
    /// # Errors
    /// When it is none, has another format or time zone, or can't be read or written.
    pub async fn prepare(&self, create: bool) -> Result<(), StoreError> {
        let wanted = self.settings().time_zone.as_deref();
        let format = match self.format().await? {
            Some(format) => format,
            None if !create => {
                return Err(self.no_store());
            }
            None => {
                let format = Format {
                    format: FORMAT,
                    time_zone: wanted.unwrap_or(DEFAULT_ZONE).to_owned(),
                };
                let json = serde_json::to_vec(&format).map_err(|_| StoreError::Stopped)?;
                let created = self.create(self.handles(), STORE, json.into()).await?;
                if created.certain()? {
                    format
                } else {
                    // Somebody else made it a store in this moment.
                    self.format().await?.unwrap_or(format)
                }
            }
        };
        match wanted {
            Some(wanted) if wanted != format.time_zone => Err(StoreError::OtherZone {
                store: self.called().to_owned(),
                found: format.time_zone,
                wanted: wanted.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Checks that a folder which was made a store is one. Where a share is not mounted, the folder looks like a store
    /// without copies.
    ///
    /// # Errors
    /// [`StoreError::NoStore`] if it is none, and other errors if that can't be found out.
    pub async fn check_mounted(&self) -> Result<(), StoreError> {
        if matches!(self.url(), StoreUrl::Folder(_)) && self.format().await?.is_none() {
            return Err(self.no_store());
        }
        Ok(())
    }

    fn no_store(&self) -> StoreError {
        StoreError::NoStore {
            store: self.called().to_owned(),
            url: self.url().to_string(),
        }
    }

    /// Checks that a copy can be begun here. A command that asks a backend for a new backup checks it before.
    ///
    /// # Errors
    /// When the place is no store, or can't be written.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        self.prepare(self.may_become_store()).await?;
        let name = test_name()?;
        self.write(&name, Bytes::from_static(b"{}")).await?;
        // `repair` finds what is left.
        let _ = self.delete(&[name]).await;
        Ok(())
    }

    /// Returns whether the first command that writes makes the place a store. A named folder was made one when it was
    /// added. If it is none any more, it may not be mounted.
    pub(crate) fn may_become_store(&self) -> bool {
        !matches!(self.url(), StoreUrl::Folder(_)) || StoreUrl::is_meant(self.called())
    }

    /// Returns the time zone in which retention counts.
    ///
    /// # Errors
    /// When the store has another format, or can't be read.
    pub async fn zone(&self) -> Result<TimeZone, StoreError> {
        let format = self.format().await?;
        let zone = format.map(|it| it.time_zone);
        let zone = zone.or_else(|| self.settings().time_zone.clone());
        Ok(host_retention::zone(
            zone.as_deref().unwrap_or(DEFAULT_ZONE),
        )?)
    }

    async fn format(&self) -> Result<Option<Format>, StoreError> {
        let Some(bytes) = self.read(STORE, LONGEST).await? else {
            return Ok(None);
        };
        let bad = |reason: String| StoreError::Format {
            store: self.called().to_owned(),
            reason,
        };
        let format: Format =
            serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if format.format != FORMAT {
            return Err(bad(format!("format {}", format.format)));
        }
        Ok(Some(format))
    }

    /// Returns the time by the clock of the service.
    pub(crate) async fn service_now(&self) -> Result<Timestamp, StoreError> {
        // The name has no dash, so it is no upload.
        let name = format!("{OPEN}/clock{}.json", nonce()?);
        match self.write(&name, Bytes::from_static(b"{}")).await {
            // Users who may only read have their own clock.
            Err(error) if error.failure() == Failure::NotAllowed => return Ok(Timestamp::now()),
            written => written?,
        }
        let found = self.look(&name).await;
        let _ = self.delete(&[name]).await;
        Ok(found?.map_or_else(Timestamp::now, |it| it.modified))
    }
}
