//! Faults that only HiveMQ's management API and its health API have.

use super::{Fault, Row, value};
use crate::backend::hivemq::BackupState;

/// The settings of HiveMQ.
#[derive(Debug, Clone, Default)]
pub struct HivemqFaults {
    /// The user of the API. `None` means that no login is required.
    pub login: Option<Login>,
    /// The state of a running restore. HiveMQ's `OpenAPI` 4.30 says `IN_PROGRESS` in an example and
    /// `RESTORE_IN_PROGRESS` in its enum.
    pub restore_state: Option<BackupState>,
    /// The visible state of a running restore.
    pub restore_shows: RestoreShows,
    /// A POST is carried out, then the connection ends without an answer.
    pub lost_answer: bool,
    /// Another backup is always running, so that every new one fails.
    pub busy: bool,
    /// The reason why backups fail.
    pub create_fails: Option<String>,
    /// The reason why restores fail.
    pub restore_fails: Option<String>,
    /// The API has the routes that an older client guessed, instead of HiveMQ's own.
    pub old_routes: bool,
    /// The states of components in the health API.
    pub components: Vec<ComponentState>,
}

/// The state of a component in the health API of one broker, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentState {
    /// The names of the component and of those above it, with slashes between them.
    pub path: String,
    /// A status such as `DOWN`.
    pub status: String,
    /// The only pod in which the component has the state.
    pub pod: Option<String>,
}

impl std::str::FromStr for ComponentState {
    type Err = String;

    /// Parses `COMPONENT:STATUS[:POD]`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':').map(str::to_owned);
        let (Some(path), Some(status)) = (parts.next(), parts.next()) else {
            return Err("no colon between component and status".to_owned());
        };
        let pod = parts.next();
        Ok(Self { path, status, pod })
    }
}

/// The state that HiveMQ shows for a requested restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RestoreShows {
    /// The answer already shows that the restore runs.
    #[default]
    Running,
    /// The earlier state stays until the restore has ended.
    Before,
    /// The answer already shows the end of the restore.
    End,
}

/// A user of the REST API in the Enterprise Security Extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
    /// Permissions such as `HIVEMQ_MANAGEMENT_BACKUPS_GET`.
    pub permissions: Vec<String>,
}

impl std::str::FromStr for Login {
    type Err = String;

    /// Parses `USER:PASS[:PERMISSION,…]`; without permissions the user is the super admin.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let (Some(user), Some(password)) = (parts.next(), parts.next()) else {
            return Err("no colon between user and password".to_owned());
        };
        let permissions = parts.next().unwrap_or("HIVEMQ_SUPER_ADMIN");
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
            permissions: permissions
                .split(',')
                .filter(|permission| !permission.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// A change to [`HivemqFaults`].
#[derive(Debug, Clone)]
pub enum HivemqFault {
    Auth(Login),
    RestoreState(BackupState),
    RestoreShows(RestoreShows),
    LostAnswer,
    Busy,
    CreateFails(String),
    RestoreFails(String),
    OldRoutes,
    Component(ComponentState),
}

impl HivemqFaults {
    pub(super) fn apply(&mut self, fault: HivemqFault) {
        match fault {
            HivemqFault::Auth(login) => self.login = Some(login),
            HivemqFault::RestoreState(state) => self.restore_state = Some(state),
            HivemqFault::RestoreShows(shows) => self.restore_shows = shows,
            HivemqFault::LostAnswer => self.lost_answer = true,
            HivemqFault::Busy => self.busy = true,
            HivemqFault::CreateFails(reason) => self.create_fails = Some(reason),
            HivemqFault::RestoreFails(reason) => self.restore_fails = Some(reason),
            HivemqFault::OldRoutes => self.old_routes = true,
            HivemqFault::Component(state) => self.components.push(state),
        }
    }
}

pub(super) const ROWS: &[Row<Fault>] = &[
    Row {
        name: "hivemq-auth",
        value: Some("USER:PASS[:PERMISSION,…]"),
        about: "HiveMQ wants Basic authentication; the user has these permissions, or all",
        parse: |text| Ok(Fault::Hivemq(HivemqFault::Auth(value::parsed(text)?))),
    },
    Row {
        name: "hivemq-restore-state",
        value: Some("IN_PROGRESS|RESTORE_IN_PROGRESS"),
        about: "what HiveMQ calls a running restore",
        parse: |text| {
            let state = match text {
                "IN_PROGRESS" => BackupState::InProgress,
                "RESTORE_IN_PROGRESS" => BackupState::RestoreInProgress,
                _ => return Err("not the state of something running".to_owned()),
            };
            Ok(Fault::Hivemq(HivemqFault::RestoreState(state)))
        },
    },
    Row {
        name: "hivemq-restore-shows",
        value: Some("before|end"),
        about: "HiveMQ shows the state from before while a restore runs, or its end at once",
        parse: |text| {
            let shows = match text {
                "before" => RestoreShows::Before,
                "end" => RestoreShows::End,
                _ => return Err("neither `before` nor `end`".to_owned()),
            };
            Ok(Fault::Hivemq(HivemqFault::RestoreShows(shows)))
        },
    },
    Row {
        name: "hivemq-lost-answer",
        value: None,
        about: "HiveMQ carries out each POST, then drops the connection without an answer",
        parse: |_| Ok(Fault::Hivemq(HivemqFault::LostAnswer)),
    },
    Row {
        name: "hivemq-busy",
        value: None,
        about: "another backup is always running: new ones are answered 200 and FAILED",
        parse: |_| Ok(Fault::Hivemq(HivemqFault::Busy)),
    },
    Row {
        name: "hivemq-create-fails",
        value: Some("REASON"),
        about: "backups start and end FAILED with this reason",
        parse: |text| {
            Ok(Fault::Hivemq(HivemqFault::CreateFails(value::parsed(
                text,
            )?)))
        },
    },
    Row {
        name: "hivemq-restore-fails",
        value: Some("REASON"),
        about: "restores start and end RESTORE_FAILED with this reason",
        parse: |text| {
            Ok(Fault::Hivemq(HivemqFault::RestoreFails(value::parsed(
                text,
            )?)))
        },
    },
    Row {
        name: "hivemq-old-routes",
        value: None,
        about: "files are at /backups/ID/data and restores at /restores, as an older client guessed",
        parse: |_| Ok(Fault::Hivemq(HivemqFault::OldRoutes)),
    },
    Row {
        name: "health-component",
        value: Some("COMPONENT:STATUS[:POD]"),
        about: "HiveMQ's health API reports this status of a component, such as mqtt/tcp-listener-1883:DOWN; may be given several times",
        parse: |text| Ok(Fault::Hivemq(HivemqFault::Component(value::parsed(text)?))),
    },
];
