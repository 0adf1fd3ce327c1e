//! The operations of an engine in the host's own types. Each version of the interface implements these
//! traits, so nothing else in the host knows which version an engine was built for.

use futures_util::future::BoxFuture;
use host_base::{Backup, Check, Report};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::instance::HostState;
use super::{
    Acted, Detection, HealthReport, OptionSetting, Page, Preparation, Restoration, RestoreSource,
    v0_1, v0_2,
};

/// The newest version of the engine interface. The SDKs of this program are made for it.
pub const INTERFACE: &str = v0_2::VERSION;

/// The versions of the engine interface that this host provides, the oldest first.
pub const INTERFACES: [&str; 2] = [v0_1::VERSION, v0_2::VERSION];

/// A component whose imports are linked, ready to be started many times.
pub(super) trait Linked: Send + Sync {
    /// Starts the component in a store of its own.
    fn start<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
    ) -> BoxFuture<'a, wasmtime::Result<Box<dyn Guest>>>;
}

/// A started component. Its results are checked before they are returned.
pub(super) trait Guest: Send + Sync {
    fn detect<'a>(&'a self, store: &'a mut Store<HostState>) -> Call<'a, Detection>;

    fn health<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<HealthReport>>;

    fn list<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        cursor: Option<&'a str>,
        limit: Option<u32>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Page>;

    fn status<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Backup>;

    fn prepare<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Preparation>;

    fn create<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        prepared: Option<&'a [u8]>,
        options: &'a [OptionSetting],
    ) -> Call<'a, Backup>;

    fn download<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, ()>;

    fn finish<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<(String, String)>>;

    fn restore<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        source: RestoreSource,
        dry_run: bool,
        options: &'a [OptionSetting],
    ) -> Call<'a, Restoration>;

    fn delete<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        force: bool,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<String>>;

    fn verify<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        id: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Vec<Check>>;

    fn act<'a>(
        &'a self,
        store: &'a mut Store<HostState>,
        verb: &'a str,
        options: &'a [OptionSetting],
    ) -> Call<'a, Acted>;
}

/// A call of an engine.
pub(super) type Call<'a, T> = BoxFuture<'a, Called<T>>;

/// The outcome of a call. The outer error is a breakdown of the component.
pub(super) type Called<T> = wasmtime::Result<Result<T, Fault>>;

/// The reason why a call that ran to its end has no result.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine returned an error.
    Reported(Report),
    /// The engine returned a value that breaks the interface's rules; the text says which.
    BadResult(String),
}

/// Links a component to the interface version that it was built for.
///
/// [`crate::EngineFile::read`] refuses other versions than [`crate::INTERFACES`].
pub(super) fn link(
    interface: &str,
    linker: Linker<HostState>,
    component: &Component,
) -> wasmtime::Result<Box<dyn Linked>> {
    match interface {
        v0_1::VERSION => v0_1::link(linker, component),
        _ => v0_2::link(linker, component),
    }
}

/// Returns the names of the interfaces that the host provides in a version.
pub(super) fn provided(version: &str) -> &'static [&'static str] {
    match version {
        v0_1::VERSION => v0_1::PROVIDED,
        _ => v0_2::PROVIDED,
    }
}

/// Returns a fault if the engine reported an error.
pub(super) fn reported(report: Report) -> Fault {
    Fault::Reported(crate::results::report(report))
}

/// Checks a value of an engine against its manifest and the limits.
pub(super) fn checked<T, U>(
    answer: Result<T, Report>,
    check: impl FnOnce(T) -> Result<U, String>,
) -> Result<U, Fault> {
    check(answer.map_err(reported)?).map_err(Fault::BadResult)
}
