use std::fmt;
use std::str::FromStr as _;

use sqlx::any::AnyConnectOptions;
use url::Url;

/// The variable with the address of the history.
pub(crate) const VARIABLE: &str = "BROKER_OPERATOR_HISTORY";

/// The address of a database as it was written, with its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Unchecked(String);

impl From<&str> for Unchecked {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Unchecked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// An address that can't be used. No text of it is repeated: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error(
        "the address of the history must be postgres://USER:PASSWORD@HOST/DATABASE or sqlite:FILE; set it in {VARIABLE}"
    )]
    Form,
    #[error(
        "other processes can read a password in --history; set the address in {VARIABLE}, from a Secret"
    )]
    PasswordInArguments,
}

/// The kinds of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// The address of a database.
#[derive(Clone)]
pub(crate) struct Address {
    url: Url,
    dialect: Dialect,
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown())
    }
}

impl Address {
    /// Checks an address. `variable` is the value of the variable that it may come from.
    pub(crate) fn check(text: &Unchecked, variable: Option<&str>) -> Result<Self, AddressError> {
        let mut url = Url::parse(&text.0).map_err(|_| AddressError::Form)?;
        let dialect = match url.scheme() {
            "postgres" | "postgresql" => Dialect::Postgres,
            "sqlite" => Dialect::Sqlite,
            _ => return Err(AddressError::Form),
        };
        let names = |name: &str| url.query_pairs().any(|it| it.0 == name);
        let has_password = url.password().is_some() || names("password");
        if has_password && variable != Some(&text.0) {
            return Err(AddressError::PasswordInArguments);
        }
        if dialect == Dialect::Sqlite && !names("mode") {
            // The first start makes the file.
            url.query_pairs_mut().append_pair("mode", "rwc");
        }
        Ok(Self { url, dialect })
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(super) fn options(&self) -> Result<AnyConnectOptions, sqlx::Error> {
        AnyConnectOptions::from_str(self.url.as_str())
    }

    /// Returns what may be shown of the address.
    pub(super) fn shown(&self) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("sqlite:{}", self.url.path()),
            Dialect::Postgres => {
                let host = self.url.host_str().unwrap_or("localhost");
                format!("postgres://{host}{}", self.url.path())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr%40t";

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            format!("postgres://broker:{SECRET}@db.example:5432/history?sslmode=verify-full"),
            format!("postgres://db.example/history?user=broker&password={SECRET}"),
        ] {
            let unchecked = Unchecked::from(text.as_str());
            let address = Address::check(&unchecked, Some(&text)).expect("an address");
            let shown = format!("{unchecked:?} {address:?} {}", address.shown());
            assert!(!shown.contains("s3cr"), "{shown}");
            assert!(shown.contains("db.example/history"), "{shown}");
        }
    }

    #[test]
    fn a_password_must_not_stand_in_the_arguments() {
        let text = format!("postgres://broker:{SECRET}@db/history");
        let check = |variable| Address::check(&Unchecked::from(text.as_str()), variable).err();
        assert_eq!(check(None), Some(AddressError::PasswordInArguments));
        assert_eq!(
            check(Some("sqlite:x")),
            Some(AddressError::PasswordInArguments)
        );
        assert_eq!(check(Some(&text)), None);
        let without = Unchecked::from("postgres://broker@db/history");
        assert!(Address::check(&without, None).is_ok());
    }

    #[test]
    fn an_address_that_means_nothing_is_refused_without_its_text() {
        for text in [
            "",
            "history.db",
            "mysql://a:s3cr3t@b/c",
            "postgres://a:s3cr3t@:x/c",
        ] {
            let error = Address::check(&Unchecked::from(text), Some(text)).expect_err(text);
            assert_eq!(error, AddressError::Form);
            assert!(!error.to_string().contains("s3cr3t"));
        }
    }
}
