use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, ConnectOptions as _, Executor, SqlSafeStr as _};

use super::address::{Address, Dialect};
use super::row::{Field, Row};

/// The longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest time of a transaction.
const TRANSACTION: Duration = Duration::from_mins(1);

/// The database, as soon as it has answered once.
pub(super) struct Database {
    pool: AnyPool,
    dialect: Dialect,
}

impl Database {
    /// Connects, and brings the tables up to date.
    pub(super) async fn connect(address: &Address) -> Result<Self, sqlx::Error> {
        let options = address.options()?.disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .idle_timeout(PATIENCE)
            .connect_with(options)
            .await?;
        let database = Self {
            pool,
            dialect: address.dialect(),
        };
        let migrated = in_time(async {
            let migrator = database.dialect.migrator();
            migrator
                .run(&database.pool)
                .await
                .map_err(|error| match error {
                    sqlx::migrate::MigrateError::Execute(error) => error,
                    error => sqlx::Error::Migrate(Box::new(error)),
                })
        });
        migrated.await?;
        Ok(database)
    }

    /// Writes records, all or none.
    pub(super) async fn write(&self, rows: &[&Row]) -> Result<(), sqlx::Error> {
        in_time(async {
            let mut transaction = self.pool.begin().await?;
            for row in rows {
                upsert(self.dialect, &mut *transaction, row).await?;
            }
            transaction.commit().await
        })
        .await
    }

    #[cfg(test)]
    pub(super) const fn pool(&self) -> &AnyPool {
        &self.pool
    }
}

/// A server that does not answer must not hold up records for ever.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(TRANSACTION, work).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

impl Dialect {
    fn migrator(self) -> Migrator {
        let tables = match self {
            Self::Postgres => [
                include_str!("postgres/1_runs.sql"),
                include_str!("postgres/2_requests.sql"),
                include_str!("postgres/3_restore_requests.sql"),
            ],
            Self::Sqlite => [
                include_str!("sqlite/1_runs.sql"),
                include_str!("sqlite/2_requests.sql"),
                include_str!("sqlite/3_restore_requests.sql"),
            ],
        };
        // A migration that was released never changes: databases know its checksum.
        let migrations = (1..)
            .zip(["runs", "requests", "restore_requests"])
            .zip(tables);
        let migrations = migrations.map(|((version, name), tables)| {
            Migration::new(
                version,
                name.into(),
                MigrationType::Simple,
                tables.into_sql_str(),
                false,
            )
        });
        let migrations = migrations.collect::<Vec<_>>();
        let mut migrator = Migrator::with_migrations(migrations);
        // Another program may use the same database, and the same library.
        migrator.dangerous_set_table_name("broker_migrations");
        // An older operator can go on with the tables of a newer one.
        migrator.set_ignore_missing(true);
        migrator
    }

    /// Returns the statement that adds a row, or replaces an older one of the same object.
    const fn statement(self, row: &Row) -> &'static str {
        match (self, row) {
            (Self::Postgres, Row::Run(_)) => include_str!("postgres/upsert.sql"),
            (Self::Postgres, Row::Request(_)) => include_str!("postgres/upsert_request.sql"),
            (Self::Postgres, Row::RestoreRequest(_)) => {
                include_str!("postgres/upsert_restore_request.sql")
            }
            (Self::Sqlite, Row::Run(_)) => include_str!("sqlite/upsert.sql"),
            (Self::Sqlite, Row::Request(_)) => include_str!("sqlite/upsert_request.sql"),
            (Self::Sqlite, Row::RestoreRequest(_)) => {
                include_str!("sqlite/upsert_restore_request.sql")
            }
        }
    }
}

async fn upsert(
    dialect: Dialect,
    connection: impl Executor<'_, Database = Any>,
    row: &Row,
) -> Result<(), sqlx::Error> {
    let mut statement = sqlx::query(dialect.statement(row));
    for field in row.fields() {
        statement = match field {
            Field::Text(text) => statement.bind(text),
            Field::Number(number) => statement.bind(number),
        };
    }
    statement.execute(connection).await?;
    Ok(())
}
