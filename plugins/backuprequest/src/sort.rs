//! The sorts of objects, and their ids.

use broker_engine::resources::{Kind, Selection};
use broker_engine::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::WHAT_IS_THERE;

/// The role of an object for this engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Request,
    /// A BackupRequest of the newest document, which has a group of its own.
    Lc2Request,
    Liferay,
    Restore,
    Lc2Restore,
}

/// The id of an object. The id of a BackupRequest is its name; other ids have the kind before the name, in
/// the form that kubectl accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id {
    pub sort: Sort,
    pub name: String,
}

const GROUP: &str = "backup.liferay.cloud";
const LC2: &str = "backup.lc2.io";

impl Sort {
    pub const ALL: [Self; 5] = [
        Self::Request,
        Self::Lc2Request,
        Self::Liferay,
        Self::Restore,
        Self::Lc2Restore,
    ];
    pub const BACKUPS: [Self; 3] = [Self::Request, Self::Lc2Request, Self::Liferay];
    pub const RESTORES: [Self; 2] = [Self::Restore, Self::Lc2Restore];
    /// The sorts that the user must be allowed to read. Without them the engine is useless.
    pub const MAIN: [Self; 2] = [Self::Request, Self::Restore];

    /// Returns the kinds that the sort may have in a cluster, the most likely first.
    pub const fn kinds(self) -> &'static [Kind<'static>] {
        match self {
            Self::Request => &const { [Kind::new(GROUP, "v1alpha1", "BackupRequest")] },
            Self::Lc2Request => &const { [Kind::new(LC2, "v1alpha1", "BackupRequest")] },
            Self::Liferay => {
                &const {
                    [
                        Kind::new(GROUP, "v1alpha1", "LiferayBackup"),
                        Kind::new(GROUP, "v1beta1", "LiferayBackup"),
                        Kind::new(GROUP, "v1", "LiferayBackup"),
                    ]
                }
            }
            Self::Restore => &const { [Kind::new(GROUP, "v1alpha1", "RestoreRequest")] },
            Self::Lc2Restore => &const { [Kind::new(LC2, "v1alpha1", "RestoreRequest")] },
        }
    }

    /// Returns the only kind of a sort whose version is known.
    pub const fn kind(self) -> Kind<'static> {
        self.kinds()[0]
    }

    /// Returns the text before the name in an id.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Request => "backuprequest",
            Self::Lc2Request => "backuprequest.backup.lc2.io",
            Self::Liferay => "liferaybackup",
            Self::Restore => "restorerequest",
            Self::Lc2Restore => "restorerequest.backup.lc2.io",
        }
    }

    /// Returns the name of the sort for display.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Request => "BackupRequest",
            Self::Lc2Request => "BackupRequest of backup.lc2.io",
            Self::Liferay => "LiferayBackup",
            Self::Restore => "RestoreRequest",
            Self::Lc2Restore => "RestoreRequest of backup.lc2.io",
        }
    }

    pub fn is_restore(self) -> bool {
        Self::RESTORES.contains(&self)
    }

    /// Returns the kind of this sort in the cluster, and its objects.
    ///
    /// # Errors
    /// Returns `not-found` if the cluster has no such kind.
    pub fn present(self, selection: &Selection) -> Result<(Kind<'static>, Vec<Value>)> {
        let mut missing = None;
        for kind in self.kinds() {
            match kind.list(selection) {
                Ok(objects) => return Ok((*kind, objects)),
                Err(error) if error.kind == ErrorKind::NotFound => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(missing.unwrap_or_else(|| Error::not_found(self.title())))
    }
}

impl Id {
    pub fn new(sort: Sort, name: impl Into<String>) -> Self {
        Self {
            sort,
            name: name.into(),
        }
    }

    /// Parses an id.
    ///
    /// # Errors
    /// Returns `invalid-argument` if this engine does not know the kind before the name.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((prefix, name)) = text.split_once('/') else {
            return Ok(Self::new(Sort::Request, text));
        };
        let sort = Sort::ALL.into_iter().find(|sort| sort.prefix() == prefix);
        sort.map(|sort| Self::new(sort, name)).ok_or_else(|| {
            let known = Sort::ALL.map(|sort| format!("`{}/NAME`", sort.prefix()));
            Error::new(
                ErrorKind::InvalidArgument,
                format!("{text:?} names an object of a kind that this engine does not know"),
            )
            .with_hint(format!("Give a name, or one of {}", known.join(", ")))
        })
    }

    /// Reads the object.
    ///
    /// # Errors
    /// Returns `not-found` if the object does not exist, or if the cluster does not have the kind.
    pub fn read(&self) -> Result<Value> {
        for kind in self.sort.kinds() {
            match kind.get(&self.name) {
                Err(error) if error.kind == ErrorKind::NotFound => {}
                read => return read,
            }
        }
        // Either the object or the kind does not exist.
        match self.sort.present(&Selection::all().limit(1)) {
            Err(error) if error.kind == ErrorKind::NotFound => Err(error),
            _ => Err(self.not_there()),
        }
    }

    pub fn not_there(&self) -> Error {
        let title = self.sort.title();
        Error::not_found(format!(
            "there is no {title} {:?} in this namespace",
            self.name
        ))
        .with_hint(WHAT_IS_THERE)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.sort != Sort::Request {
            write!(f, "{}/", self.sort.prefix())?;
        }
        f.write_str(&self.name)
    }
}
