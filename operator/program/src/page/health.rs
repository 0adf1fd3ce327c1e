use operator_api::{BackupSchedule, Condition, Status};

/// How a schedule fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// Its last run failed, or it is invalid.
    Failing,
    /// Its last run succeeded.
    Healthy,
    /// No run has ended yet.
    New,
    /// It is suspended.
    Suspended,
}

impl Health {
    pub(crate) const ALL: [Self; 4] = [Self::Failing, Self::Healthy, Self::New, Self::Suspended];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Healthy => "healthy",
            Self::New => "new",
            Self::Suspended => "suspended",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == text)
    }

    /// Returns how a schedule fares, and the condition that says it.
    pub(crate) fn of(schedule: &BackupSchedule) -> (Self, Option<&Condition>) {
        let conditions = schedule.status.as_ref().map(|it| &*it.conditions);
        let conditions = conditions.unwrap_or_default();
        let find = |type_: &str| conditions.iter().find(|it| it.type_ == type_);
        if schedule.spec.suspend {
            return (Self::Suspended, None);
        }
        // `Suspended` is out of date as long as the operator has not looked at the change.
        let scheduled = find("Scheduled").filter(|it| it.reason != "Suspended");
        if let Some(invalid) = scheduled.filter(|it| it.status == Status::False) {
            return (Self::Failing, Some(invalid));
        }
        match find("Healthy") {
            Some(it) if it.status == Status::False => (Self::Failing, Some(it)),
            Some(it) if it.status == Status::True => (Self::Healthy, None),
            _ => (Self::New, None),
        }
    }
}
