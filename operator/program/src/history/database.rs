use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, ConnectOptions as _, Executor, SqlSafeStr as _};

use super::Row;
use super::address::{Address, Dialect};
use super::record::Record;
use super::request::RequestRecord;

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
                let connection = &mut *transaction;
                match row {
                    Row::Run(record) => upsert(self.dialect, connection, record).await?,
                    Row::Request(record) => {
                        upsert_request(self.dialect, connection, record).await?;
                    }
                }
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
            ],
            Self::Sqlite => [
                include_str!("sqlite/1_runs.sql"),
                include_str!("sqlite/2_requests.sql"),
            ],
        };
        // A migration that was released never changes: databases know its checksum.
        let migrations = (1..).zip(["runs", "requests"]).zip(tables);
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

    const fn request_statement(self) -> &'static str {
        match self {
            Self::Postgres => include_str!("postgres/upsert_request.sql"),
            Self::Sqlite => include_str!("sqlite/upsert_request.sql"),
        }
    }

    const fn statement(self) -> &'static str {
        match self {
            Self::Postgres => include_str!("postgres/upsert.sql"),
            Self::Sqlite => include_str!("sqlite/upsert.sql"),
        }
    }
}

async fn upsert(
    dialect: Dialect,
    connection: impl Executor<'_, Database = Any>,
    record: &Record,
) -> Result<(), sqlx::Error> {
    let statement = sqlx::query(dialect.statement())
        .bind(record.kind)
        .bind(record.namespace.as_str())
        .bind(record.name.as_str())
        .bind(record.uid.as_str())
        .bind(record.schedule.as_deref())
        .bind(record.scheduled_for.as_deref())
        .bind(record.engine.as_str())
        .bind(record.target.as_str())
        .bind(record.phase)
        .bind(record.created_at.as_deref())
        .bind(record.started_at.as_deref())
        .bind(record.finished_at.as_deref())
        .bind(record.backup_id.as_deref())
        .bind(record.store.as_deref())
        .bind(record.copy_reference.as_deref())
        .bind(record.bytes)
        .bind(record.sha256.as_deref())
        .bind(record.attempts)
        .bind(record.failure_code.as_deref())
        .bind(record.failure_message.as_deref())
        .bind(record.failure_hint.as_deref());
    statement.execute(connection).await?;
    Ok(())
}

async fn upsert_request(
    dialect: Dialect,
    connection: impl Executor<'_, Database = Any>,
    record: &RequestRecord,
) -> Result<(), sqlx::Error> {
    let statement = sqlx::query(dialect.request_statement())
        .bind(record.uid.as_str())
        .bind(record.name.as_str())
        .bind(record.namespace.as_str())
        .bind(record.project.as_str())
        .bind(record.environment.as_str())
        .bind(record.state)
        .bind(record.started_at.as_deref())
        .bind(record.completed_at.as_deref())
        .bind(record.instance.as_str())
        .bind(record.snapshot.as_deref())
        .bind(record.snapshot_bytes)
        .bind(record.source_bucket.as_str())
        .bind(record.destination_bucket.as_str())
        .bind(record.destination_prefix.as_deref())
        .bind(record.objects)
        .bind(record.bytes)
        .bind(record.manifest.as_deref())
        .bind(record.created_at.as_deref());
    statement.execute(connection).await?;
    Ok(())
}
