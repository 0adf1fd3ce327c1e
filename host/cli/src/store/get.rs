use std::sync::Arc;

use clap::Args;
use host_driver::{CopyChoice, GetRequest, Host, HostSettings, get, identities};

use super::IdentityArgs;
use crate::Context;
use crate::backup::place::PlaceArgs;
use crate::error::CliError;
use crate::ui::{CopyDownloadView, Document, Ui};

/// Download a copy to a verified file
#[derive(Args)]
pub(super) struct GetArgs {
    /// Name or address of the store
    store: String,
    /// Id of the copy, or its reference as `ls -o name` shows it
    copy: String,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(
    args: GetArgs,
    context: &Context<'_>,
    ui: Ui,
) -> Result<Option<Box<dyn Document>>, CliError> {
    let place = args.place.place(ui)?;
    let store = context.opener.open(&args.store).await?;
    let host = host(context);
    let sources = args.identity.sources(&store);
    let request = GetRequest {
        choice: CopyChoice {
            identities: identities(&sources, &context.connect).await?,
            store,
            reference: args.copy,
        },
        place,
    };
    let got = get(&host, request).await?;
    Ok(got.saved.map(|saved| {
        let view = CopyDownloadView {
            store: got.store,
            copy: got.reference,
            id: got.manifest.id,
            saved,
        };
        Box::new(view) as Box<dyn Document>
    }))
}

/// Makes a host for work without engines.
pub(super) fn host(context: &Context<'_>) -> Host {
    Host::new(HostSettings {
        engines: context.engines.clone(),
        limits: host_engine::Limits::default(),
        folders: context.opener.folders.clone(),
        reporter: Arc::new(context.ui),
    })
}
