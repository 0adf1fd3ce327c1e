//! The format of a store, and its time zone.

use bytes::Bytes;
use host_base::{Failure, Problem as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::connect::Store;
use crate::manifest::nonce;
use crate::names::{OPEN, STORE};

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
                return Err(StoreError::NoStore {
                    store: self.called().to_owned(),
                    url: self.url().to_string(),
                });
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
