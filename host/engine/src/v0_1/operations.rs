//! Calls the operations of an engine that was built for this interface version.

use futures_util::future::BoxFuture;
use host_base::Backup;
use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker};

use super::bindings::exports::kubectl_broker::engine::operations as wit;
use super::{WitError, bindings, requests, results};
use crate::guest::{Call, Fault, Guest, Linked};
use crate::instance::HostState;
use crate::{Acted, Detection, OptionSetting, Restoration, RestoreSource};

/// Links the interfaces that the host provides. [`crate::EngineFile::read`] has already checked which of them
/// a component may import.
pub(crate) fn link(
    mut linker: Linker<HostState>,
    component: &Component,
) -> wasmtime::Result<Box<dyn Linked>> {
    use bindings::kubectl_broker::engine::{
        artifacts, clock, exec, http, log, progress, resources, types,
    };

    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    artifacts::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    resources::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    exec::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    progress::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    let component = bindings::EnginePre::new(linker.instantiate_pre(component)?)?;
    Ok(Box::new(component))
}

impl Linked for bindings::EnginePre<HostState> {
    fn start<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
    ) -> BoxFuture<'a, wasmtime::Result<Box<dyn Guest>>> {
        Box::pin(async move {
            let bindings = self.instantiate_async(store).await?;
            Ok(Box::new(bindings) as Box<dyn Guest>)
        })
    }
}

impl Guest for bindings::Engine {
    fn detect<'a>(&'a self, store: &'a mut Store<HostState>) -> Call<'a, Detection> {
        Box::pin(async move {
            let answer = self.operations().call_detect(store).await?;
            Ok(answer.map(results::detection).map_err(reported))
        })
    }

    fn list<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        limit: Option<u32>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<Backup>> {
        Box::pin(async move {
            let request = requests::list(limit, options);
            let answer = self.operations().call_list(&mut *store, &request).await?;
            Ok(checked(store.data(), answer, results::backups))
        })
    }

    fn status<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Backup> {
        Box::pin(async move {
            let request = requests::status(id, options);
            let answer = self.operations().call_status(&mut *store, &request).await?;
            Ok(checked(store.data(), answer, results::backup))
        })
    }

    fn prepare<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<String>> {
        Box::pin(async move {
            let request = requests::prepare(options);
            let answer = self.operations().call_prepare(store, &request).await?;
            Ok(answer.map(results::notes).map_err(reported))
        })
    }

    fn create<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Backup> {
        Box::pin(async move {
            let request = requests::create(options);
            let answer = self.operations().call_create(&mut *store, &request).await?;
            Ok(checked(store.data(), answer, results::backup))
        })
    }

    fn download<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let request = requests::download(id, options);
            let answer = self.operations().call_download(store, &request).await?;
            // The service that saved the file knows more about it than the engine.
            Ok(answer.map(drop).map_err(reported))
        })
    }

    fn finish<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<(String, String)>> {
        Box::pin(async move {
            let request = requests::finish(id, options);
            let answer = self.operations().call_finish(store, &request).await?;
            Ok(answer.map(results::details).map_err(reported))
        })
    }

    fn restore<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        source: RestoreSource,
        dry_run: bool,
        options: &'a [OptionSetting],
    ) -> Call<'a, Restoration> {
        Box::pin(async move {
            let source = match source {
                RestoreSource::Id(id) => wit::RestoreSource::Id(id),
                RestoreSource::File(artifact) => {
                    wit::RestoreSource::File(store.data_mut().table.push(artifact)?)
                }
            };
            let request = requests::restore(source, dry_run, options);
            let answer = self
                .operations()
                .call_restore(&mut *store, &request)
                .await?;
            Ok(checked(store.data(), answer, results::restoration))
        })
    }

    fn delete<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        force: bool,
        options: &'a [OptionSetting],
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let request = requests::delete(id, force, options);
            let answer = self.operations().call_delete(store, &request).await?;
            Ok(answer.map_err(reported))
        })
    }

    fn act<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        verb: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Acted> {
        Box::pin(async move {
            let request = requests::act(verb, options);
            let answer = self.operations().call_act(&mut *store, &request).await?;
            Ok(checked(store.data(), answer, results::acted))
        })
    }
}

impl bindings::Engine {
    fn operations(&self) -> &wit::Guest {
        self.kubectl_broker_engine_operations()
    }
}

fn reported(error: WitError) -> Fault {
    Fault::Reported(results::report(error))
}

/// Checks a value of an engine against its manifest and the limits.
fn checked<T, U>(
    state: &HostState,
    answer: Result<T, WitError>,
    check: impl FnOnce(&HostState, T) -> Result<U, String>,
) -> Result<U, Fault> {
    let value = answer.map_err(reported)?;
    check(state, value).map_err(Fault::BadResult)
}
