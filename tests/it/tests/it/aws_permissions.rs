//! The IAM policies in docs/engines/aws.md: engine aws works with them, and with none of their permissions less.
//!
//! moto checks permissions as IAM does. But it does not compare the resources of RDS, and it ignores the permissions
//! for the source of a copy and for tags. It keeps no object that is large enough to be copied in parts. There the
//! simulation of the testbed takes its place.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::aws::{ACCOUNT, Aws, AwsFault, Bucket, Data, Database, Denial, Object, On, REGION};
use tokio::runtime::Runtime;

use crate::support::{AccessKey, Invocation, Run, S3, programs};

const PAGE: &str = include_str!("../../../../docs/engines/aws.md");
/// The names that the page has.
const SOURCE: &str = "liferay-retail-prd-dl";
const DESTINATION: &str = "liferay-backups";
const TARGET: &str = "liferay-retail-new-dl";
const DATABASE: &str = "retail-prd-db";
const ID: &str = "liferay-backups/retail/prd/20251109-143000";

/// The server that misses a permission.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Moto,
    Simulation,
    /// moto misses the action, and the simulation its resource.
    Both,
}

/// A command that needs a permission.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Create,
    List,
    Manifest,
    Verify,
    Pin,
    Delete,
    Restore,
    /// A restore to a place where a document of the same length is.
    RestoreOver,
    /// A backup and a restore whose large document can't be copied. They succeed at nothing, but clean up.
    CreateInVain,
    RestoreInVain,
}

/// Each permission of a policy. The columns are the first command of the policy, the action, and the end of the
/// resource. Behind them are the command that needs the permission, and the server that misses it.
const NECESSARY: &str = "
create s3:ListBucket liferay-retail-prd-dl create moto
create s3:ListBucket liferay-backups create moto
create s3:GetObject liferay-retail-prd-dl/* create simulation
create s3:GetObject liferay-backups/retail/prd/* create moto
create s3:PutObject liferay-backups/retail/prd/* create moto
create s3:AbortMultipartUpload liferay-backups/retail/prd/* create-in-vain simulation
create s3:DeleteObject liferay-backups/retail/prd/*/run/* create moto
create rds:DescribeDBInstances * create moto
create rds:DescribeDBSnapshots * create moto
create rds:CreateDBSnapshot db:retail-prd-db create both
create rds:CreateDBSnapshot snapshot:retail-prd-* create both
create rds:AddTagsToResource snapshot:retail-prd-* create simulation
list s3:ListBucket liferay-backups list moto
list s3:GetObject liferay-backups/* manifest moto
list rds:DescribeDBSnapshots * verify moto
delete s3:PutObject liferay-backups/retail/prd/*/pin pin moto
delete s3:PutObject liferay-backups/retail/prd/*/deleting delete moto
delete s3:DeleteObject liferay-backups/retail/prd/* delete moto
delete rds:DeleteDBSnapshot snapshot:retail-prd-* delete both
restore s3:PutObject liferay-backups/retail/prd/*/run/* restore moto
restore s3:ListBucket liferay-retail-new-dl restore moto
restore s3:GetObject liferay-retail-new-dl/* restore-over moto
restore s3:PutObject liferay-retail-new-dl/* restore moto
restore s3:AbortMultipartUpload liferay-retail-new-dl/* restore-in-vain simulation
restore rds:DescribeDBInstances * restore moto
restore rds:RestoreDBInstanceFromDBSnapshot * restore moto
restore rds:AddTagsToResource db:retail-new-db restore simulation
";

/// A line of the table.
struct Row {
    policy: &'static str,
    action: &'static str,
    end: &'static str,
    need: Need,
    server: Server,
}

fn necessary() -> Vec<Row> {
    let row = |line: &'static str| {
        let words: Vec<_> = line.split(' ').collect();
        let [policy, action, end, need, server] = words[..] else {
            panic!("{line} has five words");
        };
        Row {
            policy,
            action,
            end,
            need: match need {
                "create" => Need::Create,
                "list" => Need::List,
                "manifest" => Need::Manifest,
                "verify" => Need::Verify,
                "pin" => Need::Pin,
                "delete" => Need::Delete,
                "restore" => Need::Restore,
                "restore-over" => Need::RestoreOver,
                "create-in-vain" => Need::CreateInVain,
                "restore-in-vain" => Need::RestoreInVain,
                other => panic!("{other} is no command"),
            },
            server: match server {
                "moto" => Server::Moto,
                "simulation" => Server::Simulation,
                "both" => Server::Both,
                other => panic!("{other} is no server"),
            },
        }
    };
    NECESSARY.trim().lines().map(row).collect()
}

/// The actions that the page names below the policies, for what not every backup has. Only the simulation checks
/// these. Neither server has encrypted buckets or snapshots without tags, so nothing shows that the others are needed.
const FURTHER: [(&str, Need); 7] = [
    ("rds:DescribeDBClusters", Need::Create),
    ("rds:CreateDBClusterSnapshot", Need::Create),
    ("rds:DescribeDBClusterSnapshots", Need::Create),
    ("rds:DeleteDBClusterSnapshot", Need::Delete),
    ("rds:RestoreDBClusterFromSnapshot", Need::Restore),
    ("s3:GetObjectTagging", Need::Create),
    ("s3:PutObjectTagging", Need::Create),
];
const NOT_SHOWN: [&str; 4] = [
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "rds:ListTagsForResource",
    "s3:ListBucket",
];

/// One permission: an action on a resource.
type Permission = (String, String);

/// Returns the part of the page about permissions.
fn section() -> &'static str {
    let (_, rest) = PAGE
        .split_once("\n## Permissions in AWS\n")
        .expect("a section");
    rest.split_once("\n## ").expect("a next section").0
}

/// Returns the permissions of each policy of the page, by the first command of the line before it.
fn policies() -> Vec<(String, Vec<Permission>)> {
    let mut policies = Vec::new();
    for part in section().split("\nFor `").skip(1) {
        let (command, rest) = part.split_once('`').expect("a command");
        let (_, rest) = rest.split_once("```json\n").expect("a policy");
        let (policy, _) = rest.split_once("```").expect("its end");
        let policy: Value = serde_json::from_str(policy).expect("JSON");
        let mut permissions = Vec::new();
        for statement in policy["Statement"].as_array().expect("statements") {
            assert_eq!(statement["Effect"], "Allow");
            for action in texts(&statement["Action"]) {
                for resource in texts(&statement["Resource"]) {
                    permissions.push((action.clone(), resource));
                }
            }
        }
        policies.push((command.to_owned(), permissions));
    }
    policies
}

fn texts(value: &Value) -> Vec<String> {
    let many = value.as_array().cloned();
    let many = many.unwrap_or_else(|| vec![value.clone()]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    many.iter().map(text).collect()
}

/// Returns the permissions that the page names for a policy and those that it adds to.
fn documented(policy: &str) -> Vec<Permission> {
    let named: &[&str] = match policy {
        "create" | "list" => &[policy],
        _ => &["list", policy],
    };
    let mut all = policies();
    all.retain(|(name, _)| named.contains(&&**name));
    all.into_iter().flat_map(|(_, own)| own).collect()
}

/// Returns the end of a resource that the table has: an ARN without its beginning, which has the account.
fn end_of(resource: &str) -> &str {
    match resource.splitn(6, ':').nth(5) {
        Some(end) => end,
        None => resource,
    }
}

/// Returns the names in backticks below the policies that are actions.
fn further_actions() -> BTreeSet<String> {
    let (_, rest) = section().rsplit_once("```").expect("the last policy");
    let words = rest.split('`').skip(1).step_by(2);
    let is_action = |word: &&str| word.contains(':') && !word.contains(' ');
    words.filter(is_action).map(str::to_owned).collect()
}

#[test]
fn every_permission_of_the_page_is_in_the_tables() {
    let mut named = BTreeSet::new();
    for (policy, permissions) in policies() {
        for (action, resource) in permissions {
            named.insert((policy.clone(), action, end_of(&resource).to_owned()));
        }
    }
    let shown = necessary().into_iter();
    let shown = shown.map(|row| (row.policy, row.action, row.end));
    let shown: Vec<_> = shown.collect();
    assert_eq!(shown.len(), named.len());
    let shown = shown
        .into_iter()
        .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(named, shown.collect());
    let shown = FURTHER.iter().map(|(action, _)| *action).chain(NOT_SHOWN);
    assert_eq!(further_actions(), shown.map(str::to_owned).collect());
}

impl Need {
    /// Returns the command line. `number` makes the names of what it makes unique.
    fn arguments(self, number: usize) -> String {
        let create = |at: &str| {
            format!(
                "create --engine aws --project retail --environment prd --destination-bucket {DESTINATION} \
                 --db-instance {DATABASE} --source-bucket {SOURCE} --at {at}"
            )
        };
        let restore = format!(
            "restore --engine aws --id {ID} --yes --restore-name r{number} --target-bucket {TARGET}"
        );
        let rest = match self {
            Self::Create if number == 0 => create("20251109-143000"),
            Self::Create => create(&format!("20251110-0000{number:02}")),
            Self::CreateInVain => create("20251109-143000"),
            Self::List => format!("list --engine aws --destination-bucket {DESTINATION}"),
            Self::Manifest => format!("manifest {ID} --engine aws"),
            Self::Verify => format!("verify --engine aws --id {ID}"),
            Self::Pin => format!("pin {ID} --engine aws"),
            Self::Delete => format!("delete --engine aws --id {ID} --yes"),
            Self::Restore if number == 0 => format!("{restore} --db-instance retail-new-db"),
            Self::Restore => format!("{restore} --db-instance retail-new-{number}"),
            Self::RestoreOver => format!("{restore} --target-prefix over"),
            Self::RestoreInVain => restore,
        };
        format!("backup {rest}")
    }
}

/// Returns the program without a cluster. `folder` has its locks: without a cluster, one machine makes one restore.
fn program(folder: &TempDir) -> Invocation {
    let programs = programs();
    Invocation::new(&programs.kubectl_broker, &programs.folders)
        .unreachable_cluster()
        .in_folder(folder.path())
}

/// Checks that a command failed for lack of a permission, and that it says which one, or for what.
fn check_refused(run: &Run, action: &str, resource: &str) {
    assert_eq!(run.code, 12, "{action} {resource}: {}", run.shown());
    let (service, name) = action.split_once(':').expect("an action");
    let bucket = end_of(resource).split('/').next().expect("a bucket");
    let part = if service == "s3" { bucket } else { name };
    assert!(run.stderr.contains(part), "{action}: {}", run.shown());
}

/// moto with the buckets and the database of the page.
struct Moto {
    s3: S3,
    folder: TempDir,
}

impl Moto {
    /// Creates a user with these permissions.
    fn user(&self, name: &str, permissions: &[Permission]) -> AccessKey {
        let statement = |(action, resource): &Permission| {
            // moto compares each action of RDS with this resource.
            let is_s3 = action.starts_with("s3:");
            let resource = if is_s3 { resource } else { "*" };
            json!({"Effect": "Allow", "Action": action, "Resource": resource})
        };
        let statements: Vec<_> = permissions.iter().map(statement).collect();
        self.s3.user_with(name, &statements)
    }

    fn run(&self, key: &AccessKey, arguments: &str) -> Run {
        let program = self
            .s3
            .without_key(program(&self.folder))
            .env("AWS_REGION", "us-east-1");
        key.known_to(program).run(arguments)
    }

    fn succeed(&self, key: &AccessKey, arguments: &str) {
        let run = self.run(key, arguments);
        assert_eq!(run.code, 0, "{arguments}: {}", run.shown());
    }
}

#[test]
fn moto_allows_each_command_with_its_policy_and_refuses_it_with_a_permission_less() {
    let moto = Moto {
        s3: S3::with_bucket(DESTINATION),
        folder: tempfile::tempdir().expect("a folder"),
    };
    for bucket in [SOURCE, TARGET] {
        moto.s3.add_bucket(bucket);
    }
    for at in 0..3 {
        let (key, text) = (format!("library/{at}"), format!("text {at}"));
        moto.s3.add_object(SOURCE, &key, text.as_bytes());
    }
    moto.s3.add_object(TARGET, "over/library/0", b"other0");
    moto.s3.add_database(DATABASE);
    // After `close`, nothing but the users' own keys is accepted.
    let [creator, reader, remover, restorer] = ["create", "list", "delete", "restore"]
        .map(|policy| moto.user(policy, &documented(policy)));
    let rows = necessary().into_iter().zip(1..);
    let rows = rows.filter(|(row, _)| row.server != Server::Simulation);
    let lacking = rows.map(|(row, number)| {
        let mut permissions = documented(row.policy);
        let before = permissions.len();
        permissions.retain(|(action, resource)| {
            let is_other = row.action.starts_with("s3:") && end_of(resource) != row.end;
            action != row.action || is_other
        });
        assert_ne!(permissions.len(), before, "{} {}", row.action, row.end);
        let key = moto.user(&format!("lacking-{number}"), &permissions);
        (row, number, key)
    });
    let lacking: Vec<_> = lacking.collect();
    moto.s3.close();
    let refused = |of: &str| {
        for (row, number, key) in lacking.iter().filter(|(row, ..)| row.policy == of) {
            let run = moto.run(key, &row.need.arguments(*number));
            check_refused(&run, row.action, row.end);
        }
    };

    moto.succeed(&creator, &Need::Create.arguments(0));
    refused("create");
    for need in [Need::List, Need::Manifest, Need::Verify] {
        moto.succeed(&reader, &need.arguments(0));
    }
    moto.succeed(
        &reader,
        &format!("backup verify --engine aws --id {ID} --deep"),
    );
    moto.succeed(&reader, &format!("backup status --engine aws --id {ID}"));
    refused("list");
    // With the permission to read it, the program sees that the document in its way is another one.
    let run = moto.run(&restorer, &Need::RestoreOver.arguments(0));
    assert_eq!(run.code, 11, "{}", run.shown());
    refused("restore");
    moto.succeed(&restorer, &Need::Restore.arguments(0));
    moto.succeed(
        &restorer,
        &format!("backup status --engine aws --id {ID}#restore-r0"),
    );
    refused("delete");
    // One of the refused commands has begun the deletion: this one ends it.
    moto.succeed(&remover, &Need::Delete.arguments(0));

    moto.succeed(&creator, &Need::Create.arguments(59));
    let id = "liferay-backups/retail/prd/20251110-000059";
    for verb in ["pin", "unpin"] {
        moto.succeed(&remover, &format!("backup {verb} {id} --engine aws"));
    }
    let expire = format!("backup expire --engine aws --destination-bucket {DESTINATION}");
    moto.succeed(&remover, &format!("{expire} --retention 1h --yes"));
}

/// The simulation with the buckets and the database of the page.
struct Simulation {
    aws: Aws,
    folder: TempDir,
    // The servers must be dropped before their runtime.
    _runtime: Runtime,
}

impl Simulation {
    fn with(database: Database, documents: Bucket) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let aws = runtime.block_on(Aws::start()).expect("a cloud");
        aws.snapshots_take(0);
        aws.restores_take(0);
        aws.add_database(database);
        aws.add_bucket(documents);
        aws.add_bucket(Bucket::new(DESTINATION));
        aws.add_bucket(Bucket::new(TARGET));
        Self {
            aws,
            folder: tempfile::tempdir().expect("a folder"),
            _runtime: runtime,
        }
    }

    fn of_page() -> Self {
        let documents = Bucket::new(SOURCE).object("library/0", Object::new("text"));
        Self::with(Database::instance(DATABASE), documents)
    }

    fn run(&self, arguments: &str) -> Run {
        program(&self.folder)
            .env("AWS_ENDPOINT_URL", self.aws.url())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIATEST")
            .env("AWS_SECRET_ACCESS_KEY", "s3cr3t")
            .run(arguments)
    }

    fn succeed(&self, arguments: &str) {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments}: {}", run.shown());
    }
}

/// Returns the resource of the page with the account and the region of the simulation.
fn here(resource: &str) -> String {
    resource
        .replace("111122223333", ACCOUNT)
        .replace("eu-west-1", REGION)
}

#[test]
fn the_simulation_refuses_what_moto_does_not_check() {
    for row in necessary() {
        let is_in_vain = matches!(row.need, Need::CreateInVain | Need::RestoreInVain);
        if row.server == Server::Moto || is_in_vain {
            continue;
        }
        let all = documented(row.policy);
        let is_it =
            |(action, resource): &&Permission| action == row.action && end_of(resource) == row.end;
        let (action, resource) = all.iter().find(is_it).expect("it is in the policy");
        let cloud = Simulation::of_page();
        if row.need != Need::Create {
            cloud.succeed(&Need::Create.arguments(0));
        }
        cloud.aws.deny(Denial::new(action, &here(resource)));
        let run = cloud.run(&row.need.arguments(0));
        check_refused(&run, action, resource);
        cloud.aws.allow_all();
        cloud.succeed(&row.need.arguments(0));
    }
}

/// The command fails either way. Only with the permission it leaves no parts, which cost money.
#[test]
fn parts_of_a_copy_in_vain_stay_without_the_permission_to_abort() {
    for (policy, need, bucket) in [
        ("create", Need::CreateInVain, DESTINATION),
        ("restore", Need::RestoreInVain, TARGET),
    ] {
        let rows = necessary();
        let is_it = |row: &&Row| row.policy == policy && row.need == need;
        let row = rows.iter().find(is_it).expect("a permission");
        for (is_allowed, left) in [(true, 0), (false, 1)] {
            let large = Object::new(Data::sparse(6 << 30, 7));
            let documents = Bucket::new(SOURCE).object("large", large);
            let cloud = Simulation::with(Database::instance(DATABASE), documents);
            if need == Need::RestoreInVain {
                cloud.succeed(&Need::Create.arguments(0));
            }
            if !is_allowed {
                let resource = format!("arn:aws:s3:::{}", row.end);
                cloud.aws.deny(Denial::new(row.action, &resource));
            }
            let refusal = AwsFault::error(403, "AccessDenied", "Access Denied");
            cloud
                .aws
                .fault(On::operation("UploadPartCopy").nth(2), refusal);
            let run = cloud.run(&need.arguments(0));
            assert_eq!(run.code, 12, "{}", run.shown());
            assert_eq!(cloud.aws.open_uploads(bucket).len(), left, "{policy}");
        }
    }
}

#[test]
fn clusters_and_tags_need_the_further_permissions() {
    for (action, need) in FURTHER {
        let object = Object::new("text").tag("team", "web");
        let documents = Bucket::new(SOURCE).object("library/0", object);
        let is_cluster = action.contains("Cluster");
        let database = if is_cluster {
            Database::cluster(DATABASE)
        } else {
            Database::instance(DATABASE)
        };
        let cloud = Simulation::with(database, documents);
        let arguments = |need: Need| {
            let arguments = need.arguments(0);
            if is_cluster {
                arguments.replace("--db-instance", "--db-cluster")
            } else {
                arguments
            }
        };
        if need != Need::Create {
            cloud.succeed(&arguments(Need::Create));
        }
        cloud.aws.deny(Denial::new(action, "*"));
        let run = cloud.run(&arguments(need));
        let resource = if action == "s3:PutObjectTagging" {
            DESTINATION
        } else {
            SOURCE
        };
        check_refused(&run, action, resource);
        cloud.aws.allow_all();
        cloud.succeed(&arguments(need));
    }
}
