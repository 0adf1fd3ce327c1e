//! Calls the operations of an engine that was built for this interface version.

use futures_util::future::BoxFuture;
use host_base::{Backup, Check};
use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Linker};

use super::bindings::exports::kubectl_broker::engine::operations as wit;
use super::{bindings, convert, requests};
use crate::guest::{Call, Guest, Linked, checked, reported};
use crate::instance::HostState;
use crate::results;
use crate::{
    Acted, Detection, HealthReport, OptionSetting, Page, Preparation, Restoration, RestoreSource,
};

/// Links the interfaces that the host provides. [`crate::EngineFile::read`] has already checked which of them
/// a component may import.
pub(crate) fn link(
    mut linker: Linker<HostState>,
    component: &Component,
) -> wasmtime::Result<Box<dyn Linked>> {
    use bindings::kubectl_broker::engine::{
        artifacts, aws, clock, exec, http, log, progress, random, resources, storage, target, types,
    };

    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    http::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    artifacts::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    storage::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    aws::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    resources::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    exec::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    progress::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    random::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    target::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
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
            let answer = answer.map_err(|it| reported(convert::report(it)));
            Ok(answer.map(|it| results::detection(convert::detection(it))))
        })
    }

    fn health<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<HealthReport>> {
        Box::pin(async move {
            let request = requests::health(options);
            let answer = self.operations().call_health(store, &request).await?;
            Ok(checked(answer.map_err(convert::report), |reports| {
                results::health(reports.into_iter().map(convert::health).collect())
            }))
        })
    }

    fn list<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        cursor: Option<&'a str>,
        limit: Option<u32>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Page> {
        Box::pin(async move {
            let request = requests::list(cursor, limit, options);
            let answer = self.operations().call_list(&mut *store, &request).await?;
            Ok(checked(answer.map_err(convert::report), |page| {
                let backups = page.backups.into_iter().map(convert::backup).collect();
                results::page(store.data(), backups, page.next)
            }))
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
            Ok(checked(answer.map_err(convert::report), |backup| {
                results::backup(store.data(), convert::backup(backup))
            }))
        })
    }

    fn prepare<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Preparation> {
        Box::pin(async move {
            let request = requests::prepare(options);
            let answer = self.operations().call_prepare(store, &request).await?;
            Ok(checked(answer.map_err(convert::report), |prepared| {
                results::preparation(prepared.notes, prepared.token)
            }))
        })
    }

    fn create<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        prepared: Option<&'a [u8]>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Backup> {
        Box::pin(async move {
            let request = requests::create(prepared, options);
            let answer = self.operations().call_create(&mut *store, &request).await?;
            Ok(checked(answer.map_err(convert::report), |backup| {
                results::backup(store.data(), convert::backup(backup))
            }))
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
            let answer = answer.map(drop);
            Ok(answer.map_err(|it| reported(convert::report(it))))
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
            let answer = answer.map_err(|it| reported(convert::report(it)));
            Ok(answer.map(|fields| results::details(convert::fields(fields))))
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
            Ok(checked(answer.map_err(convert::report), |restoration| {
                let backup = convert::backup(restoration.backup);
                Ok(Restoration {
                    backup: results::backup(store.data(), backup)?,
                    details: results::details(convert::fields(restoration.details)),
                })
            }))
        })
    }

    fn delete<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        force: bool,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<String>> {
        Box::pin(async move {
            let request = requests::delete(id, force, options);
            let answer = self.operations().call_delete(store, &request).await?;
            let answer = answer.map_err(|it| reported(convert::report(it)));
            Ok(answer.map(results::notes))
        })
    }

    fn verify<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<Check>> {
        Box::pin(async move {
            let request = requests::verify(id, options);
            let answer = self.operations().call_verify(store, &request).await?;
            Ok(checked(answer.map_err(convert::report), |checks| {
                results::checks(checks.into_iter().map(convert::check).collect())
            }))
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
            Ok(checked(answer.map_err(convert::report), |report| {
                acted(store.data(), report)
            }))
        })
    }
}

impl bindings::Engine {
    fn operations(&self) -> &wit::Guest {
        self.kubectl_broker_engine_operations()
    }
}

fn acted(state: &HostState, report: wit::Report) -> Result<Acted, String> {
    match report {
        wit::Report::Done => Ok(Acted::Done),
        wit::Report::Text(text) => results::text(text),
        wit::Report::Backups(backups) => {
            let backups = backups.into_iter().map(convert::backup).collect();
            results::backups(state, backups).map(Acted::Backups)
        }
        wit::Report::Items(items) => {
            let items = items.into_iter().map(convert::check).collect();
            results::checks(items).map(Acted::Items)
        }
    }
}
