//! A fake of AWS: S3 and RDS behind one address on loopback.
//!
//! A client gets there with `AWS_ENDPOINT_URL=http://ADDRESS`. The address plays the endpoints of all regions.
//! A signature decides which region a request is for, and is not checked otherwise. Any access key is valid unless
//! [`Aws::access_keys`] names those that are.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use testbed::aws::{Aws, AwsFault, Bucket, Data, Database, Object, On};
//!
//! let aws = Aws::start().await?;
//! aws.add_database(Database::instance("retail-prd").full_snapshot_size(48_500_000_000));
//! aws.add_bucket(
//!     Bucket::new("documents")
//!         .object("a/small", Object::new("text"))
//!         .object("a/large", Object::in_parts(Data::sparse(6 << 30, 0), 512 << 20)),
//! );
//! aws.fault(On::operation("CopyObject").every(5), AwsFault::Throttle);
//! // … run a client with AWS_ENDPOINT_URL set to aws.url() …
//! assert_eq!(aws.requests().of("CreateDBSnapshot").len(), 1);
//! # Ok(())
//! # }
//! ```

mod data;
mod digest;
mod faults;
mod rds;
mod reply;
mod request;
mod s3;
mod server;
mod xml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use data::Data;
pub use faults::{AwsFault, Change, Denial, On};
pub use rds::{Database, Engine, Kind, Snapshot};
pub use request::{AwsRequest, AwsService};
pub use s3::{Bucket, Object};

use crate::clock::Clock;
use crate::log::Log;
use crate::tasks::Tasks;
use faults::Rules;
use rds::Rds;
use s3::Store;

/// The region of buckets and databases that name no other.
pub const REGION: &str = "eu-central-1";
/// The account that owns everything, except foreign buckets.
pub const ACCOUNT: &str = "123456789012";

/// The running services. They end when this value is dropped.
#[derive(Debug)]
pub struct Aws {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    requests: Log<AwsRequest>,
    clock: Clock,
    tasks: Tasks,
}

/// Everything that the services know.
#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, Store>,
    rds: Rds,
    rules: Rules,
    denials: Vec<Denial>,
    /// The valid access keys; `None` for any.
    keys: Option<BTreeSet<String>>,
    redirects: bool,
    /// The number of requests so far.
    serial: u64,
    /// Whether requests are only counted.
    is_silent: bool,
}

impl Aws {
    /// Starts the services with the system's clock.
    ///
    /// # Errors
    /// Fails if no port of loopback is free.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(Clock::system()).await
    }

    /// Starts the services with a clock, by which objects and snapshots have their times.
    ///
    /// # Errors
    /// Fails if no port of loopback is free.
    pub async fn start_at(clock: Clock) -> io::Result<Self> {
        server::start(clock).await
    }

    /// Returns the address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address as a URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> &Log<AwsRequest> {
        &self.requests
    }

    /// Returns the number of requests so far, whether they are recorded or not.
    pub fn served(&self) -> u64 {
        self.state().serial
    }

    /// Sets whether requests are recorded. A record of a million of them takes gigabytes.
    pub fn record(&self, records: bool) {
        self.state().is_silent = !records;
    }

    /// Adds a bucket, or replaces it.
    pub fn add_bucket(&self, bucket: Bucket) {
        let (name, store) = Store::new(bucket, s3::default_region(), self.clock.now());
        self.state().buckets.insert(name, store);
    }

    /// Puts an object, as another client does.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn put(&self, bucket: &str, key: &str, object: Object) {
        let now = self.clock.now();
        self.in_bucket(bucket, |store| store.put(key, object, now));
    }

    /// Removes an object, as another client does.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn remove(&self, bucket: &str, key: &str) -> Option<Object> {
        self.in_bucket(bucket, |store| store.objects.remove(key))
    }

    /// Returns an object.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Object> {
        self.in_bucket(bucket, |store| store.objects.get(key).cloned())
    }

    /// Returns the keys of a bucket, in order.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.in_bucket(bucket, |store| store.objects.keys().cloned().collect())
    }

    /// Returns the keys of the uploads that are neither completed nor aborted.
    ///
    /// # Panics
    /// When there is no such bucket.
    pub fn open_uploads(&self, bucket: &str) -> Vec<String> {
        self.in_bucket(bucket, |store| store.open_uploads())
    }

    #[expect(clippy::panic, reason = "a test that names no bucket is wrong")]
    fn in_bucket<T>(&self, name: &str, look: impl FnOnce(&mut Store) -> T) -> T {
        match self.state().buckets.get_mut(name) {
            Some(store) => look(store),
            None => panic!("there is no bucket {name}"),
        }
    }

    /// Adds an instance or a cluster.
    pub fn add_database(&self, mut database: Database) {
        database.created = database.created.or(Some(self.clock.now()));
        self.state().rds.databases.push(database);
    }

    /// Adds a snapshot.
    pub fn add_snapshot(&self, mut snapshot: Snapshot) {
        snapshot.created = snapshot.created.or(Some(self.clock.now()));
        self.state().rds.snapshots.push(snapshot);
    }

    /// Returns the instance or cluster with this identifier.
    pub fn database(&self, id: &str) -> Option<Database> {
        let state = self.state();
        state.rds.databases.iter().find(|it| it.id == id).cloned()
    }

    /// Returns the snapshot with this identifier. Such a look changes nothing.
    pub fn snapshot(&self, id: &str) -> Option<Snapshot> {
        let state = self.state();
        state.rds.snapshots.iter().find(|it| it.id == id).cloned()
    }

    /// Returns the identifiers of all snapshots, in the order in which they were made.
    pub fn snapshots(&self) -> Vec<String> {
        let state = self.state();
        state.rds.snapshots.iter().map(|it| it.id.clone()).collect()
    }

    /// Sets the status of an instance, cluster or snapshot, whatever it was waiting for.
    pub fn set_status(&self, id: &str, status: &str) {
        self.state().rds.set_status(id, status);
    }

    /// Sets the number of looks at a new snapshot that show it as `creating`. By default it is 2. Each description
    /// with the snapshot in it is a look.
    pub fn snapshots_take(&self, looks: u32) {
        self.state().rds.looks = looks;
    }

    /// Sets the status in which new snapshots end: `available`, or `failed`.
    pub fn snapshots_end(&self, status: &str) {
        status.clone_into(&mut self.state().rds.end);
    }

    /// Sets the number of looks at a restored database that show it as `creating`. By default it is 2.
    pub fn restores_take(&self, looks: u32) {
        self.state().rds.restore_looks = looks;
    }

    /// Sets the maximum number of manual snapshots of a region. By default it is 100.
    pub fn snapshot_quota(&self, count: usize) {
        self.state().rds.quota = count;
    }

    /// Sets the valid access keys.
    pub fn access_keys<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let ids = ids.into_iter().map(str::to_owned);
        self.state().keys = Some(ids.collect());
    }

    /// Takes a permission away.
    pub fn deny(&self, denial: Denial) {
        self.state().denials.push(denial);
    }

    /// Gives back all permissions.
    pub fn allow_all(&self) {
        self.state().denials.clear();
    }

    /// Sets whether requests with the signature of a wrong region are redirected. Otherwise they are refused as
    /// malformed. Both name the right region.
    pub fn redirect_regions(&self, redirects: bool) {
        self.state().redirects = redirects;
    }

    /// Adds a fault. Requests are counted from now on.
    pub fn fault(&self, on: On, fault: AwsFault) {
        self.state().rules.add(on, fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state().rules.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
