use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser as _};
use clap::{Args, ValueEnum, ValueHint};
use host_store::{
    IdentitySource, LockMode, LockSettings, Store, StoreError, StoreSettings, StoreUrl, Stores,
    check_name,
};

use super::{Opener, identity, rows};
use crate::error::CliError;
use crate::ui::{Document, StoreReportView, Ui};

/// Add a store to the configuration, and test it
#[derive(Args)]
pub(super) struct AddArgs {
    /// Name of the store, for `--to` and other flags
    name: String,
    /// Address: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER
    #[arg(value_name = "ADDRESS")]
    url: String,
    /// Address of a server other than the cloud's own, such as `https://minio.example:9000`
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Region of the bucket [default: from the AWS configuration, else from S3]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// AWS profile with the credentials [default: AWS_PROFILE, else `default`]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// File with trusted certificates, in PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Encrypt new copies for this age recipient (age1…); may be given several times
    #[arg(long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
    /// Age identities that decrypt copies: a file, secret/NAME or secret/NAME:KEY
    #[arg(
        long,
        value_name = "SOURCE",
        value_parser = PathBufValueParser::new().try_map(identity::parse),
        value_hint = ValueHint::FilePath
    )]
    identity: Option<IdentitySource>,
    /// Lock new copies against deletion (S3 Object Lock)
    #[arg(long, value_enum, value_name = "MODE", requires = "lock_days")]
    lock: Option<LockArg>,
    /// Length of the lock, in days
    #[arg(long, value_name = "DAYS", requires = "lock")]
    lock_days: Option<u32>,
    /// Time zone in which `prune` counts days, such as Europe/Berlin; a store keeps its first one [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Add the store without testing it
    #[arg(long)]
    no_test: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum LockArg {
    /// Users with a special permission can remove the lock
    Governance,
    /// Nothing can remove the lock
    Compliance,
}

impl AddArgs {
    fn settings(&self) -> Result<StoreSettings, StoreError> {
        let url: StoreUrl = self.url.parse()?;
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let mode = self.lock.map(|lock| match lock {
            LockArg::Governance => LockMode::Governance,
            LockArg::Compliance => LockMode::Compliance,
        });
        let settings = StoreSettings {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
            ca: self.ca.as_ref().map(absolute),
            recipients: self.recipients.clone(),
            identity: self.identity.as_ref().map(IdentitySource::absolute),
            lock: mode
                .zip(self.lock_days)
                .map(|(mode, days)| LockSettings { mode, days }),
            time_zone: self.time_zone.clone(),
            ..StoreSettings::at(url)
        };
        settings.check()?;
        Ok(settings)
    }
}

pub(super) async fn run(
    args: AddArgs,
    opener: &Opener,
    ui: Ui,
) -> Result<Box<dyn Document>, CliError> {
    check_name(&args.name)?;
    let folders = opener.folders.as_ref().ok_or(CliError::NoHome)?;
    let settings = args.settings()?;
    let taken = |stores: &Stores| match stores.stores.get(&args.name) {
        Some(found) if *found != settings => Err(StoreError::NameTaken {
            name: args.name.clone(),
            url: found.url.to_string(),
        }),
        _ => Ok(()),
    };
    let stores = Stores::read(&folders.configuration)?;
    taken(&stores)?;
    let is_same = |(name, it): &(&String, &StoreSettings)| {
        **name != args.name && it.url == settings.url && it.endpoint == settings.endpoint
    };
    if let Some((other, _)) = stores.stores.iter().find(is_same) {
        ui.warn(&format!(
            "Store {other} has the same address: name the store, because the address means both"
        ));
    }
    let checks = if args.no_test {
        if let StoreUrl::Folder(_) = settings.url {
            let store = Store::open(&args.name, settings.clone(), None, opener.cleanup.clone());
            store.await?.prepare(true).await?;
        }
        Vec::new()
    } else {
        let store = Store::open(&args.name, settings.clone(), None, opener.cleanup.clone());
        std::sync::Arc::new(store.await?).test(true).await?
    };
    let failure = rows::failure(&checks);
    if failure.is_none() {
        Stores::change(&folders.configuration, |stores| {
            taken(stores)?;
            stores.stores.insert(args.name.clone(), settings.clone());
            Ok(())
        })?;
        ui.note(&format!("Store {} is added", args.name));
    } else {
        if let Some(hint) = rows::hint(&checks) {
            ui.note(&ui.with_commands(hint));
        }
        let is_folder = matches!(settings.url, StoreUrl::Folder(_));
        // A folder becomes a store when it is added, so it must be writable in any case.
        ui.note(if is_folder {
            "The store was not added because a check failed"
        } else {
            "The store was not added because a check failed; `--no-test` adds it without checks"
        });
    }
    Ok(Box::new(StoreReportView {
        store: args.name.clone(),
        url: settings.url.to_string(),
        checks: checks.iter().map(|it| rows::check(&it.check)).collect(),
        failure,
    }))
}
